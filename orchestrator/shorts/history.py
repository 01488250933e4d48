"""The levels that sound steps of a Li/Li cell showed, and what they lead to expect of the next step.

Each expectation is a lower bound of a sound cell. At the same current and direction it is what the cell showed there
last. At another current it is the limit of the kinetics, as if all resistance were one electrode's charge transfer:
``R(I) >= (2RT/F) / I asinh((I / I1) sinh(I1 R1 F / 2RT))`` for a current I above I1, so that a sound cell's voltage
never falls when its current is raised.
"""

from __future__ import annotations

from math import asinh, log, sinh

from orchestrator.shorts.thresholds import Thresholds

_GAS_OVER_FARADAY_V_PER_K = 8.617333e-5
_ZERO_DEGC_K = 273.15
# Of a cell whose file says none.
_ROOM_DEGC = 25.0
# Above this the hyperbolic sine overflows no float, and equals half the exponential function.
_LARGE = 30.0
# A jump by less of the current says nothing of the cell.
_LEAST_JUMP = 0.2
# Noise of the difference of two readings, in that of one.
_TWO_READINGS = 1.4
# Power of the ratio by which a gradient's least part follows a larger one: a fourth of it, in logarithms, a step.
_FORGETTING = 0.25


def scaled(ohm: float, at_a: float, to_a: float, thermal_v: float) -> float:
    """Return the least resistance at ``to_a`` of a sound cell that has ``ohm`` at ``at_a``; currents are magnitudes.

    ``thermal_v`` is 2RT/F.
    """
    if to_a <= at_a or ohm <= 0.0:
        return ohm
    reduced = at_a * ohm / thermal_v
    ratio = to_a / at_a
    if reduced > _LARGE:
        return thermal_v / to_a * (reduced + log(ratio))
    return thermal_v / to_a * asinh(ratio * sinh(reduced))


def thermal_voltage_v(temperature_degc: float | None) -> float:
    """Return 2RT/F at a temperature, 25 degC where it is not known: the lower of both bounds."""
    degc = _ROOM_DEGC if temperature_degc is None else temperature_degc
    return 2.0 * _GAS_OVER_FARADAY_V_PER_K * (degc + _ZERO_DEGC_K)


