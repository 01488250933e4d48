"""The errors that an operation can answer with, for the document: common ones of the door, and each operation's own."""

from __future__ import annotations

from typing import Any

from orchestrator.api.models import Problem

Told = dict[int | str, dict[str, Any]]

_HOST = "The request came under a host name that is not the service's, or has a header twice."
_INPUT = "A key of the query or of the body is unknown, or a value is wrong: all problems, a line each."


def _told(words: dict[int, str]) -> Told:
    return {status: {"model": Problem, "description": said} for status, said in words.items()}


# Of what needs no token.
OPEN = _told({400: _HOST, 422: _INPUT})
# Of what needs the token.
GUARDED = _told(
    {
        400: _HOST,
        401: "The token is missing or wrong, or the request's signature is not right.",
        403: "A page of another origin asked.",
        422: _INPUT,
        503: "The store or an instrument does not answer, or too many are asked at this moment: ask again later.",
    }
)
# Of what has a body.
BODY = _told(
    {
        408: "The body did not come in time.",
        413: "The body is too long.",
        415: "The body is not sent as JSON (`Content-Type: application/json`).",
    }
)
NO_RUN = _told({404: "There is no such run."})
ARCHIVED = _told({409: "The records of the run are archived: the message has the command that brings them back."})
NO_CHANNEL = _told({404: "There is no such channel."})


def nothing(why: str) -> Told:
    """Return the error of what is asked of something that is not there."""
    return _told({404: why})


def refused(why: str) -> Told:
    """Return the error of an order that must not be carried out now, with the reasons for which that happens."""
    return _told({409: f"It must not be done now, and nothing is changed: {why}."})
