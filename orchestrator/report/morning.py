"""The morning report of a rig as values: what ran since a moment, what stopped and why, and which cells need hands.

``orchestrator.report.morning_reading`` makes it, ``orchestrator.report.morning_page`` draws it as a page of HTML, and
the command line prints it as text. Times are seconds since 1970 by the rig's clock.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from orchestrator.clock.iso_time import iso_utc
from orchestrator.events import Severity
from orchestrator.events.to_do import where_to_type
from orchestrator.states import EndBasis, RunState

# A value below this part of the run's largest is that of no cell, and nothing is compared with it.
_LEAST_PART = 0.01
# Lines of the rig that stand above the cells where a person is needed.
_FIRST = frozenset({"service", "rack", "disk"})


@dataclass(frozen=True, slots=True)
class Trace:
    """The voltage (V) of a run's cell over the time of the report, reduced for a small picture.

    ``pieces`` are unbroken stretches of records, each a tuple of moments and voltages in order.
    """

    pieces: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def span_v(self) -> tuple[float, float] | None:
        """The lowest and the highest voltage; None without a record."""
        volts = [volt for piece in self.pieces for _, volt in piece]
        return (min(volts), max(volts)) if volts else None


@dataclass(frozen=True, slots=True)
class OverCycles:
    """One quantity of a run's whole cycles: its newest value, beside that of an earlier cycle.

    ``quantity`` is what a page calls it: the capacity of discharge, of Li/Li cells the mean overpotential, of Li/Cu
    cells the coulombic efficiency. ``values`` are pairs of a cycle's number and its value.
    """

    quantity: str
    unit: str
    values: tuple[tuple[int, float], ...]
    reference_cycle: int

    @property
    def newest(self) -> tuple[int, float]:
        """The number and the value of the newest whole cycle that has one."""
        return self.values[-1]

    @property
    def reference(self) -> float:
        """The value of the cycle with which the newest is compared."""
        return next(value for cycle, value in self.values if cycle == self.reference_cycle)

    @property
    def percent_of_reference(self) -> float | None:
        """The newest value as a percentage of the reference; None where the newest is the reference, or that is none.

        A cycle without its cell has no capacity: beside it any other would be all of it, or more.
        """
        least = _LEAST_PART * max(abs(value) for _, value in self.values)
        if self.newest[0] == self.reference_cycle or abs(self.reference) <= least:
            return None
        return 100 * self.newest[1] / self.reference


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a run did within the time of the report."""

    hours: float
    cycles: int
    records: int


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run of the report. ``said`` is its situation in a sentence, ``to_do`` what a person does about it, or empty.

    ``since_unix_s`` is when it came to its state, ``record_unix_s`` when its newest record was made; None without any.
    """

    run_id: str
    label: str
    recipe: str
    channel: str
    state: RunState
    said: str
    reason: str
    to_do: str
    since_unix_s: float
    record_unix_s: float | None
    tested_h: float
    cycle: int
    voltage_v: float | None
    time_left_s: float | None
    expected_end_unix_s: float | None
    end_known_by: EndBasis
    left: str
    simulated: bool | None
    numbers: Numbers
    over_cycles: OverCycles | None
    trace: Trace

    @property
    def name(self) -> str:
        """The name of the cell, for tables."""
        return self.label or self.run_id


@dataclass(frozen=True, slots=True)
class Mark:
    """Events of one kind, or deviations of one kind, within the time of the report.

    ``where`` names the run and its cell, or how many channels; ``times`` counts them, ``last_unix_s`` and ``said`` are
    those of the last one.
    """

    severity: Severity
    kind: str
    where: str
    times: int
    last_unix_s: float
    said: str


@dataclass(frozen=True, slots=True)
class RigLine:
    """A sentence on the rig: ``what`` it is about, and whether it ``needs`` a person."""

    what: str
    said: str
    needs: bool = False


@dataclass(frozen=True, slots=True)
class Morning:
    """The report: from ``since_unix_s`` to ``now_unix_s``. ``by_service`` False: the store alone told the states.

    ``simulated``: no cell of it is real, and its clock is not people's. ``elsewhere`` are sentences on channels that
    need a person and have no run of this store.
    """

    store: str
    since_unix_s: float
    now_unix_s: float
    by_service: bool
    simulated: bool
    source: str
    needs: tuple[RunLine, ...]
    elsewhere: tuple[RigLine, ...]
    stopped: tuple[RunLine, ...]
    ending: tuple[RunLine, ...]
    running: tuple[RunLine, ...]
    waiting: tuple[RunLine, ...]
    marks: tuple[Mark, ...]
    rig: tuple[RigLine, ...]

    @property
    def runs(self) -> tuple[RunLine, ...]:
        """All runs that went on within the time of the report, each once."""
        return (*self.needs, *self.running, *self.stopped)

    @property
    def rig_first(self) -> tuple[RigLine, ...]:
        """What is said before anything else: that nobody watches, or that the disk is full."""
        return tuple(line for line in self.rig if line.needs and line.what in _FIRST)

    @property
    def where_to_type(self) -> str:
        """Where the commands of the report find the rig; empty where it has none."""
        has_commands = any("cellrig " in run.to_do for run in self.runs + self.waiting)
        return where_to_type(self.store) if has_commands else ""

    @property
    def headline(self) -> str:
        """The report in one sentence: what needs hands first."""
        hands = len(self.needs) + len(self.elsewhere)
        rig = any(line.needs for line in self.rig)
        cells = f"{hands} {'cell needs' if hands == 1 else 'cells need'} hands" if hands else "no cell needs hands"
        parts = [f"{cells}, {'the rig too' if hands else 'but the rig does'}" if rig else cells]
        parts += [f"{len(self.stopped)} ended"] if self.stopped else []
        parts += [f"{len(self.running)} running"] if self.running else []
        parts += [f"{len(self.ending)} of them to end today"] if self.ending else []
        parts += [f"{len(self.waiting)} waiting"] if self.waiting else []
        return ", ".join(parts) if self.runs or self.waiting or hands or rig else "no run went on"

    @property
    def totals(self) -> Numbers:
        """What all runs did together."""
        numbers = [run.numbers for run in self.runs]
        return Numbers(
            sum(one.hours for one in numbers), sum(one.cycles for one in numbers), sum(one.records for one in numbers)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that ``cellrig morning --json`` prints: all but the pictures; a missing number is None."""
        document = asdict(self)
        for group in (field.name for field in fields(self) if field.type == "tuple[RunLine, ...]"):
            document[group] = [_as_dict(run) for run in getattr(self, group)]
        document["marks"] = [{**asdict(mark), "last_utc": iso_utc(mark.last_unix_s)} for mark in self.marks]
        times = {"since_utc": iso_utc(self.since_unix_s), "now_utc": iso_utc(self.now_unix_s)}
        return {"headline": self.headline, **times, "totals": asdict(self.totals), **document}


def _as_dict(run: RunLine) -> dict[str, Any]:
    row = {name: value for name, value in asdict(run).items() if name not in ("trace", "over_cycles")}
    row["since_utc"] = iso_utc(run.since_unix_s)
    for name in ("record", "expected_end"):
        unix_s = row[f"{name}_unix_s"]
        row[f"{name}_utc"] = None if unix_s is None else iso_utc(unix_s)
    return {**row, "newest_cycle": _newest(run.over_cycles)}


def _newest(found: OverCycles | None) -> dict[str, Any] | None:
    if found is None:
        return None
    cycle, value = found.newest
    names = {"quantity": found.quantity, "unit": found.unit, "cycle": cycle, "value": value}
    compared = {"reference_cycle": found.reference_cycle, "percent_of_reference": found.percent_of_reference}
    return {**names, **compared}
