"""What happens to runs, as frozen values that the core emits and others (a terminal, a feed) subscribe to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.states import RunState


class EventKind(StrEnum):
    """Kinds of events besides those named by a finding."""

    STATE = "state"
    LOADED = "loaded"
    STARTED = "started"
    LIMITS_UNVERIFIED = "limits_unverified"
    RECOVERED = "recovered"
    RECORDS_LOST = "records lost"
    CLOCK_JUMPED = "clock jumped"
    TESTER_CLOCK = "tester clock"
    COMMAND = "command"
    ENDED = "ended"
    MEASURED = "measured"
    MEASUREMENT_FAILED = "measurement failed"
    LINK_LOST = "link lost"
    LINK_BACK = "link back"
    EXTERNAL_ACTION = "external action"
    TESTER_PROTECTED = "tester protected the channel"
    STOP_NOT_CONFIRMED = "stop not confirmed"


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """Where a run is after a tick: test time in seconds, voltage in volts, number of samples stored."""

    run_id: str
    label: str
    channel: str
    state: RunState
    reason: str
    time_s: float
    planned_s: float
    cycle: int
    voltage_v: float | None
    samples: int


Subscriber = Callable[[RunUpdate], None]
