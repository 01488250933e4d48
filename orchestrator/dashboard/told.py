"""What a form has done, told on the page that it leads back to, in the address: by this service alone, to one session.

An address that somebody else has made, such as a link in a mail that says that all is stopped, tells nothing.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

from fastapi import Request

from orchestrator.dashboard.pages import PageContext

_LONGEST = 500
_TOLD, _MARK = "told", "mark"


def told_query(request: Request, sentence: str, **others: str) -> str:
    """Return the query of an address whose page tells a sentence to the session of this request."""
    shown = sentence[:_LONGEST]
    return urlencode({**others, _TOLD: shown, _MARK: _mark(request, shown)})


def told_in(request: Request) -> str:
    """Return the sentence of an address; empty for one that this service has not told this session."""
    shown, mark = (request.query_params.get(name, "") for name in (_TOLD, _MARK))
    return shown if hmac.compare_digest(mark.encode(), _mark(request, shown).encode()) else ""


def _mark(request: Request, sentence: str) -> str:
    key = PageContext.of(request).csrf.encode()
    return hmac.digest(key, b"told: " + sentence.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]
