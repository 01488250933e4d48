"""Refuses a query with keys that its operation does not know: a misspelt filter must not let everything through."""

from __future__ import annotations

from typing import get_origin

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel


async def only_known_keys(request: Request) -> None:
    """Check the keys of a query. Raises RequestValidationError with every key that is unknown, or given too often."""
    route = request.scope["route"]
    if not request.url.query or not isinstance(route, APIRoute):
        return
    known = _keys(route)
    sentences = {}
    for key in dict.fromkeys(request.query_params.keys()):
        if key not in known:
            names = ", ".join(known) or "none"
            sentences[key] = f"there is no such key for {request.method} {route.path}; there are: {names}"
        elif not known[key] and len(request.query_params.getlist(key)) > 1:
            sentences[key] = "it is given more than once, and takes one value"
    if sentences:
        raise RequestValidationError(
            [{"type": "query_key", "loc": ("query", key), "msg": told} for key, told in sentences.items()]
        )


def _keys(route: APIRoute) -> dict[str, bool]:
    """Return the keys of a route's query, and whether each may be given more than once."""
    keys: dict[str, bool] = {}
    for given in route.dependant.query_params:
        kind = given.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, field in kind.model_fields.items():
                keys[field.alias or name] = get_origin(field.annotation) is list
        else:
            keys[given.alias] = get_origin(kind) is list
    return keys
