"""Events of a run of many tests, told so that a decision or a trip is not one line among hundreds.

A run that decides is a test on its tester for each pass, and each start of one makes the same five events, and where
the pass has measured values the same values once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from orchestrator.events import EventKind
from orchestrator.states import RunState

LEAST_STARTS = 3
_ON_THE_WAY = frozenset(state.value for state in RunState if state.is_written_often)
_OF_A_START = frozenset({EventKind.LOADED.value, EventKind.STARTED.value})

Event = Mapping[str, Any]


def starts_together(events: Sequence[Event]) -> list[Event]:
    """Give the events of a run with the starts that follow each other, three or more, as one event; all others stay."""
    known = _known_values(events)
    routine = [_is_routine(event) or id(event) in known for event in events]
    groups = groupby(zip(events, routine, strict=True), lambda pair: pair[1])
    return [event for is_routine, some in groups for event in _told([event for event, _ in some], is_routine)]


def _known_values(events: Sequence[Event]) -> frozenset[int]:
    """Return the events, by identity, that tell of measured values which another segment had before."""
    seen: set[str] = set()
    again: set[int] = set()
    for event in events:
        if event["kind"] == EventKind.VALUES_MEASURED:
            values = event["message"].partition(": ")[2]
            if values in seen:
                again.add(id(event))
            seen.add(values)
    return frozenset(again)


def _told(events: list[Event], is_routine: bool) -> Iterator[Event]:
    starts = [event for event in events if event["kind"] == EventKind.STARTED]
    if not is_routine or len(starts) < LEAST_STARTS:
        yield from events
        return
    # The end of the start before them stays with it.
    begin = next((n for n, event in enumerate(events) if event["message"] == RunState.PREFLIGHT), 0)
    if begin and events[begin - 1]["kind"] == EventKind.VALUES_MEASURED:
        begin -= 1
    yield from events[:begin]
    first, last = starts[0]["message"], starts[-1]["message"]
    message = f"{len(starts)} tests, {first} to {last}: each loaded, armed and running (--all tells each)"
    yield {**starts[0], "message": message}


def _is_routine(event: Event) -> bool:
    """Return whether an event tells of nothing but a start."""
    if event["kind"] == EventKind.STATE:
        state, _, reason = event["message"].partition(":")
        return not reason and state in _ON_THE_WAY
    return event["kind"] in _OF_A_START
