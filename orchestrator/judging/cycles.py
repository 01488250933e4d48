"""Builds per-cycle numbers from executed steps: capacities, efficiency, mean voltages, polarisation.

Which cycle and half-cycle a step belongs to is said by ``protocols.half_cycles`` alone. Fed step by step while a run
goes on, or all at once when it is read, the rows are the same.

The efficiency is that of the half-cycle that takes back what the one before it has given (``EfficiencyOf``): stripped
over plated for Li/Cu, discharge over charge for LFP, and for other cells in the order in which the test begins. It is
None where it would not be one:

- The half that takes was ended by a set time or charge, or from outside: what it left in the cell is not known. Of a
  pair whose halves are both set it would be 1 by construction.
- The half that took before it was such a one: what it left comes out now. Over a reservoir of lithium only all
  half-cycles together have an efficiency (``orchestrator.analysis.reservoir``).
- One half was cut off at once, as in a rate test whose cell gives nothing at its highest current (``LEAST``), or far
  more came out than went in, as in the slow cycle after it (``MOST``).
- Both halves were cut off at once (``NOTHING``): a cell that was pulled out, or that gives nothing at this current,
  passes the charge of a few looks of the tester each way, and their ratio is no property of the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from enum import StrEnum

from drivers.interfaces import EndReason
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rollback import as_before
from protocols.current_sign import Direction
from protocols.half_cycles import CycleNumbers, CyclePlace
from protocols.program import CellFacts, Program

# Ends at which a cell has given what it gives at this current.
COMPLETE_ENDS = frozenset({EndReason.VOLTAGE, EndReason.CURRENT})
LEAST = 0.05
"""Least ratio that is called an efficiency. Our judgement: poor first cycles give back more than this."""
MOST = 1.5
"""Largest ratio that is called one. Our judgement: a slow cycle after fast ones is below it."""
NOTHING_OF_NOMINAL = 0.001
"""Part of the nominal capacity at which a half passed nothing: a double layer, or a film of a copper foil."""

NOTHING = 0.01
"""Part of the largest half-cycle before at which a half passed nothing. A look of the tester at 20C is below 0.1 %."""
_SYMMETRIC = "li-li"
# How a half ended at which the cell has not given what it gives at this current.
ENDED_BY = {
    EndReason.TIME: "its set time",
    EndReason.CAPACITY: "its set charge",
    EndReason.CEILING: "its ceiling",
    EndReason.EXTERNAL: "something from outside",
}
# The direction that takes back, where the kind of cell says it: plating is a discharge of Li/Cu, stripping its charge.
_TAKES = {"li-cu": Direction.CHARGE, "lfp": Direction.DISCHARGE}


class EfficiencyOf(StrEnum):
    """Which half-cycle was divided by which: both of one cycle, or the first one by the last of the cycle before."""

    DISCHARGE_BY_CHARGE = "discharge/charge"
    CHARGE_BY_DISCHARGE = "charge/discharge"
    DISCHARGE_BY_CHARGE_BEFORE = "discharge/charge of the cycle before"
    CHARGE_BY_DISCHARGE_BEFORE = "charge/discharge of the cycle before"


_OF = {
    (Direction.DISCHARGE, False): EfficiencyOf.DISCHARGE_BY_CHARGE,
    (Direction.CHARGE, False): EfficiencyOf.CHARGE_BY_DISCHARGE,
    (Direction.DISCHARGE, True): EfficiencyOf.DISCHARGE_BY_CHARGE_BEFORE,
    (Direction.CHARGE, True): EfficiencyOf.CHARGE_BY_DISCHARGE_BEFORE,
}


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle: a pair of half-cycles, or one without a partner, whose other half is None throughout.

    ``start_s`` is in run time (the tests of a run, one behind the other). Capacities are magnitudes, NaN where the
    tester gave no reading; voltages are weighted by charge and signed. ``coulombic_efficiency`` is a fraction, and
    ``efficiency_of`` says which half was divided by which; both are None where there is no efficiency (above).
    ``polarisation_v`` is the mean voltage of charge minus that of discharge. End reasons are those of the last step of
    each half.
    """

    cycle: int
    start_s: float
    charge_capacity_ah: float | None
    discharge_capacity_ah: float | None
    charge_capacity_mah_g: float | None
    discharge_capacity_mah_g: float | None
    charge_capacity_mah_cm2: float | None
    discharge_capacity_mah_cm2: float | None
    coulombic_efficiency: float | None
    efficiency_of: EfficiencyOf | None
    charge_mean_voltage_v: float | None
    discharge_mean_voltage_v: float | None
    polarisation_v: float | None
    charge_end_reason: EndReason | None
    discharge_end_reason: EndReason | None

    @property
    def is_whole(self) -> bool:
        """Whether both halves have run."""
        return self.charge_end_reason is not None and self.discharge_end_reason is not None


