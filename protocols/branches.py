"""Branches of a program: where a run goes on when a segment is over, and what the host ends a segment by.

A program's segments run in order. A segment may carry branches: conditions on what was measured, judged by the host
from stored records when the segment is over and before the next one is loaded. The first that holds decides; where none
holds, the run goes on with the next segment. A branch leads forward only, so that every program has an end.

>>> Branch(Measure.CAPACITY_FRACTION, to=8, below=0.8, of_cycle=3).told
'capacity below 80 % of cycle 3'
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Measure(StrEnum):
    """A measured value that a branch compares with its threshold, in the unit of its name.

    Capacities and efficiencies are those of the last whole cycle; ``TIME`` and ``CYCLES`` count from the branch's
    segment ``since``; the others are those of the segment's last step. ``REST_DRIFT`` is a magnitude.
    """

    CAPACITY = "capacity_ah"
    CAPACITY_FRACTION = "capacity_fraction"
    COULOMBIC_EFFICIENCY = "coulombic_efficiency"
    RESISTANCE = "resistance_ohm"
    VOLTAGE = "voltage_v"
    TIME = "time_s"
    CYCLES = "cycles"
    REST_DRIFT = "rest_drift_v_per_h"
    END_REASON = "end_reason"
    SHORT = "short"

    @property
    def is_number(self) -> bool:
        """Whether the value is a number, which a branch compares with ``below`` or ``above``."""
        return self not in {Measure.END_REASON, Measure.SHORT}


class StepEnd(StrEnum):
    """Why a step ended, as a branch asks for it: the tester's reasons, and an end that the host ordered.

    A step that reached its ceiling, or that somebody else ended, has none: such a run is tripped or held.
    """

    TIME = "time"
    VOLTAGE = "voltage"
    CURRENT = "current"
    CAPACITY = "capacity"
    HOST = "host"


class Then(StrEnum):
    """What a branch does: go on with the next segment, leave the loop, go to a later named step, end or hold the run.

    A run that is held goes on when a person resumes it.
    """

    GO_ON = "go_on"
    LEAVE = "leave"
    GO_TO = "go_to"
    END = "end"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Branch:
    """A condition on what was measured, and the index ``to`` of the segment with which the run goes on if it holds.

    ``to`` is greater than the index of the branch's own segment; the number of segments stands for the end. A run that
    is held goes on there when a person resumes it. Exactly one of ``below`` (less than) and ``above`` (at least) is
    given where the measured value is a number. ``of_cycle``: the cycle whose capacity is the whole of a fraction.
    ``reason``: the end asked for. ``since``: the segment from whose begin on time and cycles count.
    """

    measure: Measure
    to: int
    then: Then = Then.LEAVE
    below: float | None = None
    above: float | None = None
    of_cycle: int | None = None
    reason: StepEnd | None = None
    since: int = 0

    def __post_init__(self) -> None:
        """Refuse a condition that says too little or too much. Raises ValueError."""
        thresholds = (self.below is not None) + (self.above is not None)
        if thresholds != self.measure.is_number:
            raise ValueError(f"{self.measure}: {thresholds} thresholds, expected {int(self.measure.is_number)}")
        if (self.of_cycle is not None) != (self.measure is Measure.CAPACITY_FRACTION):
            raise ValueError(f"{self.measure}: of_cycle {self.of_cycle}, which a capacity fraction has, no other")
        if (self.reason is not None) != (self.measure is Measure.END_REASON):
            raise ValueError(f"{self.measure}: reason {self.reason}, which an end reason has, no other")

    @property
    def told(self) -> str:
        """The condition in words."""
        if self.measure is Measure.END_REASON:
            return f"the step before ended by {self.reason}"
        if self.measure is Measure.SHORT:
            return "the cell is shorted"
        return f"{_WORDS[self.measure][0]} {self._threshold_told}"

    def held_told(self, value: float) -> str:
        """Give a measured value with the threshold on whose side it lies, in words."""
        name, factor, unit = _WORDS[self.measure]
        return f"{name} {value * factor:.4g}{unit}, {self._threshold_told}"

    @property
    def _threshold_told(self) -> str:
        side, threshold = ("below", self.below) if self.below is not None else ("at least", self.above)
        _, factor, unit = _WORDS[self.measure]
        of_cycle = f" of cycle {self.of_cycle}" if self.of_cycle is not None else ""
        return f"{side} {(threshold or 0.0) * factor:.6g}{unit}{of_cycle}"


_WORDS: dict[Measure, tuple[str, float, str]] = {
    Measure.CAPACITY: ("capacity", 1e3, " mAh"),
    Measure.CAPACITY_FRACTION: ("capacity", 100.0, " %"),
    Measure.COULOMBIC_EFFICIENCY: ("coulombic efficiency", 100.0, " %"),
    Measure.RESISTANCE: ("resistance", 1.0, " ohm"),
    Measure.VOLTAGE: ("voltage", 1.0, " V"),
    Measure.TIME: ("time", 1 / 3600, " h"),
    Measure.CYCLES: ("cycles", 1.0, ""),
    Measure.REST_DRIFT: ("drift of the rest", 1e3, " mV/h"),
}


class Watched(StrEnum):
    """What the host watches in a segment's records to end it, in the unit of its name; all are magnitudes.

    ``COLLAPSE`` is the voltage as a fraction of the largest of the same step after the delay.
    """

    VOLTAGE = "voltage_v"
    COLLAPSE = "voltage_fraction"
    REST_DRIFT = "rest_drift_v_per_h"


@dataclass(frozen=True, slots=True)
class HostEnd:
    """An end of the last step of a segment that the host orders: a watched value is below ``below``.

    The step is watched from ``after_s`` of its own time on. Its own ends and ceilings hold besides.
    """

    watched: Watched
    below: float
    after_s: float = 0.0

    @property
    def told(self) -> str:
        """The condition in words."""
        name, factor, unit = _WATCHED_WORDS[self.watched]
        return f"{name} below {self.below * factor:.6g}{unit}"

    def held_told(self, value: float) -> str:
        """Give a watched value with the threshold below which it lies, in words."""
        name, factor, unit = _WATCHED_WORDS[self.watched]
        return f"{name} {value * factor:.4g}{unit}, below {self.below * factor:.6g}{unit}"


_WATCHED_WORDS: dict[Watched, tuple[str, float, str]] = {
    Watched.VOLTAGE: ("voltage", 1.0, " V"),
    Watched.COLLAPSE: ("voltage", 100.0, " % of its largest"),
    Watched.REST_DRIFT: ("drift of the rest", 1e3, " mV/h"),
}
