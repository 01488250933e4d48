"""Doubts a cell with an intercalation electrode: charge that goes on, drops on charge, voltage that falls at rest.

Such a cell keeps a voltage of its own, so that resistances say little and a soft short looks healthy (Counihan et al.,
Joule 8 (2024) 64). What does not fit is charge: only one finding is a hard short, that far more goes in than the cell
can hold; the others are suspicions (docs/shorts.md).
"""

from __future__ import annotations

from collections import deque
from statistics import median

from orchestrator.shorts.cell import StepFacts
from orchestrator.shorts.findings import Reason, ShortFinding, ShortKind
from orchestrator.shorts.other_thresholds import FULL_CELL, FullCellThresholds
from orchestrator.shorts.smoothing import SCATTER_OF_MEDIAN

_LINE = 6
_RESIDUALS = 24
# From this part of its cutoff on a charge is about to end.
_AT_CUTOFF = 0.995


class FullCellWatch:
    """The state machine of one run; ``capacity_ah`` is the nominal one, None where the cell file has none."""

    def __init__(
        self, area_cm2: float | None, capacity_ah: float | None, thresholds: FullCellThresholds = FULL_CELL
    ) -> None:
        self._area_cm2, self._thresholds = area_cm2, thresholds
        self._found: list[ShortFinding] = []
        self._capacity_ah = capacity_ah or 0.0
        self._step = StepFacts(None)
        self._is_told = self._is_rest_told = False
        # Charge of the step, of the charge and the discharge that it belongs to, and in all.
        self._step_ah = self._passed_ah = 0.0
        self._half_ah = {True: 0.0, False: 0.0}
        self._currents: dict[bool, list[float]] = {True: [], False: []}
        # Of the last cycles: charge, discharge, and the currents of both.
        self._cycles: deque[tuple[float, float, tuple[float, ...]]] = deque(maxlen=2)
        self._discharges = 0
        self._is_charge: bool | None = None
        self._last: tuple[float, float, float, float] | None = None
        self._line: deque[float] = deque(maxlen=_LINE)
        self._residuals: deque[float] = deque(maxlen=_RESIDUALS)
        self._drops: deque[float] = deque(maxlen=8)
        self._drops_told_s = -1e9
        self._relaxed_v: float | None = None

    def copy(self) -> FullCellWatch:
        """Return a copy of the state; feeding one leaves the other as it is."""
        twin = object.__new__(FullCellWatch)
        twin.__dict__.update(self.__dict__)
        for name in ("_found", "_half_ah", "_cycles", "_line", "_residuals", "_drops"):
            setattr(twin, name, getattr(self, name).copy())
        twin._currents = {key: values.copy() for key, values in self._currents.items()}
        return twin

    def enter(self, step: StepFacts, *, follows: bool, is_whole: bool = True) -> None:
        """Begin the next step; ``is_whole``: no record between the two is missing."""
        del follows
        if not is_whole:
            self._half_ah = {True: 0.0, False: 0.0}
            self._cycles.clear()
            self._is_charge = None
        self._step, self._last, self._step_ah = step, None, 0.0
        self._line.clear()
        self._residuals.clear()
        self._relaxed_v, self._is_rest_told = None, False

    def feed(self, time_s: float, step_s: float, voltage_v: float, current_a: float) -> None:
        """Judge the next record of the step; one that is no number is left out."""
        if voltage_v != voltage_v or current_a != current_a:
            return
        last, self._last = self._last, (time_s, step_s, voltage_v, current_a)
        if self._step.set_a == 0.0:
            self._judge_rest(time_s, step_s, voltage_v)
            return
        if current_a and not self._step.is_check:
            self._turn(current_a > 0.0)
        if last is None:
            return
        charge_ah = abs(0.5 * (last[3] + current_a)) * (step_s - last[1]) / 3600.0
        self._step_ah += charge_ah
        self._passed_ah += charge_ah
        if self._is_charge is None or not self._step.set_a or self._step.is_check:
            if self._is_charge is not None:
                self._half_ah[self._is_charge] += charge_ah
            return
        self._half_ah[self._is_charge] += charge_ah
        if current_a > 0.0:
            self._judge_charge(time_s, voltage_v)

    def _turn(self, is_charge: bool) -> None:
        """Begin a charge or a discharge, or go on with it; a discharge that ends ends a cycle."""
        size_a = abs(self._step.set_a or 0.0)
        if is_charge is self._is_charge:
            if self._currents[is_charge][-1:] != [size_a]:
                self._currents[is_charge].append(size_a)
            return
        if self._is_charge is False:
            self._discharges += 1
            self._capacity_ah = max(self._capacity_ah, self._half_ah[False])
            self._end_cycle()
        self._is_charge = is_charge
        self._half_ah[is_charge] = 0.0
        self._currents[is_charge] = [size_a]

    def _end_cycle(self) -> None:
        """Hold a charge against the discharges before and after it, where the cycle before had the same currents."""
        t, taken_ah, given_ah = self._thresholds, self._half_ah[False], self._half_ah[True]
        self._cycles.append((given_ah, taken_ah, (*self._currents[True], *self._currents[False])))
        (_, before_ah, before), (_, _, here) = self._cycles[0], self._cycles[-1]
        is_steady = len(self._cycles) == 2 and before == here and self._discharges > t.forming_cycles
        out_ah = max(before_ah, taken_ah)
        is_steady = is_steady and out_ah > t.least * self._capacity_ah
        if is_steady and self._last and given_ah > (1.0 + t.uneven) * out_ah > 0.0:
            around = f"between {before_ah * 1e3:.4g} and {taken_ah * 1e3:.4g} mAh discharged"
            seen = f"{given_ah * 1e3:.4g} mAh charged {around}"
            self._tell(ShortKind.SOFT_SUSPECTED, self._last[0], None, seen)

    def _judge_charge(self, time_s: float, voltage_v: float) -> None:
        """Judge a record of a charge at constant current: its charge, and whether the voltage dropped."""
        t, cutoff_v, given_ah = self._thresholds, self._step.cutoff_v, self._half_ah[True]
        is_below = cutoff_v is None or voltage_v < _AT_CUTOFF * cutoff_v
        if given_ah > t.over * self._capacity_ah > 0.0 and is_below and not self._is_told:
            self._is_told = True
            seen = f"{given_ah * 1e3:.4g} mAh charged into {self._capacity_ah * 1e3:.4g} mAh"
            self._tell(ShortKind.HARD, time_s, Reason.OVERFILLED, seen)
        line = self._line
        if len(line) == _LINE:
            step_v = line[-1] - voltage_v
            if step_v > t.drop_v and step_v > t.sigmas * self._scatter_v():
                self._drop(time_s, line[-1], voltage_v)
                line.clear()
            else:
                self._residuals.append(abs(step_v))
        line.append(voltage_v)

    def _scatter_v(self) -> float:
        return SCATTER_OF_MEDIAN * median(self._residuals) if self._residuals else 0.0

    def _drop(self, time_s: float, before_v: float, after_v: float) -> None:
        t = self._thresholds
        self._drops.append(time_s)
        recent = [at_s for at_s in self._drops if time_s - at_s <= t.drops_within_s]
        if len(recent) >= t.drops and time_s - self._drops_told_s > t.drops_within_s:
            self._drops_told_s = time_s
            seen = f"{len(recent)} sudden drops on charge, the last from {before_v:.4f} to {after_v:.4f} V"
            self._tell(ShortKind.SOFT_SUSPECTED, recent[0], None, seen)

    def _judge_rest(self, time_s: float, step_s: float, voltage_v: float) -> None:
        t = self._thresholds
        if step_s < t.relaxed_s or self._is_charge is not True:
            return
        if self._relaxed_v is None:
            self._relaxed_v = voltage_v
        elif self._relaxed_v - voltage_v > t.rest_v and not self._is_rest_told:
            self._is_rest_told = True
            seen = f"at rest behind a charge the voltage fell from {self._relaxed_v:.4f} to {voltage_v:.4f} V"
            self._tell(ShortKind.SOFT_SUSPECTED, time_s, None, seen)

    def _tell(self, kind: ShortKind, time_s: float, reason: Reason | None, seen: str) -> None:
        current_a = self._step.set_a or 0.0
        self._found.append(
            ShortFinding(
                kind=kind,
                time_s=time_s,
                told_s=self._last[0] if self._last is not None else time_s,
                cycle=self._step.cycle,
                current_a=current_a,
                density_a_per_cm2=None if self._area_cm2 is None else abs(current_a) / self._area_cm2,
                charge_ah=self._passed_ah,
                step_charge_ah=self._step_ah,
                before_ohm=None,
                after_ohm=0.0,
                reason=reason,
                seen=seen,
            )
        )

    def finish(self) -> None:
        """Judge the last discharge at the end of the run."""
        if self._is_charge is False:
            self._end_cycle()

    def take(self) -> list[ShortFinding]:
        """Return the findings since the last call."""
        found, self._found = self._found, []
        return found
