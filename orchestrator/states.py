"""The states of a run, their meanings, and the allowed moves between them, as one table (drawn in docs/states.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """The state of a run. ``TRIPPED`` is latched until a person acknowledges it by name."""

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

    @property
    def is_over(self) -> bool:
        """Whether the run has ended: its channel is free for the next one."""
        return self in _OVER

    @property
    def has_ended(self) -> bool:
        """Whether the run has ended, even if a person or the next poll may still change that."""
        return self in ENDED

    @property
    def is_settled(self) -> bool:
        """Whether the software alone never leaves the state; ``TRIPPED`` needs an acknowledgement."""
        return self in ENDED and self is not RunState.UNKNOWN

    @property
    def needs_no_supervision(self) -> bool:
        """Whether nothing happens to the run by itself any more: it has ended, or is held until a person resumes it."""
        return self in ENDED or self is RunState.HOLDING

    @property
    def is_live(self) -> bool:
        """Whether a program of the run passes current, seen or unseen."""
        return self in _LIVE

    @property
    def is_written_often(self) -> bool:
        """Whether a service that lives writes records or events of the run every few minutes."""
        return self in _WRITTEN_OFTEN

    @property
    def is_at_rest(self) -> bool:
        """Whether no program of the run passes current, before its start or while it waits for a person."""
        return self in _AT_REST

    @property
    def is_on_its_way(self) -> bool:
        """Whether the software itself takes the run to its next segment."""
        return self is RunState.PREFLIGHT or self in _LIVE

    @property
    def has_its_channel(self) -> bool:
        """Whether starts, tasks and polls of the run look after its channel: what works there is the run's."""
        return self in _WRITTEN_OFTEN or self in _LIVE

    @property
    def may_have_given_up_a_start(self) -> bool:
        """Whether a start of the run that never showed may have been given up, and may arrive all the same."""
        return self in _GIVEN_UP

    @property
    def is_no_confirmed_stop(self) -> bool:
        """Whether a stop that led to this state has not confirmed that the cell is off."""
        return self is RunState.UNKNOWN or self is RunState.HOLDING

    @property
    def can_be_resumed(self) -> bool:
        """Whether a person may resume the run."""
        return self in _RESUMABLE

    @property
    def is_left_to_a_person(self) -> bool:
        """Whether only a person can continue the run; after a restart the tester is not asked about it."""
        return self is RunState.TRIPPED or self in _RESUMABLE

    @property
    def is_latched(self) -> bool:
        """Whether the run stays so until somebody has acknowledged it, or it is known what the channel does."""
        return self in ENDED and not self.is_over

    @property
    def urgency(self) -> int:
        """How soon a person is wanted, 0 first: where unordered current may flow, then where a cell only waits."""
        return _URGENCY.index(self) if self in _URGENCY else len(_URGENCY)

    @property
    def needs_person(self) -> bool:
        """Whether a person must look at the channel and act."""
        return self is RunState.UNKNOWN or self.is_left_to_a_person

    @property
    def in_the_past(self) -> str:
        """What has happened to a run that is over or tripped, as the predicate of a sentence."""
        return _PAST.get(self, f"was {self.value}")


_S = RunState
_PAST = {_S.COMPLETED: "has completed", _S.FAILED: "has failed"}
_OVER = frozenset({_S.COMPLETED, _S.STOPPED, _S.FAILED})
ENDED = _OVER | {_S.TRIPPED, _S.UNKNOWN}
_LIVE = frozenset({_S.RUNNING, _S.UNSEEN})
_RESUMABLE = frozenset({_S.HOLDING, _S.AWAITING_OPERATOR})
_GIVEN_UP = frozenset({_S.FAILED, _S.STOPPED, _S.HOLDING})
_WRITTEN_OFTEN = frozenset({_S.PREFLIGHT, _S.ARMED, _S.RUNNING})
_URGENCY = (_S.UNKNOWN, _S.TRIPPED, _S.AWAITING_OPERATOR, _S.HOLDING, _S.UNSEEN, _S.QUEUED)
_AT_REST = _RESUMABLE | {_S.QUEUED, _S.PREFLIGHT}

