"""The executed steps of a run as rows of numbers, made of its records by columns: ten million of them in a second.

What each number means is what ``ExecutedStep`` (orchestrator/judging/steps.py) says; a test holds both to the same
values. This is its form for tables: for a frame that was read from a file and for runs of any length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.interfaces import EndReason
from orchestrator.analysis.sample_blocks import AT_REST, Floats, SampleBlock, Table, WholeSteps
from orchestrator.judging.steps import ExecutedStep
from protocols.current_sign import Direction

# Below this part of the largest charge of any step, a step passed none: leakage of a tester at rest.
_NO_CHARGE = 1e-6


@dataclass(frozen=True, slots=True)
class StepRow:
    """One executed step, as far as it has run.

    ``charge_ah`` is signed, positive on charge: the magnitude is the tester's count at the last record, or where it
    has none the integral of the current by the trapezoid rule (``is_counted`` False), the sign that of the integral.
    ``mean_voltage_v`` is weighted by charge (trapezoid rule over the charge) and signed; None where no charge passed.
    ``mean_current_a`` is weighted by time. ``first_voltage_v`` and ``last_voltage_v`` are those of the first and the
    last record with a voltage, NaN without any; ``last_change_v`` is by how much the voltage moved between the last two
    records, 0.0 where that is not known.
    """

    test: int
    cycle: int
    step: int
    step_count: int
    mode: str
    start_s: float
    duration_s: float
    charge_ah: float
    is_counted: bool
    mean_voltage_v: float | None
    mean_current_a: float
    first_voltage_v: float
    last_voltage_v: float
    lowest_v: float
    highest_v: float
    last_current_a: float
    last_change_v: float
    samples: int

    @property
    def capacity_ah(self) -> float:
        """The magnitude of its charge."""
        return abs(self.charge_ah)

    @property
    def energy_wh(self) -> float | None:
        """The integral of the voltage over the magnitude of the charge, negative at a negative voltage."""
        return None if self.mean_voltage_v is None else self.mean_voltage_v * self.capacity_ah

    @property
    def direction(self) -> Direction | None:
        """The direction of its charge; None where none passed."""
        if not self.charge_ah:
            return None
        return Direction.CHARGE if self.charge_ah > 0 else Direction.DISCHARGE

    def executed(self, end: EndReason) -> ExecutedStep:
        """Return the step in the form in which a run's steps are judged; ``end`` is why it ended."""
        return ExecutedStep(
            step_count=self.step_count,
            step=self.step,
            tester_cycle=self.cycle,
            mode=self.mode,
            start_s=self.start_s,
            duration_s=self.duration_s,
            capacity_ah=self.capacity_ah,
            energy_wh=abs(self.energy_wh or 0.0),
            mean_voltage_v=self.mean_voltage_v,
            resistance_ohm=None,
            end_reason=end,
            first_sequence=0,
            last_sequence=0,
            cycle=self.cycle,
        )


class StepTable:
    """Makes the rows of a run's executed steps, incrementally; fed in pieces of any size the rows are the same."""

    def __init__(self) -> None:
        self._whole = WholeSteps()
        self._rows: list[StepRow] = []

    def feed(self, table: Table) -> None:
        """Add records in order. Raises NoSuchTable (``orchestrator.analysis.sample_blocks``)."""
        for block in self._whole.blocks(table):
            self._rows += rows_of(block)

    def rows(self) -> list[StepRow]:
        """Return the rows so far; the last is that of the step that still runs, as far as it has run."""
        running = self._whole.running
        return self._rows + (rows_of(running) if running is not None else [])


def step_rows(table: Table) -> list[StepRow]:
    """Return the rows of all steps of a table."""
    steps = StepTable()
    steps.feed(table)
    return steps.rows()


