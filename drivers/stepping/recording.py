"""Makes the records of one executed step: charge and energy from what is measured, and the conditions of a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

from drivers.interfaces import Sample
from drivers.memory import Memory
from protocols.execution_order import Place
from protocols.program import Record

# A record is due a little early rather than a whole interval late: times of the loop are sums.
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Executed:
    """Which execution of which step: its place, its number from 1, its word, and when test and step began."""

    place: Place
    count: int
    mode: str
    test_begun_s: float
    begun_s: float


class StepRecorder:
    """The counters and records of one executed step. All times are the loop's.

    Charge and energy are the trapezoids of all readings, not of the records alone; from the beginning of the step to
    its first reading that reading holds. ``charge_ah`` is signed.
    """

    __slots__ = (
        "_at_s",
        "_current_a",
        "_due_s",
        "_energy_wh",
        "_executed",
        "_is_recorded",
        "_last_a",
        "_last_v",
        "_memory",
        "_power_w",
        "_rule",
        "_voltage_v",
        "_wall_time",
        "charge_ah",
    )

    def __init__(self, executed: Executed, rule: Record, memory: Memory, wall_time: Callable[[], float]) -> None:
        self._executed, self._rule, self._memory, self._wall_time = executed, rule, memory, wall_time
        self.charge_ah = self._energy_wh = 0.0
        self._at_s: float | None = None
        self._voltage_v = self._current_a = self._power_w = self._last_v = self._last_a = 0.0
        self._due_s = executed.begun_s
        self._is_recorded = True

    @property
    def next_due_s(self) -> float | None:
        """When the next record by time is due; None where the program asks for none."""
        return None if self._rule.every_s is None else self._due_s

    def add(self, at_s: float, voltage_v: float, current_a: float) -> None:
        """Count a reading, and record it if it is the first or a condition holds."""
        power_w = voltage_v * current_a
        if self._at_s is None:
            hours = (at_s - self._executed.begun_s) / 3600
            self.charge_ah += current_a * hours
            self._energy_wh += power_w * hours
        else:
            half_hours = (at_s - self._at_s) / 7200
            self.charge_ah += (self._current_a + current_a) * half_hours
            self._energy_wh += (self._power_w + power_w) * half_hours
        is_first = self._at_s is None
        self._at_s, self._voltage_v, self._current_a, self._power_w = at_s, voltage_v, current_a, power_w
        self._is_recorded = False
        rule = self._rule
        if (
            is_first
            or (rule.every_s is not None and at_s >= self._due_s - _ROUNDING_S)
            or (rule.voltage_change_v is not None and abs(voltage_v - self._last_v) >= rule.voltage_change_v)
            or (rule.current_change_a is not None and abs(current_a - self._last_a) >= rule.current_change_a)
        ):
            self._record(at_s)

    def close(self) -> None:
        """Record the last reading of the step, if it is not recorded yet."""
        if not self._is_recorded and self._at_s is not None:
            self._record(self._at_s)

    def _record(self, at_s: float) -> None:
        executed, every_s = self._executed, self._rule.every_s
        if every_s is not None:
            passed = floor((at_s - executed.begun_s + _ROUNDING_S) / every_s)
            self._due_s = executed.begun_s + (passed + 1) * every_s
        self._last_v, self._last_a, self._is_recorded = self._voltage_v, self._current_a, True
        sample = Sample(
            sequence=self._memory.count + 1,
            time_s=at_s - executed.test_begun_s,
            step_time_s=at_s - executed.begun_s,
            step=executed.place.step,
            step_count=executed.count,
            tester_cycle=executed.place.cycle,
            mode=executed.mode,
            voltage_v=self._voltage_v,
            current_a=self._current_a,
            capacity_ah=abs(self.charge_ah),
            energy_wh=abs(self._energy_wh),
            unix_time_s=self._wall_time(),
        )
        self._memory.add((sample,))
