"""The interfaces of instruments for the orchestrator: one per capability, free of any vendor's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from protocols.channel_envelope import ChannelEnvelope
from protocols.program import CyclingSegment, Program
from protocols.techniques import Technique


class Sample(NamedTuple):
    """One record of a test, as the tester made it. A tuple, because hundreds of thousands pass through in bulk.

    ``time_s`` runs from the start of the test, ``step_time_s`` from the start of the step. ``step`` is the number in
    the program, ``step_count`` counts executed steps from 1 and never repeats, ``tester_cycle`` is its raw
    counter from 1. ``capacity_ah`` and ``energy_wh`` are magnitudes and restart with each step. ``unix_time_s`` is the
    tester's own clock, to the second.
    """

    sequence: int
    time_s: float
    step_time_s: float
    step: int
    step_count: int
    tester_cycle: int
    mode: str
    voltage_v: float
    current_a: float
    capacity_ah: float
    energy_wh: float
    unix_time_s: float


class ChannelState(StrEnum):
    """The state that a channel reports."""

    WORKING = "working"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    PROTECTED = "protected"
    ABSENT = "absent"
    OTHER = "other"

    @property
    def is_at_rest(self) -> bool:
        """Whether a test is over here and no current flows: another may be started."""
        return self in _AT_REST

    @property
    def has_program(self) -> bool:
        """Whether the channel has a program that passes current, or may continue to."""
        return self in _HAS_PROGRAM

    @property
    def is_end_of_its_own(self) -> bool:
        """Whether a test is over by the tester's own doing: at its program's end, or by a limit of the tester."""
        return self in {ChannelState.FINISHED, ChannelState.PROTECTED}

    @property
    def is_busy(self) -> bool:
        """Whether current flows, or may: a program is on the channel, or nobody knows."""
        return self.has_program or self is ChannelState.OTHER


_AT_REST = frozenset({ChannelState.FINISHED, ChannelState.STOPPED, ChannelState.PROTECTED})
_HAS_PROGRAM = frozenset({ChannelState.WORKING, ChannelState.PAUSED})


class HostLoss(StrEnum):
    """The behaviour of a channel when the host dies."""

    RIDES_ON = "rides_on"
    STOPS = "stops"
    UNKNOWN = "unknown"

    def sentence(self, name: str) -> str:
        """Return the sentence on a tester's channels while the host is away."""
        return {
            HostLoss.RIDES_ON: f"{name} rides on",
            HostLoss.STOPS: f"the channels of {name} stop without this computer",
            HostLoss.UNKNOWN: f"what {name} does without this computer is not known",
        }[self]


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """One channel at one poll. Live values are rounded and seconds old: nothing is judged by ``current_a``.

    ``detail`` is a sentence of the driver on why its test ended as it did, where it knows more than the state says.
    OTHER with a detail means that the driver does not know what the cell sees: stop the channel.
    """

    channel: str
    state: ChannelState
    barcode: str
    voltage_v: float
    current_a: float
    step: int | None
    cycle: int
    test_time_s: float
    test_id: int
    record_count: int
    complete: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TestIdentity:
    """Proof of whose program runs on a channel: barcode (holds the run id) and the tester's own test id.

    ``end_step`` is the number of the end step in the program that was started, None where that is not known.
    """

    __test__ = False

    channel: str
    test_id: int
    barcode: str
    end_step: int | None


@dataclass(frozen=True, slots=True)
class LoadedProgram:
    """A segment put where the tester will read it, and read back equal. ``location`` is as the tester sees it.

    ``end_step`` is the number of its end step, one past the segment's last. ``description`` names the program in the
    instrument's own words, with a checksum, for the run's record.
    """

    channel: str
    location: str
    end_step: int
    description: str


class EndReason(StrEnum):
    """Why a step ended."""

    TIME = "time"
    VOLTAGE = "voltage"
    CURRENT = "current"
    CAPACITY = "capacity"
    CEILING = "ceiling"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a tester's own event log, in its own numbering."""

    sequence: int
    code: int
    unix_time_s: float


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """One row of a tester's step log: a step that has run, with its first and last record."""

    index: int
    step: int
    cycle: int
    first_sequence: int
    last_sequence: int
    duration_s: float
    capacity_ah: float


@dataclass(frozen=True, slots=True)
class BatteryTesterTraits:
    """The properties of a tester that its host must know.

    ``block_size``: how many records one call of ``BatteryTester.records`` may ask for. ``refresh_s``: how old at worst
    a live value, or a record, is when the tester shows it first. ``limits_read_back``: whether ``BatteryTester.start``
    has read the limits in force back from the instrument; where not, ``limits_note`` says in a sentence what was
    compared instead: each run tells it, and it must not read like an alarm. ``sign_hint`` says what to correct when a
    current turns out to have the wrong sign.

    ``is_remote``: whether another machine drives the channels: its replies may be late, garbled or wrong, people may
    act there, and a start may arrive long after it was sent, at most ``start_arrives_within_s``. False for an
    instrument that this process itself drives. ``start_time_tolerance_s``: how far the begin of a test, as the tester
    tells it, may lie outside the time in which its start was sent and seen.
    """

    limits_read_back: bool
    limits_note: str = ""
    block_size: int = 1000
    refresh_s: float = 0.0
    is_remote: bool = True
    start_arrives_within_s: float = 600.0
    start_time_tolerance_s: float = 300.0
    sign_hint: str = "check which lead is on which side of the cell"


