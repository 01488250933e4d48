"""Shows the OpenAPI document as one HTML page without scripts: operations by group, then the fields of every value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from orchestrator.api.models import UNIT

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:62em;padding:0 1em;color:#1a1a1a;background:#fff}
h2{border-bottom:1px solid #bbb;margin-top:2em}h3{margin:1.6em 0 .3em;font-weight:600}
code{font:13px ui-monospace,monospace;background:#f1f1f1;padding:0 .25em}
table{border-collapse:collapse;width:100%;margin:.4em 0 1em}
th,td{text-align:left;vertical-align:top;border-top:1px solid #ddd;padding:.25em .6em .25em 0;overflow-wrap:anywhere}
th{font-weight:600;border-top:0}.m{display:inline-block;min-width:4.2em}
@media (prefers-color-scheme:dark){body{background:#181818;color:#ddd}code{background:#2a2a2a}a{color:#8ab4f8}}
"""
_CODE = re.compile(r"`+([^`]+)`+")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")

_Dict = dict[str, Any]


def page(document: _Dict) -> str:
    """Return the page of an OpenAPI document."""
    info = document["info"]
    parts = [f"<h1>{escape(info['title'])}</h1>", _prose(info["summary"]), _prose(info["description"])]
    parts += [
        "<p>This page is made of <a href='/api/v1/openapi.json'>the OpenAPI document</a>.</p>",
        _contents(document),
    ]
    for tag in document["tags"]:
        parts += [f"<h2 id='{escape(tag['name'])}'>{escape(tag['name'])}</h2>", _prose(tag["description"])]
        for method, path, operation in _operations(document, tag["name"]):
            parts += _operation(method, path, operation)
    parts.append("<h2 id='values'>values</h2>")
    for name, schema in document["components"]["schemas"].items():
        parts += [f"<h3 id='{escape(name)}'>{escape(name)}</h3>", _prose(schema.get("description", ""))]
        parts.append(_fields(schema))
    head = f"<meta charset='utf-8'><title>{escape(info['title'])} API</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>"


def _operations(document: _Dict, tag: str) -> Iterator[tuple[str, str, _Dict]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _contents(document: _Dict) -> str:
    rows = []
    for tag in document["tags"]:
        for method, path, operation in _operations(document, tag["name"]):
            link = f"<a href='#{operation['operationId']}'><code>{escape(path)}</code></a>"
            rows.append([f"<span class='m'>{method}</span> {link}", escape(_first_sentence(operation))])
    return _table(("operation", "what it does"), rows)


def _first_sentence(operation: _Dict) -> str:
    words = _CODE.sub(r"\1", str(operation.get("description", "")))
    return words.split(". ")[0].split("\n")[0].rstrip(".:") + "."


def _operation(method: str, path: str, operation: _Dict) -> Iterator[str]:
    yield f"<h3 id='{operation['operationId']}'><span class='m'>{method}</span> <code>{escape(path)}</code></h3>"
    yield _prose(operation.get("description", ""))
    if parameters := operation.get("parameters"):
        rows = [
            [
                f"<code>{escape(it['name'])}</code> ({it['in']}{', required' if it['required'] else ''})",
                _type(it["schema"]),
                _words(it.get("description", "")),
                _example(it["schema"]),
            ]
            for it in parameters
        ]
        yield _table(("parameter", "type", "what it is", "example"), rows)
    if body := operation.get("requestBody"):
        yield f"<p>Body, as JSON: {_type(body['content']['application/json']['schema'])}</p>"
    rows = []
    for status, answer in sorted(operation["responses"].items()):
        kinds = [_type(content.get("schema", {})) for content in answer.get("content", {}).values()]
        rows.append([status, ", ".join(kinds), _words(answer["description"])])
    yield _table(("status", "answer", "when"), rows)


def _fields(schema: _Dict) -> str:
    if values := schema.get("enum"):
        return f"<p>One of {', '.join(f'<code>{escape(str(value))}</code>' for value in values)}.</p>"
    rows = []
    for name, field in schema.get("properties", {}).items():
        needed = (
            "" if name in schema.get("required", ()) or "default" not in field else f", else {_json(field['default'])}"
        )
        words = _words(field.get("description", "")) + _columns(field)
        kind = f"{_type(field)}{escape(needed)}"
        rows.append([f"<code>{escape(name)}</code>", kind, escape(field.get(UNIT, "")), words, _example(field)])
    return _table(("field", "type", "unit", "what it is", "example"), rows)


def _columns(field: _Dict) -> str:
    """Return the columns of a table's rows, as a table in the words of the field."""
    columns = field.get("items", {}).get("prefixItems", ())
    rows = [
        [f"<code>{escape(it['title'])}</code>", escape(it.get(UNIT, "")), _words(it["description"])] for it in columns
    ]
    return _table(("column", "unit", "what it is"), rows) if rows else ""


def _type(schema: _Dict) -> str:
    """Return the type of a schema in words, with links to the values that it refers to."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(choice) for choice in choices)
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(schema.get("format") or (" or ".join(kind) if isinstance(kind, list) else str(kind)))


def _example(schema: _Dict) -> str:
    examples = schema.get("examples", ())
    if not examples or "prefixItems" in schema.get("items", {}):
        return ""
    return "<br>".join(f"<code>{escape(_json(example))}</code>" for example in examples)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _words(text: str) -> str:
    return _BOLD.sub(r"<b>\1</b>", _CODE.sub(r"<code>\1</code>", escape(text, quote=False)))


def _prose(text: str) -> str:
    return "".join(f"<p>{_words(paragraph)}</p>" for paragraph in text.split("\n\n") if paragraph.strip())


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>" if rows else ""
