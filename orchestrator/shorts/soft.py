"""Finds soft shorts of a Li/Li cell: sudden falls by a few per cent or more that no contact and no film explains.

Inside a step each record is held against the straight line through the last six. A record off that line by far more
than the scatter is an edge, once three more confirm it. A fall after a rise of like size is a contact that mended; one
that recurs at the same time of the next half-cycle is the shape of the deposit; one that comes back as suddenly is a
filament that burned through. A spectrum decides more than any trace: nothing here replaces it.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from orchestrator.shorts.cell import StepFacts
from orchestrator.shorts.edges import Edge, StepProfile
from orchestrator.shorts.findings import ShortFinding, ShortKind
from orchestrator.shorts.smoothing import SCATTER_OF_MEDIAN
from orchestrator.shorts.soft_thresholds import SOFT, SoftThresholds
from orchestrator.shorts.straight_line import line_of_six, straight_line

_LINE = 6
_RESIDUALS = 24
# Time of the edge, its record and three behind it.
_CONFIRMING = 5
# Currents that differ by more than this part are others.
_OTHER_CURRENT = 0.05
_KEPT = 16
_ENOUGH = 12
_LEAST = 4
_CURRENTS = 8
# Above so many times the level before, a rise is a contact's and no return; a record so near the median belongs to it.
_ABOVE = 1.12
_AGREES = 1.3


class SoftShortWatch:
    """The state machine of one run for soft shorts, fed with the same records as ``HardShortWatch``."""

    def __init__(self, area_cm2: float | None = None, thresholds: SoftThresholds = SOFT) -> None:
        self._area_cm2, self._thresholds = area_cm2, thresholds
        self.found: list[ShortFinding] = []
        self.noise_v = thresholds.noise_v
        self._step = StepFacts(None)
        self._number = 0
        self._is_judged = False
        self._noise_ohm = 0.0
        self._charge_ah = self._step_s = self._told_s = 0.0
        self._line: deque[tuple[float, float]] = deque(maxlen=_LINE)
        self._residuals: deque[float] = deque(maxlen=_RESIDUALS)
        self._scatter = 0.0
        self._count = 0
        # An edge that is not confirmed: the line before it, and the records since.
        self._pending: tuple[float, float, float, float] | None = None
        self._since: list[tuple[float, float]] = []
        self._behind: list[tuple[float, float]] = []
        self._falls: deque[Edge] = deque(maxlen=_KEPT)
        self._rises: deque[Edge] = deque(maxlen=_KEPT)
        # Falls that are suspected and neither came back nor are probable.
        self._open: list[Edge] = []
        # Those that the rule for hard shorts took for a contact's, and those that it has told, until they come back.
        self._mended: list[Edge] = []
        self._settled: list[Edge] = []
        # The resistances of this step, and of the last one at each signed current.
        self._profile = StepProfile()
        self._profiles: dict[float, tuple[int, StepProfile]] = {}
        self._dips: deque[tuple[float, float]] = deque(maxlen=8)
        self._dips_told_s = -1e9

    def copy(self) -> SoftShortWatch:
        """Return a copy of the state; feeding one leaves the other as it is."""
        twin = object.__new__(SoftShortWatch)
        twin.__dict__.update(self.__dict__)
        twin._profile = self._profile.copy()
        for name in (
            "_line",
            "_residuals",
            "_since",
            "_behind",
            "_falls",
            "_rises",
            "_open",
            "_mended",
            "_settled",
            "_dips",
            "found",
            "_profiles",
        ):
            setattr(twin, name, getattr(self, name).copy())
        return twin

    def enter(self, step: StepFacts) -> None:
        """Begin the next step."""
        if self._is_judged:
            if self._pending is not None:
                self._confirm_at_end(self._pending)
            self._charge_ah += abs(self._step.set_a or 0.0) * self._step_s / 3600.0
            self._end_step(self._step.set_a or 0.0)
        self._step = step
        self._is_judged = bool(step.set_a) and not step.is_check
        if not self._is_judged:
            return
        self._number += 1
        self._noise_ohm = self.noise_v / abs(step.set_a or 1.0)
        self._line.clear()
        self._pending, self._since = None, []
        self._step_s = 0.0
        for edge in list(self._open):
            # A deep one that stays is metal's or a contact's: the rule for hard shorts decides that.
            is_lasting = self._number - edge.step > self._thresholds.lasting_steps
            if is_lasting and -edge.size < self._thresholds.deep:
                self._open.remove(edge)
                self._tell(ShortKind.SOFT_PROBABLE, edge)

    def _end_step(self, set_a: float) -> None:
        """Keep the step's values, and see what came back between two steps."""
        level, part = self._profile.end(), self._thresholds.back_part
        for falls in (self._open, self._mended, self._settled):
            for fall in list(falls):
                is_later = fall.set_a == set_a and fall.step < self._number and level is not None
                if is_later and 1.0 + (1.0 - part) * fall.size <= (level or 0.0) / fall.before_ohm <= _ABOVE:
                    falls.remove(fall)
                    if falls is not self._settled:
                        self._tell(ShortKind.SOFT_PROBABLE, fall)
        self._profiles.pop(set_a, None)
        self._profiles[set_a] = self._number, self._profile
        if len(self._profiles) > _CURRENTS:
            del self._profiles[next(iter(self._profiles))]
        self._profile = StepProfile()

    def feed(self, time_s: float, step_s: float, ohm: float) -> None:
        """Judge the next record of the step by its resistance."""
        if not self._is_judged:
            return
        self._step_s = step_s
        if step_s >= self._profile.due_s:
            self._profile.add(step_s, ohm)
        line = self._line
        if self._pending is not None:
            self._confirm(self._pending, time_s, step_s, ohm)
            return
        if len(line) < _LEAST or step_s < self._thresholds.from_s:
            if not line or step_s > line[-1][0]:
                line.append((step_s, ohm))
            return
        mean_t, mean_r, slope = line_of_six(*line) if len(line) == _LINE else straight_line(line)
        off = ohm - (mean_r + slope * (step_s - mean_t))
        size = off if off > 0.0 else -off
        t = self._thresholds
        if size > t.edge * mean_r and mean_r > 0.0:
            curved = t.curved * abs(slope) * (step_s - line[-1][0])
            if size > t.sigmas * self._spread(mean_r) and size > curved:
                self._pending = (mean_t, mean_r, slope, off)
                self._since = [(time_s, step_s), (ohm, off)]
                self._behind = []
                return
        self._residuals.append(size)
        self._count += 1
        if not self._count % _LINE:
            self._scatter = SCATTER_OF_MEDIAN * sorted(self._residuals)[len(self._residuals) // 2]
        if step_s > line[-1][0]:
            line.append((step_s, ohm))

    def _spread(self, ohm: float) -> float:
        t = self._thresholds
        # Once this tester's scatter has been seen, less noise is left to fear.
        factor = t.noise_factor if self._count < _ENOUGH else t.seen_factor
        return max(self._scatter, factor * self._noise_ohm, t.least_scatter * ohm)

    def _confirm(self, pending: tuple[float, float, float, float], time_s: float, step_s: float, ohm: float) -> None:
        """Collect the records behind an edge; three confirm it, or make it a dip."""
        mean_t, mean_r, slope, off = pending
        here = ohm - (mean_r + slope * (step_s - mean_t))
        self._since.append((ohm, here))
        self._behind.append((step_s, ohm))
        if len(self._since) < _CONFIRMING:
            return
        (at_s, at_step_s), *values = self._since
        offs = sorted(value for _, value in values[1:])
        middle = offs[1]
        after = median([value for value, _ in values])
        self._pending, self._since = None, []
        if middle * off > 0.0 and abs(middle) >= self._thresholds.confirmed * mean_r:
            self._line.clear()
            if off / middle < _AGREES:
                self._line.append((at_step_s, values[0][0]))
            self._line.extend(self._behind)
            self._edge(at_s, at_step_s, middle / mean_r, mean_r, after, time_s)
        elif off < 0.0:
            self._dip(at_s, at_step_s, off / mean_r, mean_r, after, time_s)

    def _confirm_at_end(self, pending: tuple[float, float, float, float]) -> None:
        """Take an edge that the end of its step cut off, where it is large and the records behind it agree."""
        _, mean_r, _, off = pending
        (at_s, at_step_s), *values = self._since
        agree = all(value / off >= self._thresholds.agree for _, value in values[1:])
        if len(values) >= 2 and agree and abs(off) >= self._thresholds.large * mean_r:
            self._edge(at_s, at_step_s, off / mean_r, mean_r, values[-1][0], at_s)

    def _edge(self, at_s: float, step_s: float, size: float, before: float, after: float, told_s: float) -> None:
        step, self._told_s = self._step, told_s
        edge = Edge(at_s, step_s, self._number, step.set_a or 0.0, step.cycle, size, before, after, self._charge_ah)
        if size > 0.0:
            if not self._comes_back(size / (1.0 + size)) and not self._heals(edge):
                self._rises.append(edge)
            return
        if self._mends(edge):
            return
        twin = self._twin(edge)
        self._falls.append(edge)
        if twin is None and self._fell_before(edge):
            return
        if twin is not None:
            if twin in self._open:
                self._open.remove(twin)
                self._tell(ShortKind.SOFT_DROPPED, twin)
            return
        self._open.append(edge)
        self._open = self._open[-_KEPT:]
        self._tell(ShortKind.SOFT_SUSPECTED, edge)

    def _comes_back(self, gained: float) -> bool:
        """Return whether a rise ends a fall: what it gained against what that lost, relative to the level above."""
        for falls in (self._open, self._settled, self._mended):
            for fall in reversed(falls):
                if gained >= self._thresholds.back_part * -fall.size:
                    falls.remove(fall)
                    if falls is not self._settled:
                        self._tell(ShortKind.SOFT_PROBABLE, fall)
                    return True
        return False

    def _heals(self, rise: Edge) -> bool:
        """Return whether a rise only leads back to where a fall or dip began: a contact's leads above."""
        drops = [(fall.time_s, fall.before_ohm) for fall in self._falls] + list(self._dips)
        t = self._thresholds
        return any(rise.time_s - at_s <= t.healing_s and rise.after_ohm <= _ABOVE * before for at_s, before in drops)

    def settle(self) -> None:
        """Leave the last deep fall to the rule for hard shorts, which has told it."""
        for fall in reversed(self._open):
            if -fall.size >= self._thresholds.deep:
                self._open.remove(fall)
                self._settled = [*self._settled[-3:], fall]
                return

    def mend(self) -> None:
        """Take the last deep fall for a contact's, which the rule for hard shorts has told, until it comes back."""
        for fall in reversed(self._open):
            if -fall.size >= self._thresholds.deep:
                self._open.remove(fall)
                self._mended = [*self._mended[-3:], fall]
                return

    def _mends(self, fall: Edge) -> bool:
        """Return whether a fall follows a rise of like size: a contact that worsened and mended."""
        t = self._thresholds
        lost = fall.before_ohm - fall.after_ohm
        for rise in reversed(self._rises):
            gained = rise.after_ohm - rise.before_ohm
            is_other = abs(abs(rise.set_a) - abs(fall.set_a)) > _OTHER_CURRENT * abs(fall.set_a)
            back_to = t.back_to_other if is_other else t.back_to
            is_back = abs(fall.after_ohm - rise.before_ohm) <= back_to * rise.before_ohm
            if is_back and abs(gained - lost) <= t.like_rise * max(gained, lost):
                self._rises.remove(rise)
                return True
        return False

    def _twin(self, fall: Edge) -> Edge | None:
        """Return a fall of a step before in the same direction at the same time of it: the deposit's shape."""
        t = self._thresholds
        for other in reversed(self._falls):
            same = other.set_a * fall.set_a > 0.0 and 0 < fall.step - other.step <= t.twin_steps
            near_s = max(t.near_s, t.near_part * fall.step_s)
            if same and abs(other.step_s - fall.step_s) <= near_s and fall.size <= t.twin_part * other.size:
                return other
        return None

    def _fell_before(self, fall: Edge) -> bool:
        """Return whether the last step at this current fell at the same time, less suddenly or by less."""
        t = self._thresholds
        number, profile = self._profiles.get(fall.set_a, (0, None))
        if profile is None or self._number - number > t.twin_steps:
            return False
        near_s = max(t.near_s, t.near_part * fall.step_s)
        return profile.fall(fall.step_s - near_s, fall.step_s + near_s) >= t.twin_part * -fall.size

    def _dip(self, at_s: float, step_s: float, size: float, before: float, after: float, told_s: float) -> None:
        t, step = self._thresholds, self._step
        self._told_s = told_s
        self._dips.append((at_s, before))
        recent = [dip_s for dip_s, _ in self._dips if at_s - dip_s <= t.dips_within_s]
        if len(recent) >= t.dips and at_s - self._dips_told_s > t.dips_within_s:
            self._dips_told_s = at_s
            edge = Edge(
                recent[0], step_s, self._number, step.set_a or 0.0, step.cycle, size, before, after, self._charge_ah
            )
            self._tell(ShortKind.SOFT_SUSPECTED, edge)

    def _tell(self, kind: ShortKind, edge: Edge) -> None:
        step_ah = abs(edge.set_a) * edge.step_s / 3600.0
        area = self._area_cm2
        self.found.append(
            ShortFinding(
                kind=kind,
                time_s=edge.time_s,
                told_s=max(self._told_s, edge.time_s),
                cycle=edge.cycle,
                current_a=edge.set_a,
                density_a_per_cm2=None if area is None else abs(edge.set_a) / area,
                charge_ah=edge.charge_ah + step_ah,
                step_charge_ah=step_ah,
                before_ohm=edge.before_ohm,
                after_ohm=edge.after_ohm,
            )
        )

    def take(self) -> list[ShortFinding]:
        """Return the findings since the last call."""
        found, self.found = self.found, []
        return found
