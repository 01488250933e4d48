"""Answers the form of a page: what was done, or why not, in a sentence on the page that the form stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from orchestrator.dashboard.pages import HEADERS
from orchestrator.dashboard.words import Words
from orchestrator.people.errors import PeopleError


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence on a page: its code and values, or a text of its own. ``secret`` is shown this once."""

    code: str
    values: dict[str, Any]
    is_good: bool = True
    secret: str = ""


def refused(err: PeopleError) -> Said:
    """Return the sentence of an error, in the language of the reader where there is a code."""
    if err.code and Words.load().has(err.code):
        return Said(err.code, err.values, is_good=False)
    return Said("people_error.other", {"reason": str(err)}, is_good=False)


def said_in(request: Request) -> Said | None:
    """Return what the form before has done, if the address says so."""
    code = f"people.done_{request.query_params.get('done', '')}"
    return Said(code, {}) if Words.load().has(code) else None


async def done(work: Callable[..., object], *given: object) -> Said | None:
    """Do what a form orders, on a thread; return why not, None once it is done."""
    try:
        await asyncio.to_thread(work, *given)
    except PeopleError as err:
        return refused(err)
    return None


def back(path: str, what: str = "") -> Response:
    """Send the browser to a page, which then says what was done."""
    to = f"{path}?done={what}" if what else path
    return RedirectResponse(to, 303, headers={**HEADERS, "cache-control": "no-store"})
