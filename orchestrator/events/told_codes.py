"""The code and the values of a run's reason, by which it can be told in another language than the stored English."""

from __future__ import annotations

import re

from orchestrator.events.kinds import EventKind
from orchestrator.states import RunState

Told = dict[str, float | int | str | bool | None]


def told(state: RunState, reason: str) -> tuple[str, Told]:
    """Return the code of a reason, and its values by name; the code is that of the state where nothing fits."""
    for pattern, code in _PATTERNS:
        if (found := pattern.match(reason)) is not None:
            return code.format(state=state.value), _values(found)
    kind, colon, _ = reason.partition(": ")
    if colon and (known := EventKind.known(kind)) is not None:
        return f"{state.value}.{known.name.lower()}", {}
    return f"{state.value}.other", {}


def _values(found: re.Match[str]) -> Told:
    return {name: _value(text) for name, text in found.groupdict().items() if text is not None}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"stopped by (?P<by>.+)$"), "{state}.person"),
    (re.compile(r"held by (?P<by>[^;]+)"), "{state}.person"),
)
