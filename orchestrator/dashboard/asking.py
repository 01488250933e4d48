"""What pages ask of control and order there: orders go through the log of who ordered what, where one is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request

API = "/api/v1"
_JSON = (b"content-type", b"application/json")
_FIELDS_MAX = 400


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of the service: its status, and its JSON."""

    status: int
    body: Any

    @property
    def is_good(self) -> bool:
        """Whether what was asked for was given, or carried out."""
        return self.status < 400

    @property
    def error(self) -> str:
        """Why it was not, in a sentence."""
        told = self.body.get("error") if isinstance(self.body, dict) else None
        return str(told or f"HTTP {self.status}")


async def ask(request: Request, path: str, body: Mapping[str, Any]) -> Told:
    """Ask control a question that has a body. Raises what tells that control does not answer."""
    data = json.dumps(body).encode()
    return _told(await request.app.state.control.ask("POST", f"{API}{path}", [_JSON], data))


async def order(request: Request, path: str, body: Mapping[str, Any], key: str) -> Told:
    """Give an order in the name of the person of a request; the same key again is the same order.

    Raises what tells that control does not answer, or that the order cannot be recorded.
    """
    headers = [_JSON, (b"idempotency-key", key.encode())] if key else [_JSON]
    data = json.dumps(body).encode()
    orders = getattr(request.app.state, "orders", None)
    if orders is None:
        return _told(await request.app.state.control.ask("POST", f"{API}{path}", headers, data))
    return _told(await orders.give(request.scope, "POST", f"{API}{path}", headers, data))


async def form_of(request: Request) -> dict[str, str]:
    """Return the values of a form that was posted; of a name that stands there twice the last. Raises ValueError."""
    body = (await request.body()).decode("utf-8")
    found = parse_qs(body, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    return {name: values[-1] for name, values in found.items()}


def _told(answer: Any) -> Told:  # noqa: ANN401 - an answer of the link to control
    try:
        return Told(answer.status, json.loads(answer.body or b"null"))
    except ValueError:
        return Told(answer.status, None)
