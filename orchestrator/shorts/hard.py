"""Finds hard and deep soft shorts of a Li/Li cell in its records, one at a time, with constant memory.

What is expected of the next record is a lower bound of a sound cell (``orchestrator.shorts.history``); a record far
below it opens a low stretch, which collects evidence until it is told as a hard short, or closes. What lies in a
stretch is never learned. The rule and what was measured with it: docs/shorts.md.
"""

from __future__ import annotations

from math import inf

from orchestrator.shorts.cell import StepFacts, SymmetricCell, floor_ohm
from orchestrator.shorts.closed_stretches import ClosedStretches
from orchestrator.shorts.findings import Reason, ShortFinding, ShortKind
from orchestrator.shorts.history import History, thermal_voltage_v
from orchestrator.shorts.smoothing import Smoothing
from orchestrator.shorts.step_trace import MINUTE_S, StepTrace
from orchestrator.shorts.stretch import CLEAR, Place, Stretch
from orchestrator.shorts.thresholds import DEFAULT, Thresholds
from orchestrator.shorts.verdict import Evidence, is_unconfirmed, reason_for

_CAME_BACK_RECORDS = 10
# Farther from its set current than this part of it a tester has not settled yet: such records are not judged.
_SETTLED_PART = 0.5


class HardShortWatch:
    """The state machine of one run. ``found`` collects the findings until ``take`` empties it.

    ``is_told`` is whether a hard short was told and has not come back, ``fast_ohm`` the jump with which the step began
    (None without a clean one), ``zero_v`` and ``noise_v`` the tester's zero and noise. ``unjudged`` counts records
    under current that nothing could be said of: at the cutoff, or without the step's current.
    """

    def __init__(self, cell: SymmetricCell, thresholds: Thresholds = DEFAULT) -> None:
        self._cell, self._thresholds = cell, thresholds
        self._history = History(thresholds, thermal_voltage_v(cell.temperature_degc))
        self._trace = StepTrace(thresholds)
        self._stretch: Stretch | None = None
        self._floor = floor_ohm(cell, None, thresholds)
        self.found: list[ShortFinding] = []
        self.zero_v, self.noise_v = 0.0, thresholds.noise_v
        self.is_told = False
        self.unjudged = 0
        # The step, and whether its first record is still to come.
        self._step = StepFacts(None)
        self._is_first = self._is_judged = self._follows = False
        self._set_a = self._size_a = self._tolerance_a = self._noise_ohm = 0.0
        self._cut_ohm = self._cut_before_v = inf
        self.fast_ohm: float | None = None
        self._is_sound = True
        self._smoothing: Smoothing | None = None
        self._is_late = False
        # Where the step before stood below half from, if it ended so: time, time in the step and its place.
        self._ended_low: tuple[float, float, Place] | None = None
        self._closed = ClosedStretches(thresholds)
        # How a stretch has closed, for the rule of soft shorts, which takes it from here.
        self.closed_as: ShortKind | None = None
        self._powered = 0
        # The last record, and the charge of all steps before this one.
        self._t = self._v = self._i = self._step_s = 0.0
        self._charge_ah = 0.0

    @property
    def is_low(self) -> bool:
        """Whether a low stretch is open, or a hard short told: nothing else is judged in it."""
        return self._stretch is not None

    def copy(self) -> HardShortWatch:
        """Return a copy of the state; feeding one leaves the other as it is."""
        twin = object.__new__(HardShortWatch)
        twin.__dict__.update(self.__dict__)
        twin._history, twin._trace = self._history.copy(), self._trace.copy()
        twin._stretch = None if self._stretch is None else self._stretch.copy()
        twin._closed = self._closed.copy()
        twin._smoothing = None if self._smoothing is None else self._smoothing.copy()
        twin.found = self.found.copy()
        return twin

    def feed_intercept(self, ohm: float) -> None:
        """Use the high-frequency intercept of a spectrum for the floor from here on."""
        if not self.is_told and self._stretch is None:
            self._floor = floor_ohm(self._cell, ohm, self._thresholds)

    # Steps

    def enter(self, step: StepFacts, *, follows: bool) -> None:
        """End the step before and begin the next one; ``follows``: the tester went from one to the other at once."""
        t = self._thresholds
        if self._is_judged and not self._is_first:
            self._end_step()
        cutoff_v = self._step.cutoff_v
        self._cut_before_v = inf if cutoff_v is None else (1.0 - t.cutoff_part) * abs(cutoff_v)
        self._step, self._follows = step, follows
        set_a = step.set_a or 0.0
        self._is_first, self._set_a, self._size_a = True, set_a, abs(set_a)
        self._is_judged = bool(set_a) and not step.is_check
        self._tolerance_a = _SETTLED_PART * self._size_a
        self._noise_ohm = self.noise_v / self._size_a if set_a else inf
        cut_ohm = (1.0 - t.cutoff_part) * step.cutoff_v / set_a if step.cutoff_v is not None and set_a else inf
        self._cut_ohm = cut_ohm if cut_ohm > 0.0 else inf
        self.fast_ohm = None
        self._is_sound, self._is_late = True, False
        if self._is_judged:
            self._powered += 1
            self._history.next_step()

    def _end_step(self) -> None:
        low_s = None if self._stretch is not None else self._trace.half_since
        place = self._set_a, self._step.cycle, self._charge_ah
        self._ended_low = None if low_s is None else (low_s, self._step_s - (self._t - low_s), place)
        self._charge_ah += self._size_a * self._step_s / 3600.0
        if self._stretch is not None:
            self._end_in_stretch(self._stretch)
        elif self._is_sound and self._step_s >= self._thresholds.least_step_s:
            self._learn()

    def _learn(self) -> None:
        level = self._trace.level()
        if level > max(2.0 * self._noise_ohm, self._floor):
            self._history.learn_step(self._set_a, level, self._trace.end(), self.fast_ohm)

    def _end_in_stretch(self, stretch: Stretch) -> None:
        t = self._thresholds
        if not stretch.recent or self.is_told:
            return
        stretch.end_step(max(t.slight * stretch.before, t.noises * self._noise_ohm), t.flat)
        if not stretch.sudden and not stretch.fast_low and stretch.end() >= t.rising * stretch.first_in_step > 0.0:
            self._close(None)
            return
        lowest = self._history.lowest(self._size_a)
        needed = 2 if self._history.steps or stretch.level() <= t.first_fall * stretch.expected else 1
        is_alive = stretch.alive >= needed and stretch.alive > stretch.metal and not stretch.of_floor
        if is_alive or (lowest is not None and stretch.level() >= t.lowest_part * lowest):
            self._close(ShortKind.MENDED)

    # Records

    def feed(self, time_s: float, step_s: float, voltage_v: float, current_a: float) -> None:
        """Judge the next record of the step."""
        if self._is_first or not self._is_judged:
            self._feed_other(time_s, step_s, voltage_v, current_a)
            return
        before_s = self._t
        self._t, self._v, self._i, self._step_s = time_s, voltage_v, current_a, step_s
        is_set = abs(current_a - self._set_a) <= self._tolerance_a
        r = (voltage_v - self.zero_v) / current_a if is_set else inf
        if not r < self._cut_ohm:
            self.unjudged += 1
            return
        if self._smoothing is not None:
            r = self._smoothing.take(time_s, r)
            if self._is_late and self._smoothing.is_full:
                self._open_late(step_s, r)
        if self._stretch is not None:
            self._feed_low(self._stretch, time_s, time_s - before_s, step_s, r)
            return
        if self._trace.take(time_s, step_s, r) <= self._floor:
            self._fall(time_s, before_s, step_s, r)

    def _feed_other(self, time_s: float, step_s: float, voltage_v: float, current_a: float) -> None:
        """Take the first record of a step, and every record of a step that is not judged."""
        is_first = self._is_first
        fast = self._fast_step(time_s, voltage_v, current_a) if is_first else None
        self._is_first = False
        self._t, self._v, self._i, self._step_s = time_s, voltage_v, current_a, step_s
        if fast is not None:
            self._judge_fast(*fast)
        if not is_first or not self._is_judged:
            return
        if abs(current_a - self._set_a) > self._tolerance_a:
            # The tester has not settled yet.
            self._is_first, self._follows = True, False
            return
        self.fast_ohm = None if fast is None else fast[0]
        self._begin_step(time_s, step_s, (voltage_v - self.zero_v) / current_a)

    def _begin_step(self, time_s: float, step_s: float, r: float) -> None:
        known = self._history.expected(self._set_a) or 0.0
        first = known or self._history.fast(self._size_a) or 0.0
        smoothing = Smoothing(self._noise_ohm / (first or max(r, self._noise_ohm)), self._thresholds)
        self._smoothing = smoothing if smoothing.count > 1 else None
        trace = self._trace = StepTrace(self._thresholds, known, self._noise_ohm / smoothing.count**0.5)
        stretch = self._stretch
        if stretch is not None:
            whole = time_s - stretch.opened_s >= self._thresholds.after_s
            stretch.begin_step(self.fast_ohm, r, whole=whole)
            # What a sound cell would have at this current.
            if self._history.knows(self._set_a) and not stretch.in_first:
                stretch.expected = self._history.expected(self._set_a) or stretch.expected
            elif not stretch.of_floor:
                stretch.expected = self._history.at(stretch.before, stretch.opened_a, self._size_a)
            if r < self._cut_ohm:
                self._feed_low(stretch, time_s, 0.0, step_s, r)
            return
        trace.begin(r, time_s)
        if r < self._cut_ohm:
            if self._thresholds.half * known > r:
                trace.half_since = time_s
            self._open_at_first(time_s, step_s, r, first)
        # Where noise hides the first records and the jump, a median tells.
        self._is_late = self._smoothing is not None and known > 0.0 and self._stretch is None and self.fast_ohm is None

    def _fast_step(self, time_s: float, voltage_v: float, current_a: float) -> tuple[float, float] | None:
        """Return the resistance of the jump between two steps, and its current; None where there was no clean one."""
        size_a = max(abs(current_a), abs(self._i))
        if not self._follows or time_s - self._t > self._thresholds.fast_within_s or size_a == 0.0:
            return None
        if abs(self._v) >= self._cut_before_v or (current_a and voltage_v / current_a >= self._cut_ohm):
            return None
        ohm = self._history.jump_ohm(voltage_v - self._v, current_a - self._i, size_a, self.noise_v)
        return None if ohm is None else (ohm, size_a)

    def _judge_fast(self, ohm: float, current_a: float) -> None:
        """Hold the jump at a change of current against the last sound one."""
        stretch, history = self._stretch, self._history
        if stretch is None:
            if ohm > 0.0 and (self._step.is_check or history.fast(current_a) is None):
                history.learn_fast(current_a, ohm, is_first=True)
            return
        stretch.fast_ohm = ohm
        is_sound = history.fast_is_sound(ohm, current_a)
        if self.is_told:
            if stretch.above >= _CAME_BACK_RECORDS and is_sound:
                self._came_back(stretch)
        elif is_sound:
            self._close(ShortKind.MENDED)
        elif history.fast_is_low(ohm, current_a):
            stretch.fast_low = True

    # Low stretches

    def _open_at_first(self, time_s: float, step_s: float, r: float, first: float) -> None:
        """Open a stretch at the first record of a step, if its jump shows that it is no gradient."""
        t, fast = self._thresholds, self.fast_ohm
        if r <= -(t.negative * first + t.noises * self._noise_ohm):
            return
        is_low = first > CLEAR * self._noise_ohm and r <= t.fall * first
        is_below = not is_low and fast is not None and max(fast, r) <= self._floor
        fast_low = fast is not None and self._history.fast_is_low(fast, self._size_a)
        if is_below:
            stretch = self._open(time_s, step_s, r, expected=2.0 * self._floor, sudden=False)
        elif is_low and (fast_low or (self._trace.known > 0.0 and not self._history.fast_is_sound(fast, self._size_a))):
            stretch = self._open(time_s, step_s, r, expected=first, sudden=fast_low)
        else:
            return
        stretch.of_floor, stretch.fast_low, stretch.fast_ohm = is_below, fast_low, fast
        if self._ended_low is not None and not is_below:
            # It fell at the end of the step before.
            stretch.date(*self._ended_low)

    def _open_late(self, step_s: float, r: float) -> None:
        """Open a stretch behind as many records as noise needs, if they stand low from the step's first one on."""
        self._is_late = False
        trace, t = self._trace, self._thresholds
        if trace.can_judge(trace.known) and -self._noise_ohm < r <= t.fall * trace.known:
            trace.half_since = self._t - step_s
            self._open(self._t, step_s, r, expected=trace.known, sudden=False)

    def _fall(self, time_s: float, before_s: float, step_s: float, r: float) -> None:
        """Open a stretch inside a step, unless the current's own gradient explains the record."""
        trace, t = self._trace, self._thresholds
        if r <= -(t.negative * trace.expected + t.noises * self._noise_ohm):
            trace.half_since = None
            return
        if r > trace.low and (self.fast_ohm is None or self.fast_ohm > self._floor) and not trace.has_halved(r):
            # Below the floor only: a gradient may do that, unless the jump was as low, or it fell there in the step.
            return
        window_s = max(t.window_s, t.window_records * (time_s - before_s))
        self._open(time_s, step_s, r, expected=trace.expected, sudden=time_s - trace.high_s <= window_s)

    def _open(self, time_s: float, step_s: float, r: float, *, expected: float, sudden: bool) -> Stretch:
        in_first = self._history.steps == 0
        settled = not in_first or self._trace.is_settled(step_s, expected, self._history.fast(self._size_a))
        since_s = self._trace.half_since if self._trace.half_since is not None else time_s
        if sudden and self._smoothing is not None:
            # A median of many records falls when half of them have fallen.
            since_s = self._smoothing.fell_s() or since_s
        stretch = self._stretch = Stretch(
            opened_s=time_s,
            since_s=since_s,
            since_step_s=step_s - (time_s - since_s),
            set_a=self._set_a,
            cycle=self._step.cycle,
            charge_ah=self._charge_ah,
            expected=expected,
            before=max(expected, self._trace.local) if sudden and not self._trace.has_jumped else expected,
            opened_a=self._size_a,
            sudden=sudden,
            in_first=in_first,
            settled=settled,
            step_fast_ohm=self.fast_ohm,
            fast_at_opening=self.fast_ohm,
            first_in_step=r,
        )
        stretch.recent.append(r)
        stretch.note_floor(time_s, r, self._floor)
        self._is_sound = False
        return stretch

    def _feed_low(self, stretch: Stretch, time_s: float, passed_s: float, step_s: float, r: float) -> None:
        t, expected = self._thresholds, stretch.expected
        place = self._set_a, self._step.cycle, self._charge_ah
        if r > t.recovered * expected:
            stretch.rise(time_s, step_s, r, place)
            if self.is_told:
                self._judge_return(stretch, time_s, r)
            elif stretch.above == 2:
                # Two, because one is noise.
                self._close(ShortKind.DEEP_SOFT if stretch.settled else None, r)
                self._closed.keep(stretch, time_s)
            return
        stretch.above = 0
        if self.is_told:
            return
        if r < -(t.negative * expected + t.noises * self._noise_ohm):
            self._close(None, r)
            return
        stretch.take(time_s, passed_s, step_s, r, place, self._floor, self._noise_ohm, t)
        if time_s >= stretch.next_judged_s and stretch.current_s >= t.confirm_s:
            stretch.next_judged_s = time_s + MINUTE_S
            self._judge(stretch)

    def _judge(self, stretch: Stretch) -> None:
        """Tell the stretch as a hard short, if the evidence is enough."""
        t = self._thresholds
        if stretch.records >= t.confirm_records:
            reason = reason_for(stretch, self._evidence(stretch), t)
            if reason is not None:
                self._tell_hard(stretch, reason)

    def _tell_hard(self, stretch: Stretch, reason: Reason) -> None:
        """Tell a hard short, from the begin of an earlier stretch on if only a contact had opened in between."""
        self._closed.date(stretch)
        self._tell(ShortKind.HARD, stretch, reason)
        self.is_told, stretch.told_ohm = True, stretch.level()

    def _evidence(self, stretch: Stretch) -> Evidence:
        return Evidence(
            level_ohm=stretch.level(),
            floor_ohm=self._floor,
            electrolyte_ohm=self._cell.electrolyte_ohm,
            lowest_ohm=self._history.lowest(self._size_a),
            shape_ohm=self._history.shape(self._size_a),
            before_ohm=self._history.at(stretch.before, stretch.opened_a, self._size_a),
        )

    def _close(self, kind: ShortKind | None, r: float | None = None) -> None:
        stretch, self._stretch = self._stretch, None
        if stretch is None:
            return
        self.closed_as = kind
        if kind is ShortKind.DEEP_SOFT and self._closed.recurs(stretch, self._powered):
            self._is_sound = True
        elif kind is not None and stretch.sudden and stretch.records >= 2:
            self._tell(kind, stretch, None)
        if kind is ShortKind.MENDED:
            self._history.forget()
            self._closed.keep(stretch, self._t)
        if r is not None:
            self._trace.begin(r, self._t)

    def _judge_return(self, stretch: Stretch, time_s: float, r: float) -> None:
        """Hold what a hard short has risen to against what the cell had: a contact does not come to the same."""
        t = self._thresholds
        if stretch.above < _CAME_BACK_RECORDS or time_s - stretch.back_s < t.confirm_s:
            return
        before = self._history.at(stretch.before, stretch.opened_a, self._size_a)
        if t.high * before <= stretch.risen() <= before / t.high:
            self._came_back(stretch)
            self._trace.begin(r, time_s)

    def _came_back(self, stretch: Stretch) -> None:
        """Say that a hard short came back: what stayed high is no contact's."""
        self._tell(ShortKind.CAME_BACK, stretch, None)
        self.is_told, self._stretch = False, None
        self._closed.forget()

    def finish(self) -> None:
        """Tell what is open at the end of the run."""
        if self._stretch is not None:
            self._end_in_stretch(self._stretch)
        stretch, t = self._stretch, self._thresholds
        if stretch is None or self.is_told or not stretch.recent:
            return
        seen = self._evidence(stretch)
        is_whole = stretch.current_s >= t.confirm_s and stretch.records >= t.confirm_records
        reason = reason_for(stretch, seen, t) if is_whole else None
        if reason is None and seen.level_ohm <= t.fall * stretch.expected and is_unconfirmed(stretch, seen, t):
            reason = Reason.UNCONFIRMED
        if reason is not None:
            self._tell_hard(stretch, reason)

    def _tell(self, kind: ShortKind, stretch: Stretch, reason: Reason | None) -> None:
        self.found.append(stretch.finding(kind, self._t, self._cell.area_cm2, self._floor or None, reason))

    def take(self) -> list[ShortFinding]:
        """Return the findings since the last call."""
        found, self.found = self.found, []
        return found
