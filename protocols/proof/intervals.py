"""Closed intervals of exact numbers: what a proof knows of a time or of a charge. No rounding ever narrows them.

>>> Interval.exactly(0.1) + Interval.exactly(0.2) == Interval.exactly(0.3)
False
>>> hour = Interval.between(0.0, 3600.0)
>>> float((hour * 3).high), float((hour + Interval.exactly(60.0)).low)
(10800.0, 60.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from ``low`` to ``high``, both included; the sum of two holds every sum of their members."""

    low: Fraction = _ZERO
    high: Fraction = _ZERO

    @classmethod
    def exactly(cls, value: float) -> Interval:
        """Give the interval of one number. Raises OverflowError or ValueError for one that is not finite."""
        exact = Fraction(value)
        return cls(exact, exact)

    @classmethod
    def of(cls, exact: Fraction) -> Interval:
        """Give the interval of one exact number."""
        return cls(exact, exact)

    @classmethod
    def between(cls, low: float, high: float) -> Interval:
        """Give the interval of two finite ends. Raises ValueError where ``low`` is above ``high``."""
        if low > high:
            raise ValueError(f"{low} is above {high}")
        return cls(Fraction(low), Fraction(high))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __mul__(self, times: int) -> Interval:
        """Give what so many passes add up to, each with any value of the interval; ``times`` is not negative."""
        return Interval(self.low * times, self.high * times)

    def __or__(self, other: Interval) -> Interval:
        """Give the smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))