MOVES: dict[RunState, frozenset[RunState]] = {
    _S.QUEUED: frozenset({_S.PREFLIGHT, _S.STOPPED, _S.FAILED}),
    _S.PREFLIGHT: frozenset({_S.ARMED, _S.UNSEEN, _S.FAILED, _S.STOPPED, _S.AWAITING_OPERATOR, _S.HOLDING}),
    _S.AWAITING_OPERATOR: frozenset({_S.PREFLIGHT, _S.STOPPED}),
    _S.ARMED: frozenset({_S.RUNNING, _S.UNSEEN, _S.HOLDING, _S.FAILED, _S.STOPPED, _S.UNKNOWN}),
    _S.RUNNING: frozenset({_S.PREFLIGHT, _S.AWAITING_OPERATOR, _S.UNSEEN, _S.HOLDING} | ENDED),
    _S.UNSEEN: frozenset({_S.RUNNING, _S.HOLDING} | ENDED),
    _S.HOLDING: frozenset({_S.PREFLIGHT, _S.STOPPED, _S.TRIPPED, _S.FAILED, _S.COMPLETED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.RUNNING, _S.UNSEEN, _S.HOLDING, _S.COMPLETED, _S.STOPPED, _S.TRIPPED, _S.FAILED}),
    _S.TRIPPED: frozenset({_S.STOPPED}),
    _S.COMPLETED: frozenset(),
    # Only where a start that was given up reaches the tester all the same: it is stopped.
    _S.STOPPED: frozenset({_S.UNKNOWN}),
    _S.FAILED: frozenset({_S.UNKNOWN}),
}


class EndBasis(StrEnum):
    """What the end of a run is estimated by.

    ``MEASURED``: what this run has done so far; ``FORECAST``: the program alone, as long as nothing is measured;
    ``BOUND``: the end of its program, where the run ends with the cell, of which no time is known, and earlier;
    ``CONDITION``: the end of its program, which a condition on what is measured may bring about earlier;
    ``UNKNOWN``: nothing, because a step has no bound.
    """

    MEASURED = "measured"
    FORECAST = "forecast"
    BOUND = "bound"
    CONDITION = "condition"
    UNKNOWN = "unknown"


class ShownState(StrEnum):
    """The state of a channel as screens show it: that of its run, else what its tester or its cell says.

    A code that is none of these is ``OTHER``, which is drawn as unknown: never as something that is well.
    """

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
    FREE = "free"
    IDLE = "idle"
    OTHER_TEST = "other_test"
    BTS_PAUSED = "bts_paused"
    BTS_FINISHED = "bts_finished"
    BTS_STOPPED = "bts_stopped"
    BTS_PROTECTED = "bts_protected"
    NO_CHANNEL = "no_channel"
    OTHER = "other"
    NO_ANSWER = "no_answer"

    @classmethod
    def _missing_(cls, value: object) -> ShownState:
        return cls.OTHER

    @property
    def is_of_a_run_on_its_way(self) -> bool:
        """Whether a run waits, starts or works on the channel, and nobody is needed."""
        return self in _ON_ITS_WAY

    @property
    def is_of_a_run_that_is_over(self) -> bool:
        """Whether the run on the channel has ended, and its cell may still be there."""
        return self in _SHOWN_OVER

    @property
    def may_be_started(self) -> bool:
        """Whether a new test may begin there, if its cell is named."""
        return self in _MAY_BE_STARTED

    @property
    def is_done(self) -> bool:
        """Whether only its cell is left of what was there."""
        return self in _SHOWN_OVER or self is ShownState.IDLE

    @property
    def is_ended_in_bts(self) -> bool:
        """Whether a test that is not ours has ended there: its cell can be said to be out."""
        return self in _ENDED_IN_BTS

    @property
    def is_of_bts(self) -> bool:
        """Whether a test that is not ours is there and does not work: BTS has its next line."""
        return self in _ENDED_IN_BTS or self is ShownState.BTS_PAUSED

    @property
    def is_out_of_sight(self) -> bool:
        """Whether the tester does not answer for the channel."""
        return self is ShownState.UNSEEN or self is ShownState.NO_ANSWER

    @property
    def is_alarming(self) -> bool:
        """Whether a person is wanted at once."""
        return self in _ALARMING

    @property
    def waits_for_a_person(self) -> bool:
        """Whether the run goes on when a person has acted."""
        return self is ShownState.HOLDING or self is ShownState.AWAITING_OPERATOR


