"""The object at the potentiostat's leads, advanced in time: a cell of its own, or one shared with a tester.

``OwnTerminals`` moves the cell ahead of the clock and can go back (``cut``), so that a long step needs few wake-ups and
a measurement that is broken off leaves the cell as it was at that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simulators.cells.model import CellModel

COMPLIANCE_V = 13.0
"""The most the instrument can put across its leads [2.1]."""

OPEN_OHM = 1e12
"""Leads that hang in the air: the electrometer's input [2.1]."""

DUMMY_OHM = 1000.0
"""The internal dummy cell [2.1]."""

_HOLD_CHANGE = 0.05
"""While a voltage is held, the current may change by this part of itself in one interval."""

_LEAST_HOLD_S = 1e-3
_LEAST_A = 1e-9
_SECANTS = 4


class Terminals(Protocol):
    """A pair of leads on something. Times are seconds of the bench's clock; positive current charges the cell."""

    plans_ahead: bool
    """Whether ``go`` may be called before the clock is there."""

    at_s: float
    """Up to which moment the cell has been moved."""

    def leave_open(self) -> None:
        """Switch the cell off: nothing flows."""

    def drive(self, current_a: float) -> None:
        """Pass this current from now on, as far as the compliance reaches."""

    def hold(self, voltage_v: float) -> None:
        """Hold this voltage from now on."""

    def go(self, to_s: float) -> None:
        """Advance the cell to the time ``to_s``."""

    def settle(self) -> None:
        """Accept the advance as final."""

    def cut(self, now_s: float) -> None:
        """Undo the advance beyond now."""

    def voltage_v(self) -> float:
        """Read the voltage."""

    def current_a(self) -> float:
        """Read the current that flows through the potentiostat."""

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Read the impedance."""


class OwnTerminals:
    """Leads on a cell that no other instrument uses."""

    plans_ahead = True

    def __init__(self, cell: CellModel, at_s: float) -> None:
        """Touch ``cell``, whose state is that of ``at_s``."""
        self.cell = cell
        self.at_s = at_s
        self._set_a: float | None = None
        self._hold_v: float | None = None
        self._hold_s = _LEAST_HOLD_S
        self.settle()

    def leave_open(self) -> None:
        """Switch the cell off."""
        self._set_a = self._hold_v = None

    def drive(self, current_a: float) -> None:
        """Pass this current; beyond the compliance the voltage is held there instead."""
        self._set_a, self._hold_v = current_a, None
        self._hold_s = _LEAST_HOLD_S

    def hold(self, voltage_v: float) -> None:
        """Hold this voltage."""
        if voltage_v != self._hold_v:
            self._set_a, self._hold_v = None, voltage_v
            self._hold_s = _LEAST_HOLD_S

    def go(self, to_s: float) -> None:
        """Move the cell until ``to_s``."""
        cell = self.cell
        while (left_s := to_s - self.at_s) > 1e-9:
            step_s, current_a = self._step(left_s)
            cell.advance(step_s, current_a)
            self._moves.append((step_s, current_a))
            self.at_s = to_s if step_s == left_s else self.at_s + step_s

    def settle(self) -> None:
        """Accept the advance as final; it can no longer be undone."""
        self._settled_s = self.at_s
        self._before = self.cell.snapshot()
        self._moves: list[tuple[float, float]] = []

    def cut(self, now_s: float) -> None:
        """Undo the advance beyond now; nothing when the cell is not ahead."""
        if now_s >= self.at_s:
            return
        moves = self._moves
        self.cell.restore(self._before)
        self.at_s = self._settled_s
        self._moves = []
        for moved_s, current_a in moves:
            step_s = min(moved_s, now_s - self.at_s)
            if step_s <= 0.0:
                break
            self.cell.advance(step_s, current_a)
            self._moves.append((step_s, current_a))
            self.at_s += step_s

    def mark(self) -> tuple[float, tuple[float, ...], int]:
        """Remember this moment for ``back``."""
        return self.at_s, self.cell.snapshot(), len(self._moves)

    def back(self, mark: tuple[float, tuple[float, ...], int]) -> None:
        """Return to a remembered moment since the last ``settle``."""
        self.at_s, state, moves = mark
        self.cell.restore(state)
        del self._moves[moves:]

    def exchange(self, cell: CellModel, now_s: float) -> None:
        """Touch another cell, whose state is that of now, from now on; whatever is driven goes on against it."""
        self.cut(now_s)
        self.go(now_s)
        self.cell = cell
        self._hold_s = _LEAST_HOLD_S
        self.settle()

    def voltage_v(self) -> float:
        """Read the voltage, clipped to what the instrument can force."""
        if self._hold_v is not None:
            return self._hold_v
        return max(-COMPLIANCE_V, min(COMPLIANCE_V, self.cell.voltage_v(self._set_a or 0.0)))

    def current_a(self) -> float:
        """Read the current."""
        if self._hold_v is not None:
            return self.cell.current_a(self._hold_v)
        if not self._set_a:
            return 0.0
        natural_v = self.cell.voltage_v(self._set_a)
        return self._set_a if abs(natural_v) <= COMPLIANCE_V else self.cell.current_a(self.voltage_v())

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Read the impedance."""
        return self.cell.impedance_ohm(frequency_hz)

    def _step(self, left_s: float) -> tuple[float, float]:
        """Choose the next interval and the current to pass in it."""
        if self._hold_v is not None:
            return self._held_step(left_s, self._hold_v)
        if not self._set_a:
            return left_s, 0.0
        return min(left_s, self.cell.max_interval_s), self.current_a()

    def _held_step(self, left_s: float, voltage_v: float) -> tuple[float, float]:
        """Choose an interval and the mean current in it; shorter while the current changes fast.

        The mean is that of both ends' currents, and where even the shortest interval is too long for that (a capacitor
        that fills at once), the current at its end: either way a stiff cell neither swings nor runs away.
        """
        cell = self.cell
        before, first_a = cell.snapshot(), cell.current_a(voltage_v)
        step_s = min(left_s, self._hold_s, cell.max_interval_s)

        def last_after(current_a: float) -> float:
            cell.advance(step_s, current_a)
            last_a = cell.current_a(voltage_v)
            cell.restore(before)
            return last_a

        while True:
            mean_a = _solve(lambda current_a: 0.5 * (first_a + last_after(current_a)), first_a)
            if abs(last_after(mean_a) - first_a) <= _HOLD_CHANGE * abs(first_a) + _LEAST_A:
                break
            if step_s <= _LEAST_HOLD_S:
                mean_a = _solve(last_after, first_a)
                break
            step_s *= 0.5
        self._hold_s = max(2.0 * step_s, _LEAST_HOLD_S)
        return step_s, mean_a


def _solve(image: Callable[[float], float], guess: float) -> float:
    """Find the fixed point of ``image`` by the secant method: at once if it is linear, closely if it nearly is."""
    first, second = guess, image(guess)
    miss = second - first
    for _ in range(_SECANTS):
        next_miss = image(second) - second
        if abs(next_miss) <= 1e-12 + 1e-9 * abs(second) or next_miss == miss:
            break
        first, second, miss = second, second - next_miss * (second - first) / (next_miss - miss), next_miss
    return second