@dataclass(frozen=True, slots=True)
class Half:
    """One half-cycle as it has run so far, from the steps that belong to it; ``ah`` is net of pulses back.

    ``volt_ah`` is the integral of the voltage over the charge ``known_ah`` of the steps whose mean voltage is known.
    """

    number: int
    direction: Direction
    start_s: float
    ah: float = 0.0
    volt_ah: float = 0.0
    known_ah: float = 0.0
    end: EndReason = EndReason.EXTERNAL

    def with_step(self, executed: ExecutedStep) -> Half:
        """Return the half-cycle with one more step, or part of a step."""
        volt_ah, known_ah = self.volt_ah, self.known_ah
        if executed.mean_voltage_v is not None:
            volt_ah += executed.mean_voltage_v * executed.capacity_ah
            known_ah += executed.capacity_ah
        ah = self.ah + executed.capacity_ah
        return Half(self.number, self.direction, self.start_s, ah, volt_ah, known_ah, executed.end_reason)

    def with_pulse(self, direction: Direction, executed: ExecutedStep) -> Half:
        """Return the half-cycle with the charge of a pulse, which neither ends it nor has a part in its voltage."""
        ah = self.ah + (executed.capacity_ah if direction is self.direction else -executed.capacity_ah)
        return Half(self.number, self.direction, self.start_s, ah, self.volt_ah, self.known_ah, self.end)

    @property
    def mean_voltage_v(self) -> float | None:
        """The mean voltage, weighted by charge; None without any."""
        return self.volt_ah / self.known_ah if self.known_ah > 0 else None

    @property
    def is_complete(self) -> bool:
        """Whether the cell's own voltage ended it."""
        return self.end in COMPLETE_ENDS


@dataclass(frozen=True, slots=True)
class CycleSums:
    """A cycle with the halves that its numbers come from, in order, and why it has no efficiency, "" where it has."""

    cycle: Cycle
    halves: tuple[Half, ...]
    why_no_efficiency: str


