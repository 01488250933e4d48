"""Makes the paths of requests: what a person or a program has typed names one thing, and never another path."""

from __future__ import annotations

from urllib.parse import quote

from orchestrator.client.errors import CannotAsk


def run_path(run_id: str, command: str = "") -> str:
    """Return the path of a run, or of a command to it; an id with ``/``, ``?`` or ``#`` is asked for as it is.

    Raises CannotAsk for what is no text, as bytes of another encoding at a terminal are.
    """
    return _path("runs", run_id, command)


def channel_path(channel: str, command: str = "") -> str:
    """Return the path of a channel, or of a command to it. Raises CannotAsk."""
    return _path("channels", channel, command)


def _path(kind: str, name: str, command: str) -> str:
    try:
        quoted = quote(name, safe="")
    except UnicodeEncodeError:
        raise CannotAsk(f"{name!r} is no text that can be sent, so nothing was: type it again, in UTF-8") from None
    return f"/{kind}/{quoted}" + (f"/{command}" if command else "")
