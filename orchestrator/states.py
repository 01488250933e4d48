"""The states of a run and the moves allowed between them, as one table (design, section 9)."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is. ``TRIPPED`` is latched until a person acknowledges it by name."""

    QUEUED = "queued"
    PREFLIGHT = "preflight"
    ARMED = "armed"
    RUNNING = "running"
    UNSEEN = "unseen"
    HOLDING = "holding"
    AWAITING_OPERATOR = "awaiting_operator"
    TRIPPED = "tripped"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    UNKNOWN = "unknown"


_S = RunState
_ENDS = {_S.COMPLETED, _S.STOPPED, _S.TRIPPED, _S.FAILED, _S.UNKNOWN}

MOVES: dict[RunState, frozenset[RunState]] = {
    _S.QUEUED: frozenset({_S.PREFLIGHT, _S.STOPPED, _S.FAILED}),
    _S.PREFLIGHT: frozenset({_S.ARMED, _S.FAILED, _S.STOPPED, _S.AWAITING_OPERATOR, _S.HOLDING}),
    _S.AWAITING_OPERATOR: frozenset({_S.PREFLIGHT, _S.STOPPED}),
    _S.ARMED: frozenset({_S.RUNNING, _S.UNSEEN, _S.HOLDING, _S.FAILED, _S.STOPPED, _S.UNKNOWN}),
    _S.RUNNING: frozenset({_S.PREFLIGHT, _S.AWAITING_OPERATOR, _S.UNSEEN, _S.HOLDING} | _ENDS),
    _S.UNSEEN: frozenset({_S.RUNNING, _S.HOLDING} | _ENDS),
    _S.HOLDING: frozenset({_S.PREFLIGHT, _S.STOPPED, _S.TRIPPED, _S.FAILED, _S.COMPLETED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.RUNNING, _S.UNSEEN, _S.HOLDING, _S.COMPLETED, _S.STOPPED, _S.TRIPPED, _S.FAILED}),
    _S.TRIPPED: frozenset({_S.STOPPED}),
    _S.COMPLETED: frozenset(),
    _S.STOPPED: frozenset(),
    _S.FAILED: frozenset(),
}

ENDED = frozenset({_S.COMPLETED, _S.STOPPED, _S.TRIPPED, _S.FAILED, _S.UNKNOWN})


class IllegalMove(Exception):
    """A run was asked to go where the table does not lead."""


def move(old: RunState, new: RunState) -> RunState:
    """Return the new state. Raises IllegalMove when the table has no such move."""
    if new not in MOVES[old]:
        raise IllegalMove(f"a run cannot go from {old.value} to {new.value}")
    return new


def diagram() -> str:
    """Give the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for old in RunState:
        lines += [f"    {old.value} --> {new.value}" for new in RunState if new in MOVES[old]]
        if not MOVES[old]:
            lines.append(f"    {old.value} --> [*]")
    return "\n".join(lines) + "\n"
