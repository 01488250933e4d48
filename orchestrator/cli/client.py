"""The client of the service for commands: where it answers, who asks, and its errors as exit statuses."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.output import FAILED, UNREACHABLE, WRONG_USE, fail
from orchestrator.client import CannotAsk, NoAnswer, NotServed, RequestRefused, ServiceClient

__all__ = ["By", "NotServed", "ServiceClient", "Url", "exit_status_of", "named"]

# By the status of the service's answer; every other refusal is a failure.
_STATUS = {401: WRONG_USE, 422: FAILED, 503: UNREACHABLE}

Url = Annotated[
    str | None, typer.Option("--url", envvar="CELLRIG_URL", help="Where the service answers; else beside the store.")
]
By = Annotated[str, typer.Option("--by", envvar="CELLRIG_BY", help="Your name; else the login name.")]


def named(by: str, *, needed: bool = True) -> str:
    """Return the operator's name as given, else the login name; without any a command that needs one is refused."""
    import getpass

    if by:
        if any(letter.isalnum() for letter in by):
            return by.strip()
        fail("say who you are with --by NAME: a name has a letter or a digit", WRONG_USE)
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        if not needed:
            return ""
        fail("say who you are with --by NAME", WRONG_USE)


def exit_status_of(err: NotServed) -> int:
    """Return the exit status of a command that the service did not carry out."""
    if isinstance(err, RequestRefused):
        return _STATUS.get(err.http_status, FAILED)
    if isinstance(err, CannotAsk):
        return WRONG_USE
    return UNREACHABLE if isinstance(err, NoAnswer) else FAILED
