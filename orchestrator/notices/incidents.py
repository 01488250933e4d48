"""Open alarms: each is told again, and to more people, until somebody acknowledges it or its cause is gone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.events import Event, EventKind, Severity
from orchestrator.events.to_do import DATA_STOPPED, SERVICE_DEAD, SERVICE_SILENT
from orchestrator.notices.values import Notice

TEST = "test"

# Alarms of a cause that goes away by itself, with the kind of event that says so.
_GONE_BY: dict[str, str] = {
    EventKind.SPACE_HOLD: EventKind.SPACE_OK,
    EventKind.NOTICES_FAILED: EventKind.NOTICES_WORK,
}
# Found by the notices themselves, and ended by them.
_OWN = frozenset({DATA_STOPPED, SERVICE_SILENT, SERVICE_DEAD})
# What a person does at a channel shows that somebody is there: alarms of a run that is not latched are seen then.
SEEN_BY = frozenset({EventKind.COMMAND, EventKind.CELL_MOUNTED, EventKind.CHANNEL_EMPTY})


def key_of(notice: Notice) -> str:
    """Return what an alarm belongs to: one incident holds all alarms of a run, or those of one cause."""
    if notice.kind in _OWN:
        return f"{notice.kind} {notice.run_id or ''}".rstrip()
    return notice.run_id or notice.kind


def ended_by(kind: str) -> tuple[str, ...]:
    """Return the keys of incidents whose cause an event of this kind says to be gone."""
    return tuple(alarm for alarm, gone in _GONE_BY.items() if gone == kind)


def is_said_by_state(event: Event, before: Event | None) -> bool:
    """Return whether the event of the run's new state, which is told itself, says what this event says.

    ``before`` is the event stored before it. A link that is lost between two segments moves no state.
    """
    if event.kind == EventKind.PREFLIGHT:
        return event.severity.is_at_least(Severity.WARNING)
    return (
        event.kind == EventKind.LINK_LOST
        and before is not None
        and (before.kind, before.run_id) == (EventKind.STATE, event.run_id)
        and before.sentence.endswith(f": {event.sentence}")
    )


@dataclass(slots=True)
class Incident:
    """Alarms that wait for an acknowledgement. Times are those of the loop, in seconds.

    ``first`` is the alarm that opened it, ``last`` the newest, ``count`` their number. ``levels`` are those that are
    not told yet; ``untold``: of the present level, the routes on which no target has answered yet.
    """

    number: int
    key: str
    first: Notice
    last: Notice
    opened_s: float
    level: int
    levels: tuple[int, ...]
    escalates_s: float
    repeats_s: float
    count: int = 1
    untold: set[tuple[str, ...]] = field(default_factory=set)
    is_told: bool = False
    # Every target of every level has refused it so far.
    is_undelivered: bool = False
    notices: set[int] = field(default_factory=set)
    # Whether its run was seen to wait for the acknowledgement of a person (``cellrig ack``).
    is_latched: bool = False

    @property
    def ends_by_an_order(self) -> bool:
        """Whether it is over once somebody orders something at its channel.

        Records that do not come are told until they come, or a person acknowledges that.
        """
        return not self.is_latched and self.first.kind != DATA_STOPPED


def with_key(incidents: Iterable[Incident], key: str) -> Incident | None:
    """Return the open incident with a key."""
    return next((incident for incident in incidents if incident.key == key), None)
