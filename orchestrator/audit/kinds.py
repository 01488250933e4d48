"""The kinds of an audit's findings, each with its severity and what a person does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from orchestrator.events.kinds import Severity


class AuditKind(StrEnum):
    """What an audit may find."""

    RECORDS_MISSING = "records missing"
    NUMBER_REPEATED = "record number repeated"
    STEP_TIME_BACK = "step time goes back"
    TIME_JUMP = "time jumps"
    RECORDS_LATE = "records late"
    RECORDS_FEWER = "records fewer than before"
    CHARGE_COUNTER = "charge counter differs"
    ENERGY_COUNTER = "energy counter differs"
    VOLTAGE_FLAT = "voltage flat"
    VOLTAGE_JUMPS = "voltage jumps"
    CURRENT_OFF = "current not as set"
    CURRENT_IN_REST = "current in rest"
    CUTOFF_OVERSHOT = "cutoff overshot"
    OUTSIDE_WINDOW = "voltage outside window"
    LIMIT_MISSING = "limit missing"
    BARCODE_CHANGED = "barcode changed"
    STEP_JUMPED = "step jumped"
    PAUSED = "paused"
    CONTINUED = "continued"
    SCHEDULE_REPLACED = "schedule replaced"
    STOPPED = "stopped"
    RESTARTED = "channel restarted"
    BARCODE_TWICE = "barcode used twice"
    PROTECTED = "ended by protection"
    TEST_NUMBER_SHARED = "test number shared"
    CLOCK_WRONG = "clock drifts or was set"
    UNREADABLE = "unreadable"


_NOTICE, _WARNING, _ALARM = Severity.NOTICE, Severity.WARNING, Severity.ALARM
_CALIBRATE = "calibrate the channel, and recompute capacities from current and time until then"
_BY_HAND = "ask who did it and note it with the cell's data: results before and behind it are not one test"

FACTS: Mapping[AuditKind, tuple[Severity, str]] = MappingProxyType(
    {
        AuditKind.RECORDS_MISSING: (
            _WARNING,
            "look into the tester's backup file for these records; check the disk and load of the PC of BTS Server",
        ),
        AuditKind.NUMBER_REPEATED: (_WARNING, "do not join tables of this test by record number; restart BTS Server"),
        AuditKind.STEP_TIME_BACK: (_WARNING, "recompute times of this test from the absolute times of its records"),
        AuditKind.TIME_JUMP: (
            _WARNING,
            "find out what set the clock of the PC; use step times, not absolute times, of this test",
        ),
        AuditKind.RECORDS_LATE: (_WARNING, "check load and network of the PC, the middle machine and its cable"),
        AuditKind.RECORDS_FEWER: (_WARNING, "save the backup file of this test now; restart BTS Server"),
        AuditKind.CHARGE_COUNTER: (_WARNING, _CALIBRATE),
        AuditKind.ENERGY_COUNTER: (_WARNING, _CALIBRATE),
        AuditKind.VOLTAGE_FLAT: (_WARNING, "check the voltage leads of the channel, and the cell for a short"),
        AuditKind.VOLTAGE_JUMPS: (_WARNING, "check the contacts of the holder, and the cell for a soft short"),
        AuditKind.CURRENT_OFF: (_ALARM, "compare with a meter in series; stop the test if the cell may be harmed"),
        AuditKind.CURRENT_IN_REST: (_ALARM, "take the cell out if it may be harmed; have the power stage checked"),
        AuditKind.CUTOFF_OVERSHOT: (_ALARM, "stop the test if it goes on; shorten the record interval, set protection"),
        AuditKind.OUTSIDE_WINDOW: (_ALARM, "check cell, polarity and contact; set protection in the step file"),
        AuditKind.LIMIT_MISSING: (_WARNING, "add the limit under Protect of the schedule before its next start"),
        AuditKind.BARCODE_CHANGED: (_NOTICE, "note both barcodes with the cell's data: exports bear the later one"),
        AuditKind.STEP_JUMPED: (_WARNING, _BY_HAND),
        AuditKind.PAUSED: (_NOTICE, _BY_HAND),
        AuditKind.CONTINUED: (_NOTICE, _BY_HAND),
        AuditKind.SCHEDULE_REPLACED: (_WARNING, _BY_HAND),
        AuditKind.STOPPED: (_NOTICE, _BY_HAND),
        AuditKind.RESTARTED: (_WARNING, _BY_HAND),
        AuditKind.BARCODE_TWICE: (_NOTICE, "tell the tests apart by their numbers; give each cell its own barcode"),
        AuditKind.PROTECTED: (_ALARM, "look at the cell and at the last records before anything is started here"),
        AuditKind.TEST_NUMBER_SHARED: (
            _WARNING,
            "tell the tests apart by channel: backup files may overwrite each other; ask the vendor to reset the map",
        ),
        AuditKind.CLOCK_WRONG: (_NOTICE, "let the PC's clock be set by a time server"),
        AuditKind.UNREADABLE: (_WARNING, "restart BTS Client; what is told of this channel is not to be believed"),
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that a judge has seen: its kind, since when (unix seconds), a sentence, and evidence as numbers.

    The names of ``evidence`` end in their units.
    """

    kind: AuditKind
    since_unix_s: float
    sentence: str
    evidence: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """A finding of an audit: where it was seen, what, and how often. ``seen`` is the first time.

    ``around`` are the records before it, as pairs of unix seconds and volts.
    """

    channel: str
    test_id: int
    barcode: str
    seen: Seen
    times: int = 1
    around: tuple[tuple[float, float], ...] = ()

    @property
    def severity(self) -> Severity:
        """How important it is."""
        return FACTS[self.seen.kind][0]

    @property
    def to_do(self) -> str:
        """What a person does about it."""
        return FACTS[self.seen.kind][1]
