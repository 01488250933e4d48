"""Makes a JavaScript client of the API out of its OpenAPI document alone, as generators of other languages do.

Each operation becomes a method of its name. Its values are given in one object: those of the path, of the query and of
headers are taken out by name, the rest is the body. A stream of events becomes an asynchronous iterator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_HEAD = """\
// Made of the OpenAPI document of %(title)s, version %(version)s.

export class Refused extends Error {
  constructor(status, sentence) { super(sentence); this.status = status; }
}

export class Client {
  #url; #headers;

  constructor(url, token) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  async #ask(method, path, places, hasBody, given) {
    const rest = { ...given }, headers = { ...this.#headers }, query = new URLSearchParams();
    for (const [name, place] of Object.entries(places)) {
      if (rest[name] === undefined) continue;
      if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(rest[name]));
      else if (place === "header") headers[name] = rest[name];
      else for (const value of [rest[name]].flat()) query.append(name, value);
      delete rest[name];
    }
    if (hasBody) headers["content-type"] = "application/json";
    else for (const [name, value] of Object.entries(rest)) query.append(name, value);
    const target = query.size ? `${path}?${query}` : path;
    const body = hasBody ? JSON.stringify(rest) : undefined;
    const reply = await fetch(this.#url + target, { method, headers, body });
    if (!reply.ok) throw new Refused(reply.status, (await reply.json()).error);
    return reply;
  }

  async #value(...asked) { return (await this.#ask(...asked)).json(); }

  async *#events(...asked) {
    let text = "";
    for await (const piece of (await this.#ask(...asked)).body.pipeThrough(new TextDecoderStream())) {
      const messages = (text + piece).split("\\n\\n");
      text = messages.pop();
      for (const message of messages) {
        const fields = Object.fromEntries(message.split("\\n").map((line) => line.split(/: ?(.*)/s, 2)));
        if (fields.event) yield { event: fields.event, data: JSON.parse(fields.data) };
      }
    }
  }
"""


def javascript_client(document: dict[str, Any]) -> str:
    """Return the text of a module with a class ``Client``, whose methods are the operations of a document."""
    methods = [
        "\n".join(_method(method, path, operation))
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    return "\n".join([_HEAD % document["info"], *methods, "}", ""])


def _method(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    parameters = operation.get("parameters", [])
    places = {parameter["name"]: parameter["in"] for parameter in parameters}
    yield f"  /** {_one_line(operation['description'])}"
    for parameter in parameters:
        yield f"   * {parameter['name']}: {_one_line(parameter['description'])}"
    yield "   */"
    asked = (
        f'"{method.upper()}", {json.dumps(path)}, {json.dumps(places)}, {json.dumps("requestBody" in operation)}, given'
    )
    is_stream = any("text/event-stream" in told.get("content", {}) for told in operation["responses"].values())
    answer = "events" if is_stream else "value"
    yield f"  {operation['operationId']}(given = {{}}) {{ return this.#{answer}({asked}); }}"


def _one_line(words: str) -> str:
    return " ".join(words.split()).replace("*/", "* /")