class History:
    """Sound levels in ohm, with the currents in amperes at which they were seen; constant memory."""

    __slots__ = (
        "_by_current",
        "_fast",
        "_fast_is_first",
        "_last",
        "_lowest",
        "_odd",
        "_shape",
        "_steps",
        "_thermal_v",
        "_thresholds",
        "steps",
    )

    def __init__(self, thresholds: Thresholds, thermal_v: float) -> None:
        self._thresholds = thresholds
        self._thermal_v = thermal_v
        # By signed set current: number of the step and level, of the last two steps.
        self._by_current: dict[float, tuple[tuple[int, float], ...]] = {}
        self._steps = 0
        self._last: tuple[float, float] | None = None
        self._lowest: tuple[float, float] | None = None
        self._fast: tuple[float, float] | None = None
        self._fast_is_first = True
        self._shape: tuple[float, float] | None = None
        self._odd = 0
        self.steps = 0

    def copy(self) -> History:
        """Return a copy that shares nothing that changes."""
        twin = History(self._thresholds, self._thermal_v)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin._by_current = dict(self._by_current)
        return twin

    def forget(self) -> None:
        """Forget all levels: the contact that they held has mended. What the gradient has is kept."""
        self._by_current = {}
        self._last = self._lowest = self._fast = None
        self._fast_is_first = True

    def next_step(self) -> None:
        """Count a powered step."""
        self._steps += 1

    def expected(self, set_a: float) -> float | None:
        """Return the least resistance of a sound cell at a signed current; None before the first sound step."""
        recent = [ohm for step, ohm in self._by_current.get(set_a, ()) if self._steps - step <= self._steps_back]
        if self._last is not None:
            recent.append(self.at(self._last[1], self._last[0], abs(set_a)))
        return min(recent, default=None)

    @property
    def _steps_back(self) -> int:
        return self._thresholds.steps_back

    def knows(self, set_a: float) -> bool:
        """Return whether a sound step at this signed current is recent."""
        return any(self._steps - step <= self._steps_back for step, _ in self._by_current.get(set_a, ()))

    def at(self, ohm: float, at_a: float, to_a: float) -> float:
        """Return the least resistance at another current (magnitudes)."""
        return scaled(ohm, at_a, to_a, self._thermal_v)

    def lowest(self, current_a: float) -> float | None:
        """Return the lowest sound level so far, at a current (magnitude)."""
        return None if self._lowest is None else self.at(self._lowest[1], self._lowest[0], current_a)

    def shape(self, current_a: float) -> float | None:
        """Return the least rise within a sound step behind its fast step, at a current; None if none was seen."""
        return None if self._shape is None else self.at(self._shape[1], self._shape[0], current_a)

    def learn_step(self, set_a: float, level: float, end: float, fast: float | None) -> None:
        """Add a sound step by its level, its end and the jump with which it began, None without a clean one."""
        if self.learn(set_a, level) and fast is not None and fast > 0.0:
            self.learn_fast(abs(set_a), fast, is_first=False)
            self.learn_shape(abs(set_a), end - fast, level)

    def learn(self, set_a: float, level: float) -> bool:
        """Add the level of a sound step; return whether it was taken. Levels far too high are a bad contact's."""
        current_a = abs(set_a)
        before = self.expected(set_a)
        if before is not None and level > self._thresholds.odd * before and self.knows(set_a):
            self._odd += 1
            if self._odd < self._thresholds.odd_in_a_row:
                return False
        self._odd = 0
        self.steps += 1
        kept = self._by_current.pop(set_a, ())
        self._by_current[set_a] = (*kept[-1:], (self._steps, level))
        if len(self._by_current) > 2 * self._steps_back:
            del self._by_current[next(iter(self._by_current))]
        self._last = current_a, level
        lowest = self.lowest(current_a)
        if lowest is None or level < lowest:
            self._lowest = current_a, level
        return True

    def learn_shape(self, current_a: float, rise_ohm: float, level: float) -> None:
        """Add how far a sound step rose behind its fast step: the part of the voltage that no contact has.

        Where it is little of the level, spikes and films hide it, and nothing is known of it.
        """
        if rise_ohm < self._thresholds.least_rise * level:
            self._shape = None
            return
        before = self.shape(current_a)
        if before is None or rise_ohm < before:
            self._shape = current_a, rise_ohm
        else:
            # An old low value is forgotten slowly: the gradient grows with the films.
            self._shape = current_a, before * (rise_ohm / before) ** _FORGETTING

    def learn_fast(self, current_a: float, ohm: float, *, is_first: bool) -> None:
        """Set the last sound fast step; one of the contact check only as long as there is no other."""
        if is_first and self._fast is not None:
            return
        self._fast, self._fast_is_first = (current_a, ohm), is_first

    def fast(self, current_a: float) -> float | None:
        """Return the last sound fast step, at a current (magnitude)."""
        return None if self._fast is None else self.at(self._fast[1], self._fast[0], current_a)

    def fast_is_low(self, ohm: float, current_a: float) -> bool:
        """Return whether a fast step is so small that something lay parallel to the cell, or a contact mended."""
        known = self.fast(current_a)
        part = self._thresholds.fast_first if self._fast_is_first else self._thresholds.fast_fall
        return known is not None and ohm <= part * known

    def fast_is_sound(self, ohm: float | None, current_a: float) -> bool:
        """Return whether a fast step shows that nothing lay parallel to the cell in that moment."""
        known = self.fast(current_a)
        return ohm is not None and known is not None and ohm > self._thresholds.fast_sound * known

    def jump_ohm(self, jump_v: float, jump_a: float, current_a: float, noise_v: float) -> float | None:
        """Return the resistance of a jump in volts and amperes; None for a small one, or where noise hides the last."""
        if abs(jump_a) < _LEAST_JUMP * current_a:
            return None
        known = self.fast(current_a)
        if known is not None and _TWO_READINGS * noise_v / abs(jump_a) > 2.0 * self._thresholds.judged_noise * known:
            return None
        return jump_v / jump_a