class CycleBuilder:
    """Gathers a run's executed steps into cycles; a cycle is returned when the last step of its second half has run.

    Steps are named by their number in the original program through all its segments, as ``RunPlace.count`` is, with
    start times in run time. The parts of a step that an interruption cut are added up.
    """

    def __init__(self, program: Program) -> None:
        self._numbers = CycleNumbers.of(program)
        self._placed = PlacedCycles(program.cell, self._numbers.begins_with)

    def feed(self, count: int, executed: ExecutedStep) -> list[Cycle]:
        """Add a step of the original program, or a part of one, in order; return the cycles that it completes."""
        return [sums.cycle for sums in self.sums(count, executed)]

    def sums(self, count: int, executed: ExecutedStep) -> list[CycleSums]:
        """Do as ``feed`` does, and return the cycles with their halves."""
        return self._placed.feed(self._numbers.at(count), executed)

    def __copy__(self) -> CycleBuilder:
        """Return a builder with the same cycles; feeding it does not change this one."""
        return self._by(self._numbers)

    def going_by(self, program: Program) -> CycleBuilder:
        """Return a copy that numbers the steps to come by another program, which has the same steps so far."""
        return self._by(CycleNumbers.of(program))

    def _by(self, numbers: CycleNumbers) -> CycleBuilder:
        other = object.__new__(CycleBuilder)
        other._numbers, other._placed = numbers, copy(self._placed)
        return other

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed`` or ``finish``."""
        return self._placed.undo()

    def capacity_ah(self, cycle: Cycle) -> float | None:
        """Return the capacity that a cycle has shown, in Ah: the charge of the half that takes back."""
        is_charge = self._placed.takes is Direction.CHARGE
        return cycle.charge_capacity_ah if is_charge else cycle.discharge_capacity_ah

    @property
    def is_within_half(self) -> bool:
        """Whether more of the half-cycle that ran last is to come."""
        return self._placed.is_within_half

    def finish(self) -> list[Cycle]:
        """Return the open cycle as far as it has run, at the end of the run. It stays open: a run may yet go on."""
        return [sums.cycle for sums in self.open_sums()]

    def open_sums(self) -> list[CycleSums]:
        """Do as ``finish`` does, and return the cycle with its halves."""
        return self._placed.finish()


class PlacedCycles:
    """Gathers executed steps whose places among the cycles are known, whoever knows them, into cycles.

    ``begins_with`` is the direction of the first half-cycle, None where that is not known.
    """

    def __init__(self, cell: CellFacts, begins_with: Direction | None) -> None:
        self._cell = cell
        self._takes = _TAKES.get(cell.kind) or _second(begins_with)
        self._cycle = 0
        self._halves: tuple[Half, ...] = ()
        # The last half-cycle of the cycle before, and whether the newest one that took was complete.
        self._before: Half | None = None
        self._is_empty = True
        self.is_within_half = False
        self._largest_ah = 0.0
        self._closed = 0
        self._nominal_ah = cell.nominal_capacity_ah or 0.0

    @property
    def takes(self) -> Direction:
        """The direction of the half that takes back what the other has put in: its charge is the cell's capacity."""
        return self._takes

    def feed(self, place: CyclePlace, executed: ExecutedStep) -> list[CycleSums]:
        """Add a step, or a part of one, in order; return the cycles that it completes."""
        if not place.half or place.half <= self._closed:
            return []
        if place.pulse is None:
            self.is_within_half = not place.ends_half
        done: list[CycleSums] = []
        if place.cycle != self._cycle:
            done += self._close()
            self._cycle = place.cycle
        self._halves = self._with(place, executed)
        if place.ends_half and place.half % 2 == 0 and executed.end_reason is not EndReason.EXTERNAL:
            done += self._close()
        return done

    def _with(self, place: CyclePlace, executed: ExecutedStep) -> tuple[Half, ...]:
        halves = self._halves
        last = halves[-1] if halves and halves[-1].number == place.half else None
        if place.pulse is not None:
            return halves if last is None else (*halves[:-1], last.with_pulse(place.pulse, executed))
        if last is not None:
            return (*halves[:-1], last.with_step(executed))
        if place.direction is None:
            return halves
        return (*halves, Half(place.half, place.direction, executed.start_s).with_step(executed))

    def undo(self) -> Callable[[], None]:
        """Return a function that restores the state from before a later ``feed`` or ``finish``."""
        return as_before(self, "_cycle", "_halves", "_before", "_is_empty", "is_within_half", "_largest_ah", "_closed")

    def finish(self) -> list[CycleSums]:
        """Return the open cycle as far as it has run, at the end of the run. It stays open: a run may yet go on."""
        if not self._halves:
            return []
        efficiency, of, why = self._efficiency(self._halves)
        return [CycleSums(self._row(self._halves, efficiency, of), self._halves, why)]

    def _close(self) -> list[CycleSums]:
        found, halves = self.finish(), self._halves
        for half in halves:
            self._is_empty = half.is_complete if half.direction is self._takes else self._is_empty
            self._largest_ah = max(self._largest_ah, half.ah)
        if halves:
            self._before, self._closed, self._halves = halves[-1], halves[-1].number, ()
        return found

    def _efficiency(self, halves: Sequence[Half]) -> tuple[float | None, EfficiencyOf | None, str]:
        """Return the efficiency, which half was divided by which, and why there is none."""
        at = next((n for n, half in enumerate(halves) if half.direction is self._takes), None)
        taken = None if at is None else halves[at]
        given = None if at is None else halves[at - 1] if at else self._before
        why = self._why_not(taken, given)
        if why or at is None or taken is None or given is None:
            return None, None, why
        return taken.ah / given.ah, _OF[taken.direction, at == 0], ""

    def _why_not(self, taken: Half | None, given: Half | None) -> str:
        """Return why the charge that one half took back, over what another gave, is no efficiency; "" if it is one."""
        if taken is None:
            return f"the {self._takes.value} that takes back has not run"
        if given is None or given.number != taken.number - 1:
            return f"nothing was put in before the {taken.direction.value}"
        if not taken.is_complete:
            return f"the {taken.direction.value} was ended by {ENDED_BY[taken.end]}: what it left is not known"
        if not self._is_empty and self._cell.kind != _SYMMETRIC:
            return f"the {taken.direction.value} before it left an unknown charge"
        if not LEAST * given.ah <= taken.ah <= MOST * given.ah or not taken.ah > 0:
            return f"the halves passed {taken.ah * 1e3:.4g} and {given.ah * 1e3:.4g} mAh: one was cut off at once"
        if taken.ah < max(NOTHING * self._largest_ah, NOTHING_OF_NOMINAL * self._nominal_ah):
            return f"the {taken.direction.value} passed next to nothing"
        return ""

    def _row(self, halves: Sequence[Half], efficiency: float | None, of: EfficiencyOf | None) -> Cycle:
        ways = {half.direction: half for half in halves}
        charge, discharge = ways.get(Direction.CHARGE), ways.get(Direction.DISCHARGE)
        charge_v, discharge_v = (None if half is None else half.mean_voltage_v for half in (charge, discharge))
        mass_g = self._cell.active_mass_mg and self._cell.active_mass_mg / 1e3
        return Cycle(
            cycle=self._cycle,
            start_s=halves[0].start_s,
            charge_capacity_ah=None if charge is None else charge.ah,
            discharge_capacity_ah=None if discharge is None else discharge.ah,
            charge_capacity_mah_g=_milli_per(charge, mass_g),
            discharge_capacity_mah_g=_milli_per(discharge, mass_g),
            charge_capacity_mah_cm2=_milli_per(charge, self._cell.area_cm2),
            discharge_capacity_mah_cm2=_milli_per(discharge, self._cell.area_cm2),
            coulombic_efficiency=efficiency,
            efficiency_of=of,
            charge_mean_voltage_v=charge_v,
            discharge_mean_voltage_v=discharge_v,
            polarisation_v=None if charge_v is None or discharge_v is None else charge_v - discharge_v,
            charge_end_reason=None if charge is None else charge.end,
            discharge_end_reason=None if discharge is None else discharge.end,
        )


def _milli_per(half: Half | None, size: float | None) -> float | None:
    return half.ah * 1e3 / size if half is not None and size else None


def _second(first: Direction | None) -> Direction:
    return Direction.CHARGE if first is Direction.DISCHARGE else Direction.DISCHARGE