_N = ShownState
_ON_ITS_WAY = frozenset({_N.QUEUED, _N.PREFLIGHT, _N.ARMED, _N.RUNNING})
_SHOWN_OVER = frozenset({_N.COMPLETED, _N.STOPPED, _N.FAILED})
_MAY_BE_STARTED = _SHOWN_OVER | {_N.FREE, _N.IDLE, _N.BTS_FINISHED, _N.BTS_STOPPED}
_ENDED_IN_BTS = frozenset({_N.BTS_FINISHED, _N.BTS_STOPPED, _N.BTS_PROTECTED})
_ALARMING = frozenset({_N.TRIPPED, _N.UNKNOWN, _N.OTHER})


class IllegalMove(Exception):
    """A change of a run's state that the table does not allow."""


# Joins the reasons of one end: the first decided its state.
ALSO = "; also "
_GRAVITY = (_S.RUNNING, _S.HOLDING, _S.COMPLETED, _S.FAILED, _S.STOPPED, _S.TRIPPED)


@dataclass(frozen=True, slots=True)
class Ending:
    """The state in which a run ends or is held, planned or reached, and the reason in a sentence.

    ``RUNNING`` is that of a run whose segment alone is ended: it goes on with the next one.
    """

    state: RunState
    reason: str

    def is_graver_than(self, other: Ending) -> bool:
        """Return whether this ending has priority: a trip over a stop, a stop over the end of the program or a hold."""
        return _GRAVITY.index(self.state) > _GRAVITY.index(other.state)

    def joined(self, other: Ending | None) -> Ending:
        """Return one ending of two: the state of the graver one, whose reason comes first, and the reasons of both.

        Of reasons of one kind, which is the word before the colon, the first is told.
        """
        if other is None:
            return self
        if other.is_graver_than(self):
            return other.joined(self)
        reasons = (self.reason + ALSO + other.reason).split(ALSO)
        kinds = [reason.partition(": ")[0] for reason in reasons]
        return Ending(self.state, ALSO.join(r for n, r in enumerate(reasons) if kinds.index(kinds[n]) == n))


@dataclass(frozen=True, slots=True)
class SoakLeft:
    """For how long (s) the oven of a run still soaks before a segment; infinite where it does not come nearer."""

    segment: int
    left_s: float


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status of one run, as one immutable value.

    ``is_between``: between two segments, no program of the run is on the tester. ``start_is_unknown``: a start may have
    reached the tester, which is asked at every poll; nothing is sent again (faults A12). ``ordered_end``: a stop has
    been ordered, and the run ends so once it is confirmed. ``soak``: that of the segment which was last waited for.
    """

    state: RunState = RunState.QUEUED
    reason: str = ""
    is_between: bool = False
    start_is_unknown: bool = False
    ordered_end: Ending | None = None
    soak: SoakLeft | None = None

    @property
    def stop_is_pending(self) -> bool:
        """Whether a stop has been ordered and has not been confirmed yet."""
        return self.ordered_end is not None and not self.state.is_settled

    @property
    def waits_for_a_word(self) -> bool:
        """Whether the run is queued and does not start before a person says so: then it has a reason."""
        return self.state is RunState.QUEUED and bool(self.reason)

    @property
    def needs_no_supervision(self) -> bool:
        """Whether nothing more happens to the run by itself; a person may still resume it, or let it start."""
        is_open = self.start_is_unknown or self.stop_is_pending
        return self.waits_for_a_word or (self.state.needs_no_supervision and not is_open)


def move(old: RunState, new: RunState) -> RunState:
    """Return the new state. Raises IllegalMove when the table has no such move."""
    if new not in MOVES[old]:
        raise IllegalMove(f"a run cannot go from {old.value} to {new.value}")
    return new


def diagram() -> str:
    """Return the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for old in RunState:
        lines += [f"    {old.value} --> {new.value}" for new in RunState if new in MOVES[old]]
        if old.is_over:
            lines.append(f"    {old.value} --> [*]")
    return "\n".join(lines) + "\n"
