"""The values of notices: what is told, in which message, to whom, and what became of each attempt to deliver it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.events import Severity
from orchestrator.notices.delivery_status import Status


class Reason(StrEnum):
    """Why a notice is in a message."""

    NEW = "new"
    REPEAT = "repeat"
    ESCALATION = "escalation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that people are told; ``number`` rises in the order of making.

    ``event`` is the number of the stored event, None for what the notices themselves have found. ``run_id`` and
    ``channel`` are None for what concerns the whole rig. ``person`` has ordered the run, empty where that is not known.
    ``simulated``: no cell is real; None where that is not known, or it is no run's.
    """

    number: int
    kind: str
    severity: Severity
    sentence: str
    at_unix_s: float
    run_id: str | None = None
    channel: str | None = None
    label: str = ""
    person: str = ""
    event: int | None = None
    simulated: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A notice with the reason for which it is told now."""

    notice: Notice
    reason: Reason = Reason.NEW


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to one person: one or many notices, by the first target of ``route`` that takes it.

    ``left_out`` counts notices that were dropped, because too many waited.
    """

    number: int
    person: str
    route: tuple[str, ...]
    entries: tuple[Entry, ...]
    left_out: int = 0

    @property
    def severity(self) -> Severity:
        """The severity of the gravest of its notices."""
        return max((entry.notice.severity for entry in self.entries), key=tuple(Severity).index)

    @property
    def is_test(self) -> bool:
        """Whether it only tests the way."""
        return all(entry.reason is Reason.TEST for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt; ``detail`` says in words why a target did not take it, without its address."""

    target: str
    status: Status
    took_s: float
    detail: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the target has taken the message; that a person has read it is not known."""
        return self.status is Status.DELIVERED