@runtime_checkable
class BatteryTester(Protocol):
    """Programmable channels that run a segment by themselves.

    Reads raise ``ConnectionFailed`` when the link is bad and may be asked again. Writes are never repeated by a driver:
    a lost reply is resolved by asking the instrument, and raises ``OutcomeUnknown`` when that cannot tell either.

    ``records_every_s``: the longest normal time without records from an instrument that delivers them in batches; 0 for
    one that shows each record as it is made.
    """

    name: str
    host_loss: HostLoss
    poll_period_s: float
    records_every_s: float
    traits: BatteryTesterTraits

    async def open(self) -> None:
        """Connect, log in and learn which channels exist."""

    async def close(self) -> None:
        """Close the connection. Channels then behave as ``host_loss`` says."""

    def channels(self) -> tuple[str, ...]:
        """Return the channels found by ``open``, in rack order; none before it, and none after ``close``."""

    def channel_names(self) -> tuple[str, ...]:
        """Return the channels that the settings describe, in rack order, also while the tester does not answer."""

    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return the channel's abilities, from settings. Raises SettingsError for an unknown channel."""

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason, as a sentence, why the channel cannot run a program; empty when it can.

        Answers from settings, also before ``open``.
        """

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        """Ask for many channels at once."""

    async def load(self, channel: str, segment: CyclingSegment, label: str) -> LoadedProgram:
        """Write the segment where the tester reads it, read it back and compare; NotConfirmed on a difference."""

    async def start(self, program: LoadedProgram, barcode: str) -> TestIdentity:
        """Start a loaded program and confirm it by state, barcode and a new test id."""

    async def stop(self, identity: TestIdentity) -> None:
        """Stop one channel and confirm it. Raises NotConfirmed when every rung of the ladder failed."""

    async def records(self, identity: TestIdentity, last: Sample | None, count: int) -> list[Sample]:
        """Return exactly ``count`` samples that follow ``last`` (None: from the first), without a gap.

        ``count`` is at most ``traits.block_size``; how many exist is in ``status``. Raises BadReply when the tester
        sends fewer or others, RecordsLost when its memory has wrapped.
        """

    async def stand_in(self, identity: TestIdentity, sequence: int) -> Sample:
        """Return the placeholder of record ``sequence``, which the tester has lost; ``records`` can continue after it.

        Only its numbers and times mean anything; its readings are NaN.
        """

    async def record_count(self, identity: TestIdentity) -> int:
        """Return a test's number of records, also if the channel now has another test. Raises TestGone without it."""

    async def step_log(self, identity: TestIdentity) -> list[ExecutedStep]:
        """Return the executed steps of the test."""

    async def event_log(self, identity: TestIdentity) -> list[LogEntry]:
        """Return the tester's own log of the test."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """An impedance spectrum in the order measured, from high to low frequency.

    ``impedance_ohm`` has a negative imaginary part where the cell is capacitive; ``bias_v`` is the voltage around which
    it was measured, NaN when the instrument does not tell.
    """

    frequency_hz: tuple[float, ...]
    impedance_ohm: tuple[complex, ...]
    bias_v: float


@dataclass(frozen=True, slots=True)
class Trace:
    """Measured values over time: columns of equal length.

    ``time_s`` runs from the start of the measurement and rises. NaN stands where the instrument measured nothing
    (no current at open circuit). ``rebuilt_current`` says that the current is the program's, not a reading.
    """

    time_s: tuple[float, ...]
    voltage_v: tuple[float, ...]
    current_a: tuple[float, ...]
    rebuilt_current: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """One technique measured whole: the result, and the files that the instrument's program left, to be kept."""

    job: str
    technique: Technique
    result: Spectrum | Trace
    started_unix_s: float
    ended_unix_s: float
    files: tuple[Path, ...]


@runtime_checkable
class Potentiostat(Protocol):
    """An instrument that measures one technique at a time on the one cell at its leads.

    A measurement is never repeated by a driver. Whatever ends it early raises one of ``MeasurementFailed``'s kinds,
    whose ``cell_state_known`` says whether the cell is certainly off.
    """

    name: str
    host_loss: HostLoss

    def problems(self, technique: Technique) -> list[str]:
        """Return every reason, as a sentence, why the instrument cannot measure this; empty when it can."""

    def occupied(self) -> str:
        """Return why an earlier measurement, perhaps of a dead process, may still drive the leads; empty if none does.

        No cell may be brought to them meanwhile.
        """

    def duration_s(self, technique: Technique) -> float:
        """Return about how long it takes, start of the program included."""

    async def measure(self, technique: Technique, job: str, note: str = "", port: int | None = None) -> Measurement:
        """Measure once. ``job`` is unique for ever: letters, digits, dash, underscore; ``note`` is any text.

        ``port`` is that of a switch which the instrument itself drives (``Multiplexer.port``).
        """


class Isolation(StrEnum):
    """Whether a switch takes the tester's leads off the cell that it connects to the potentiostat."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@runtime_checkable
class Multiplexer(Protocol):
    """Connects the potentiostat to at most one cell. Ports are numbered from 1.

    Raises ConnectionFailed when the line is bad, and NotConfirmed when reading back shows another port.
    """

    name: str
    isolates_tester: Isolation
    port: int | None
    """The port to give the potentiostat with each measurement; None for a switch that is commanded directly."""

    async def open(self) -> None:
        """Connect, check that it is the switch that the settings name, and leave every port open-circuit."""

    async def close(self) -> None:
        """Open every port, unless none was ever ordered, and close the connection."""

    async def select(self, port: int | None) -> None:
        """Open the present port, then connect another; None leaves all open. Confirmed by reading back."""

    async def selected(self) -> int | None:
        """Ask which port is connected."""
