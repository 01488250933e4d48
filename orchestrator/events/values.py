"""The two reports of the core as frozen values: the update of a run, and the event of a run or of the rig."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from orchestrator.events.kinds import EventKind, Severity
from orchestrator.states import EndBasis, RunState

# The key of an event's data that says how much it matters, where that is not what its kind says.
SEVERITY_KEY = "severity"
_SEVERITIES = {severity.value: severity for severity in Severity}


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """The position of a run after a tick: test time in seconds, voltage in volts, number of samples stored.

    ``simulated``: no cell is real; None where that is not known. ``step_name``: of the step of the newest record, or of
    the measurement that is due (``protocols.step_names``); empty before the first. ``time_left_s`` is an estimate of
    the time for which the run still works, None where it is over or nothing tells; ``expected_end_unix_s`` of its end,
    None also where it stands still until a person does something. ``end_known_by`` says what they rest on.
    """

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
    simulated: bool | None = None
    time_left_s: float | None = None
    expected_end_unix_s: float | None = None
    end_known_by: EndBasis = EndBasis.UNKNOWN
    step_name: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event of a run, or (``run_id`` and ``channel`` None) of the rig.

    ``id`` is the number of its row: it rises in the order of writing, so that a listener that was away can go on where
    it was. ``kind`` is a word of a newer cellrig where a store holds one that this cellrig does not know.
    """

    id: int
    kind: EventKind | str
    severity: Severity
    run_id: str | None
    channel: str | None
    sentence: str
    data: Mapping[str, object]
    at_unix_s: float


Told: TypeAlias = RunUpdate | Event


def stored_event(
    number: int,
    channel: str | None,
    run_id: str | None,
    word: str,
    sentence: str,
    at_unix_s: float,
    data_json: str | None,
) -> Event:
    """Build an event from a row of the store; its severity is in the row's data, else it is that of its kind."""
    found = json.loads(data_json) if data_json else {}
    data = found if isinstance(found, dict) else {}
    kind = EventKind.known(word)
    default = Severity.NOTICE if kind is None else kind.severity
    severity = _SEVERITIES.get(str(data.get(SEVERITY_KEY)), default)
    return Event(number, kind or word, severity, run_id, channel, sentence, MappingProxyType(data), at_unix_s)
