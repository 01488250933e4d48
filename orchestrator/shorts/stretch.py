"""A low stretch of a Li/Li cell: what is collected while its resistance stands below what a sound cell has."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

from orchestrator.shorts.findings import Reason, ShortFinding, ShortKind
from orchestrator.shorts.step_trace import MINUTE_S
from orchestrator.shorts.thresholds import Thresholds

_KEPT = 31
_ENDS = 5
_ANCHOR = 8
# So level, as a part of it, a low stretch may be a wire's: a fall far below it begins anew.
_ANCHORED = 0.1
# Fewer records have no level.
_LEAST_RECORDS = 3
# Of little that is left, halves that differ by this part of the cell that was, times what is allowed, are level.
_OF_EXPECTED = 0.2
# From this part of what is expected on, noise lifts single records above half: two are asked for.
_NOISY = 0.02
_EARLY = 9
# So many times the noise, and a fall to a third is none of the noise's.
CLEAR = 6.0

Place = tuple[float, int, float]
"""Set current in A, cycle, and charge in Ah that all steps before had passed."""


@dataclass(slots=True)
class Stretch:
    """An open low stretch. Resistances in ohm, times in seconds of the run; currents are magnitudes.

    ``since`` is the first record below half of what was expected, without one above since: its time, its time in the
    step and its place (``set_a``, ``cycle``, charges). ``expected`` is what a sound cell would have at the present
    current, ``before`` the highest of the last three minutes. ``sudden``: the fall itself was seen. ``fast_low``: the
    jump at a change of current fell as well. ``metal`` and ``alive`` count whole steps that look so.
    """

    opened_s: float
    since_s: float | None
    since_step_s: float
    set_a: float
    cycle: int
    charge_ah: float
    expected: float
    before: float
    opened_a: float
    sudden: bool
    in_first: bool
    settled: bool
    of_floor: bool = False
    fast_low: bool = False
    fast_at_opening: float | None = None
    steps: int = 0
    current_s: float = 0.0
    one_way_s: float = 0.0
    records: int = 1
    above: int = 0
    metal: int = 0
    alive: int = 0
    next_judged_s: float = 0.0
    back_s: float = 0.0
    back_step_s: float = 0.0
    back_place: Place = (0.0, 0, 0.0)
    told_ohm: float | None = None
    anchor: float = 0.0
    above_half: int = 0
    below_floor_s: float | None = None
    fast_ohm: float | None = None
    step_fast_ohm: float | None = None
    first_in_step: float = 0.0
    whole_step: bool = False
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    high: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    early: list[float] = field(default_factory=list)

    def copy(self) -> Stretch:
        """Return a copy that shares nothing that changes."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["recent"], values["high"], values["early"] = self.recent.copy(), self.high.copy(), self.early.copy()
        return Stretch(**values)

    def add(self, ohm: float, passed_s: float) -> None:
        """Add a low record, and the time since the one before."""
        self.current_s += passed_s
        self.one_way_s += passed_s
        self.records += 1
        self.recent.append(ohm)
        if self.records % _ANCHOR == 0 and self.is_level(_ANCHORED):
            self.anchor = self.level()

    def rise(self, time_s: float, step_s: float, ohm: float, place: Place) -> None:
        """Count a record that is high again."""
        self.above += 1
        if self.above == 1:
            self.back_s, self.back_step_s, self.back_place = time_s, step_s, place
            self.high.clear()
        self.high.append(ohm)

    def risen(self) -> float:
        """Return the median of the records that were high again."""
        return median(self.high)

    def date_as(self, other: Stretch, tolerance_ohm: float) -> None:
        """Begin where another stretch of the same level began."""
        if other.since_s is not None and abs(other.level() - self.level()) <= tolerance_ohm:
            self.since_s, self.since_step_s, self.before = other.since_s, other.since_step_s, other.before
            self.set_a, self.cycle, self.charge_ah = other.set_a, other.cycle, other.charge_ah

    def note_floor(self, time_s: float, ohm: float, floor_ohm: float) -> None:
        """Keep since when all records have lain below the floor."""
        if ohm > floor_ohm:
            self.below_floor_s = None
        elif self.below_floor_s is None:
            self.below_floor_s = time_s

    def take(
        self,
        time_s: float,
        passed_s: float,
        step_s: float,
        ohm: float,
        place: Place,
        floor_ohm: float,
        noise_ohm: float,
        t: Thresholds,
    ) -> None:
        """Take a low record, ``passed_s`` after the one before; a fall far below where it has stood begins it anew."""
        self.note_floor(time_s, ohm, floor_ohm)
        again = ohm <= t.fall * self.anchor > CLEAR * noise_ohm
        if ohm > t.half * self.expected:
            self.leave_half(2 if noise_ohm > _NOISY * self.expected else 1)
        else:
            self.above_half = 0
        if ohm <= t.half * self.expected and (self.since_s is None or again):
            self.date(time_s, step_s, place)
        if again:
            self.begin_again()
        self.add(ohm, passed_s)
        if len(self.early) < (_EARLY if step_s <= MINUTE_S else 2):
            self.early.append(ohm)

    def date(self, time_s: float, step_s: float, place: Place) -> None:
        """Set where the stretch begins."""
        self.since_s, self.since_step_s = time_s, step_s
        self.set_a, self.cycle, self.charge_ah = place

    def leave_half(self, needed: int) -> None:
        """Count a record above half of what is expected; so many in a row are no metal's: one alone may be noise."""
        self.above_half += 1
        if self.above_half == needed:
            self.since_s = None

    def begin_again(self) -> None:
        """Count from here on: what lay before was another, weaker path."""
        self.anchor, self.current_s, self.one_way_s, self.records = 0.0, 0.0, 0.0, 0
        self.metal = self.alive = 0
        self.whole_step, self.early = False, []
        self.recent.clear()

    def level(self) -> float:
        """Return the median of the last records."""
        return median(self.recent)

    def end(self) -> float:
        """Return the median of the last few records."""
        return median(list(self.recent)[-_ENDS:])

    def is_level(self, part: float) -> bool:
        """Return whether the last records lie level: the medians of their halves agree."""
        values = list(self.recent)
        half = len(values) // 2
        if half < _LEAST_RECORDS:
            return False
        first, second = median(values[:half]), median(values[half:])
        return abs(second - first) <= max(part * max(abs(first), abs(second)), _OF_EXPECTED * part * self.expected)

    def begin_step(self, fast_ohm: float | None, first_ohm: float, *, whole: bool) -> None:
        """Begin the next powered step; it tells metal from cell if it is ``whole``."""
        self.step_fast_ohm, self.first_in_step = fast_ohm, first_ohm
        self.whole_step = whole
        self.steps += 1
        self.one_way_s = 0.0
        self.early = []
        self.anchor = 0.0
        self.recent.clear()

    def end_step(self, tolerance_ohm: float, flat: float) -> None:
        """Count the step that ends as metal's or as a living cell's, if it was whole."""
        if not self.whole_step or not self.early or len(self.recent) < _LEAST_RECORDS:
            return
        values = [median(self.early), self.end()]
        if self.step_fast_ohm is not None:
            values.append(self.step_fast_ohm)
        spread = max(values) - min(values)
        if spread <= max(flat * abs(median(values)), tolerance_ohm):
            self.metal += 1
        else:
            self.alive += 1

    def finding(
        self, kind: ShortKind, told_s: float, area_cm2: float | None, floor_ohm: float | None, reason: Reason | None
    ) -> ShortFinding:
        """Return what is told of the stretch."""
        since_s = self.opened_s if self.since_s is None else self.since_s
        place, since_step_s = (self.set_a, self.cycle, self.charge_ah), self.since_step_s
        before_ohm, after_ohm = self.before, self.level() if self.recent else self.expected
        if kind is ShortKind.CAME_BACK:
            since_s, since_step_s, place = self.back_s, self.back_step_s, self.back_place
            before_ohm, after_ohm = self.told_ohm or after_ohm, self.risen()
        elif reason is Reason.BELOW_FLOOR and not self.sudden and self.below_floor_s is not None:
            since_s = self.below_floor_s
        set_a, cycle, charge_ah = place
        step_ah = abs(set_a) * since_step_s / 3600.0
        return ShortFinding(
            kind=kind,
            time_s=since_s,
            told_s=told_s,
            cycle=cycle,
            current_a=set_a,
            density_a_per_cm2=None if area_cm2 is None else abs(set_a) / area_cm2,
            charge_ah=charge_ah + step_ah,
            step_charge_ah=step_ah,
            before_ohm=None if self.of_floor and kind is not ShortKind.CAME_BACK else before_ohm,
            after_ohm=after_ohm,
            floor_ohm=floor_ohm,
            reason=reason,
        )
