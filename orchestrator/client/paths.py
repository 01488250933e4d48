"""Makes the paths of requests: what a person or a program has typed names one thing, and never another path."""

from __future__ import annotations

from urllib.parse import quote


def run_path(run_id: str, command: str = "") -> str:
    """Return the path of a run, or of a command to it; an id with ``/``, ``?`` or ``#`` is asked for as it is."""
    return _path("runs", run_id, command)


def channel_path(channel: str, command: str = "") -> str:
    """Return the path of a channel, or of a command to it."""
    return _path("channels", channel, command)


def _path(kind: str, name: str, command: str) -> str:
    return f"/{kind}/{quote(name, safe='')}" + (f"/{command}" if command else "")
