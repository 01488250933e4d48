"""Faults in what a CT-4008 tells of the records of one test: rows lost, repeated, late, with wrong times or counters.

The tester's own memory stays as it is: a planted fault changes what ``download`` and ``inquiredf`` answer, and gives
the same answer each time that the same record is asked for. A row is (step, cycle, kind, step time in ms, tick, V, A,
Ah, Wh).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from simulators.neware.memory import StoredTest

Row = tuple[Any, ...]
_STEP, _CYCLE, _, _MS, _TICK, _VOLT, _CURR, _CAP, _ENG = range(9)


class RecordFault(Enum):
    """What is wrong with the records of a test from one of them on."""

    LOST = "some rows are missing"
    REPEATED = "a row bears the number of the one before"
    STEP_TIME_BACK = "the time of the step goes back, for the rest of the step"
    CLOCK_SET = "the PC's clock is set"
    CAPACITY = "the counter of charge is wrong"
    ENERGY = "the counter of energy is wrong"
    STUCK_VOLTAGE = "the voltage stays what it is"
    SELDOM = "records are made ten times as seldom"
    HELD_BACK = "no more records are told"


@dataclass(frozen=True, slots=True)
class RecordPlant:
    """A fault of a test's records from number ``at`` on; ``amount`` is rows, seconds or a factor, as it needs."""

    fault: RecordFault
    at: int
    amount: float = 0.0

    def count(self, test: StoredTest) -> int:
        """Return the number of records that the tester says there are."""
        made = len(test)
        if self.fault is RecordFault.HELD_BACK:
            return min(made, self.at)
        if self.fault is RecordFault.SELDOM and made > self.at:
            return self.at + (made - self.at) // _SELDOM
        return made

    def rows(self, test: StoredTest, first: int, count: int) -> Iterator[tuple[int, Row]]:
        """Return the records that the tester tells, with the numbers that they bear."""
        last = min(first + count - 1, self.count(test))
        for number in range(first, last + 1):
            lost = self.fault is RecordFault.LOST and self.at <= number < self.at + self.amount
            if not lost:
                yield self._told(test, number)

    def _told(self, test: StoredTest, number: int) -> tuple[int, Row]:
        at, fault = self.at, self.fault
        if number < at:
            return number, tuple(test.row(number))[1:]
        if fault is RecordFault.SELDOM:
            return number, tuple(test.row(at + (number - at) * _SELDOM))[1:]
        row = list(test.row(number))[1:]
        begun = test.row(at)
        match fault:
            case RecordFault.REPEATED:
                return number - (number == at), tuple(row)
            case RecordFault.STEP_TIME_BACK if (row[_STEP], row[_CYCLE]) == (begun.step, begun.cycle):
                row[_MS] -= round(self.amount * 1000)
            case RecordFault.CLOCK_SET:
                row[_TICK] += round(self.amount * 10)
            case RecordFault.CAPACITY:
                row[_CAP] *= self.amount
            case RecordFault.ENERGY:
                row[_ENG] *= self.amount
            case RecordFault.STUCK_VOLTAGE:
                row[_VOLT] = begun.voltage_v
            case _:
                pass
        return number, tuple(row)


_SELDOM = 10
