"""Which events the notices leave to the event of the run's new state."""

from __future__ import annotations

import pytest

from orchestrator.events import Event, EventKind, Severity
from orchestrator.notices.incidents import is_said_by_state

_SILENT = "nothing heard from ct4008 for 955 s"


def _event(
    kind: EventKind, sentence: str, run_id: str | None = "R000002", severity: Severity = Severity.WARNING
) -> Event:
    return Event(1, kind, severity, run_id, "21-1-3", sentence, {}, 1e9)


@pytest.mark.parametrize(
    ("before", "event", "is_left"),
    [
        (_event(EventKind.STATE, f"unseen: {_SILENT}"), _event(EventKind.LINK_LOST, _SILENT), True),
        (_event(EventKind.STATE, f"unseen: {_SILENT}", "R000001"), _event(EventKind.LINK_LOST, _SILENT), False),
        (_event(EventKind.STATE, "running"), _event(EventKind.LINK_LOST, f"between two segments, {_SILENT}"), False),
        (_event(EventKind.LINK_BACK, f"unseen: {_SILENT}"), _event(EventKind.LINK_LOST, _SILENT), False),
        (None, _event(EventKind.LINK_LOST, _SILENT), False),
        (_event(EventKind.STATE, "held: no answer"), _event(EventKind.EXTERNAL_ACTION, "no answer"), False),
        (None, _event(EventKind.PREFLIGHT, "must not start; fail: voltage"), True),
        (None, _event(EventKind.PREFLIGHT, "may start; warn: disk", severity=Severity.NOTICE), False),
    ],
)
def test_people_are_told_once_what_a_state_and_its_cause_both_say(
    before: Event | None, event: Event, is_left: bool
) -> None:
    """A lost link is left out behind the state that it moved, and only there; a failed check behind its failed run."""
    assert is_said_by_state(event, before) is is_left
