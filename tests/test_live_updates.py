"""A message of the live stream is read by what it has, also from a service of another version."""

from __future__ import annotations

from orchestrator.client.live_updates import update_of
from orchestrator.events import RunUpdate
from orchestrator.states import EndBasis, RunState

MESSAGE = {
    "run_id": "R000001",
    "label": "A17",
    "channel": "21-1-3",
    "state": "running",
    "reason": "",
    "time_s": 1.0,
    "planned_s": 2.0,
    "cycle": 1,
    "voltage_v": 0.1,
    "samples": 3,
}
UPDATE = RunUpdate("R000001", "A17", "21-1-3", RunState.RUNNING, "", 1.0, 2.0, 1, 0.1, 3)


def test_message_with_more_or_less_than_an_update_is_read() -> None:
    """The stream has times in ISO 8601 beside those in seconds; an older service has no time left."""
    assert update_of(MESSAGE) == UPDATE
    more = update_of({**MESSAGE, "end_known_by": "bound", "expected_end_utc": None, "of_a_newer_service": 1})
    assert more.end_known_by is EndBasis.BOUND