def rows_of(block: SampleBlock) -> list[StepRow]:
    """Return the rows of a block's steps."""
    size = len(block.starts)
    if not size:
        return []
    counts = block.counts
    of_step = np.repeat(np.arange(size), counts)
    last = block.starts + counts - 1
    times, volts, amperes, counted = (block[name] for name in ("step_time_s", "voltage_v", "current_a", "capacity_ah"))
    integral_as, span_s = _integral(of_step, times, amperes, size)
    last_a = _of_last(of_step, amperes, size)
    first_s = times[block.starts]
    first_a = _of_last(of_step[::-1], amperes[::-1], size)
    # What passed before the first record, and all of it in a step of one record.
    integral_as += np.nan_to_num(first_a * first_s)
    is_counted = ~np.isnan(last_ah := _of_last(of_step, counted, size))
    magnitude_ah = np.where(is_counted, np.nan_to_num(last_ah), np.abs(integral_as) / 3600)
    mean_a = np.divide(integral_as, span_s + first_s, out=np.nan_to_num(last_a), where=span_s + first_s > 0)
    sign = np.sign(np.where(integral_as != 0, integral_as, np.nan_to_num(last_a)))
    mean_v = _mean_voltage(of_step, times, volts, amperes, counted, is_counted)
    columns = {
        "test": block["test"][block.starts],
        "cycle": block["cycle"][block.starts],
        "step": block["step"][block.starts],
        "step_count": block["step_count"][block.starts],
        "start_s": block["test_time_s"][block.starts] - first_s,
        "duration_s": times[last],
        "charge_ah": sign * magnitude_ah,
        "is_counted": is_counted,
        "mean_current_a": mean_a,
        "first_voltage_v": _of_last(of_step[::-1], volts[::-1], size),
        "last_voltage_v": _of_last(of_step, volts, size),
        "lowest_v": np.fmin.reduceat(volts, block.starts),
        "highest_v": np.fmax.reduceat(volts, block.starts),
        "last_current_a": np.nan_to_num(last_a),
        "last_change_v": np.where(counts > 1, np.abs(np.nan_to_num(volts[last] - volts[np.maximum(last - 1, 0)])), 0.0),
        "samples": counts,
    }
    plain = [values.tolist() for values in columns.values()]
    names = tuple(columns)
    return [
        StepRow(mode=mode, mean_voltage_v=None if mean != mean else mean, **dict(zip(names, values, strict=True)))
        for mode, mean, *values in zip(block.modes, mean_v.tolist(), *plain, strict=True)
    ]


def _of_last(of_step: NDArray[np.int64], values: Floats, size: int) -> Floats:
    """Return each step's last value that is a number; NaN without any."""
    found = np.full(size, np.nan)
    good = ~np.isnan(values)
    # Of several values for one place numpy keeps the last.
    found[of_step[good]] = values[good]
    return found


def _integral(of_step: NDArray[np.int64], times: Floats, values: Floats, size: int) -> tuple[Floats, Floats]:
    """Return the integral over time of each step, by the trapezoid rule, and the time from first to last value."""
    good = ~np.isnan(values)
    step, time_s, value = (of_step, times, values) if good.all() else (of_step[good], times[good], values[good])
    same = step[1:] == step[:-1]
    passed = np.where(same, np.diff(time_s), 0.0)
    return _sums(step[1:], (value[1:] + value[:-1]) / 2 * passed, size), _sums(step[1:], passed, size)


def _sums(of_step: NDArray[np.int64], values: Floats, size: int) -> Floats:
    """Return the sum of the values of each step, added up in their order."""
    return np.asarray(np.bincount(of_step, values, size), np.float64)


def _mean_voltage(
    of_step: NDArray[np.int64],
    times: Floats,
    volts: Floats,
    amperes: Floats,
    counted: Floats,
    is_counted: NDArray[np.bool_],
) -> Floats:
    """Return the mean voltage of each step, weighted by charge; NaN where none passed between two records."""
    size = len(is_counted)
    good = ~np.isnan(volts + amperes) & ~(np.isnan(counted) & is_counted[of_step])
    if not good.all():
        of_step, times, volts, amperes, counted = (
            of_step[good],
            times[good],
            volts[good],
            amperes[good],
            counted[good],
        )
    passed = np.diff(counted)
    if not is_counted.all():
        integral = np.abs(amperes[1:] + amperes[:-1]) / 2 * np.diff(times) / 3600
        passed = np.where(is_counted[of_step[1:]], passed, integral)
    passed = np.where(of_step[1:] == of_step[:-1], passed, 0.0)
    product = _sums(of_step[1:], (volts[1:] + volts[:-1]) / 2 * passed, size)
    total = _sums(of_step[1:], passed, size)
    mean: Floats = np.divide(product, total, out=np.full(size, np.nan), where=total > 0)
    return mean


def with_charge(rows: Sequence[StepRow]) -> list[StepRow]:
    """Return the steps that passed charge, leaving out rests in which a tester saw some leakage."""
    least_ah = _NO_CHARGE * max((row.capacity_ah for row in rows), default=0.0)
    least_a = AT_REST * max((abs(row.mean_current_a) for row in rows), default=0.0)
    return [row for row in rows if row.capacity_ah > least_ah and abs(row.mean_current_a) > least_a]
