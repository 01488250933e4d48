"""The rows of the store as frozen values, with units in their names.

Times ``*_unix_s`` are seconds since 1970 in UTC. Positive current charges the cell. Samples are
``drivers.interfaces.Sample`` and executed steps ``orchestrator.judging.steps.ExecutedStep``: the store keeps them so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from orchestrator.events import EventKind
from orchestrator.states import RunState


class DeviationCategory(StrEnum):
    """Why data deviate from the plan, in the words of BattINFO."""

    POWER_OUTAGE = "power_outage"
    EQUIPMENT_FAILURE = "equipment_failure"
    TEMPERATURE_EXCURSION = "temperature_excursion"
    SOFTWARE_ERROR = "software_error"
    OPERATOR_INTERVENTION = "operator_intervention"
    PREMATURE_TERMINATION = "premature_termination"
    COMMUNICATION_LOSS = "communication_loss"
    PARAMETER_DRIFT = "parameter_drift"
    SETPOINT_DEVIATION = "setpoint_deviation"
    CALIBRATION_ISSUE = "calibration_issue"
    OUT_OF_TOLERANCE = "out_of_tolerance"
    DIMENSIONAL = "dimensional"
    OTHER = "other"


class MountingKind(StrEnum):
    """What was said of the cell on a channel, with an order or alone; ``BEGUN``: a run began on it.

    ``QUEUED`` is an order that says nothing of the cell, ``ORDERED`` one for an empty channel, ``MOUNTED`` says that
    the cell of a run is on the channel, ``SAME_CELL`` that it is that of the run before, ``EMPTY`` that none is.
    """

    QUEUED = "queued"
    ORDERED = "ordered"
    MOUNTED = "mounted"
    SAME_CELL = "same_cell"
    EMPTY = "empty"
    BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class RunRow:
    """One program executed for one cell. ``facts_json`` are the cell's facts as they were when the run was added.

    ``simulated`` is None where it was not kept: runs of older versions, and files of others. ``imported_from`` is the
    name of the file that the run was imported from, None for a run of this store.
    """

    run_id: str
    recipe: str
    cell: str
    facts_json: str
    channel: str
    label: str
    program_json: str
    program_sha256: str
    created_unix_s: float
    state: RunState
    reason: str
    state_unix_s: float
    simulated: bool | None
    imported_from: str | None = None


@dataclass(frozen=True, slots=True)
class TesterTestRow:
    """The test of one instrument for one segment of a run. ``segment`` is the index in ``program.segments``.

    ``program_json`` is the segment as it was loaded: after an interruption only what was still to do.
    """

    id: int
    run_id: str
    segment: int
    instrument: str
    channel: str
    tester_test_id: int | None
    barcode: str
    started_unix_s: float
    program_json: str

    @property
    def is_measurement(self) -> bool:
        """Whether a potentiostat made the test: it has no number of a tester, and is stored only when complete."""
        return self.tester_test_id is None


class SpectrumPoint(NamedTuple):
    """One frequency of an impedance spectrum, in the order measured; ``z_imag_ohm`` is negative for a capacitor."""

    sequence: int
    frequency_hz: float
    z_real_ohm: float
    z_imag_ohm: float


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """One complete measurement of a potentiostat; its values are the test's spectrum, or its samples.

    ``cycle`` counts the cycles that lay behind it, ``charge_passed_ah`` the charge both ways up to then. ``bias_v`` and
    ``amplitude_v`` (the sine's peak) are None where the technique has none. ``files_json`` lists what the instrument's
    program left.
    """

    test: int
    technique: str
    job: str
    bias_v: float | None
    amplitude_v: float | None
    temperature_degc: float | None
    cycle: int
    charge_passed_ah: float
    open_circuit_v: float | None
    rested_s: float
    started_unix_s: float
    ended_unix_s: float
    files_json: str


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A new event of a run or (``run_id`` None) of the rig. ``data_json`` is JSON."""

    run_id: str | None
    kind: EventKind
    message: str
    at_unix_s: float
    data_json: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """A stored event; ``id`` rises in the order of writing. A newer cellrig may have written other kinds."""

    id: int
    run_id: str | None
    kind: str
    message: str
    at_unix_s: float
    data_json: str | None


@dataclass(frozen=True, slots=True)
class DeviationRow:
    """A time span in which a run's data deviate from the plan; ``ended_unix_s`` is None while it lasts."""

    id: int
    run_id: str
    category: DeviationCategory
    started_unix_s: float
    ended_unix_s: float | None
    effect: str


@dataclass(frozen=True, slots=True)
class IntentRow:
    """A command that was to be sent; ``outcome`` is None until its reply, or its loss, is known."""

    id: int
    run_id: str
    channel: str
    command: str
    program_sha256: str
    key: str
    opened_unix_s: float
    outcome: str | None
    closed_unix_s: float | None


@dataclass(frozen=True, slots=True)
class TickResult:
    """The result of one tick: the number of new samples, and of samples stored before with the same values."""

    inserted: int
    repeated: int
