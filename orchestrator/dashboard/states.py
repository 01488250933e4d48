"""States of runs and channels as a page draws them: each has a word, an icon and, where a person is needed, a fill.

A state that is not in the table is drawn as unknown: never as something that is well.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is drawn. ``fill`` is ``act``, ``wait``, ``gone``, or empty where nobody is needed."""

    icon: str
    fill: str = ""


UNKNOWN = Look("unknown", "act")
STATES: dict[str, Look] = {
    "queued": Look("queued"),
    "preflight": Look("preflight"),
    "armed": Look("armed"),
    "running": Look("running"),
    "unseen": Look("unseen", "gone"),
    "holding": Look("holding", "wait"),
    "awaiting_operator": Look("awaiting_operator", "wait"),
    "tripped": Look("tripped", "act"),
    "unknown": UNKNOWN,
    "completed": Look("completed"),
    "stopped": Look("stopped"),
    "failed": Look("failed"),
    "free": Look("free"),
    "idle": Look("idle"),
    "other_test": Look("lock"),
    "bts_paused": Look("lock"),
    "bts_finished": Look("lock"),
    "bts_stopped": Look("lock"),
    "bts_protected": Look("protected"),
    "no_channel": Look("no_channel"),
    "other": UNKNOWN,
    "no_answer": Look("unseen", "gone"),
}


def look_of(state: str) -> Look:
    """Return how a state is drawn; one that is not known as unknown."""
    return STATES.get(state, UNKNOWN)


def icon_of(state: str, stale: bool = False) -> str:
    """Return the icon of a state; of a running one whose values are old, one without a fill."""
    return "stale" if stale and state == "running" else look_of(state).icon
