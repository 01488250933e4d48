"""Runs a simulated cell through a test and records it as a battery tester would, with its noise and losses."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.shorts.schedules import CUTOFF_V, Step, log_uniform
from benchmarks.shorts.shunts import Shunt, total_siemens

_GRID_S = 10.0
_EARLY_S = (0.0, 1.0, 2.0, 5.0)

Record = tuple[float, float, float, float]
"""Time in the run, time in the step, voltage, current."""


class SimulatedCell(Protocol):
    """What both models answer."""

    now_s: float
    shunts: tuple[Shunt, ...]

    def advance(self, duration_s: float, current_a: float) -> None:
        """Advance in time at a constant current."""

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage at the terminals."""

    def contact_ohm(self) -> float:
        """Return what lies in series with the cell and its metal."""


@dataclass(frozen=True, slots=True)
class RecordRule:
    """How a tester records: interval, change of voltage, noise, step of its converter, zero, and what it loses."""

    every_s: float
    change_v: float | None
    noise_v: float
    quantum_v: float
    zero_v: float
    loses: bool


def drawn_rule(draws: random.Random) -> RecordRule:
    """Draw a rule."""
    return RecordRule(
        every_s=draws.choice((10.0, 30.0, 60.0)),
        change_v=0.005 if draws.random() < 0.85 else None,
        noise_v=log_uniform(draws, 1e-5, 1e-4),
        quantum_v=draws.choice((0.0, 1e-5, 1e-4)),
        zero_v=draws.uniform(-1e-4, 1e-4),
        loses=draws.random() < 0.25,
    )


@dataclass(slots=True)
class RecordedStep:
    """A step as it ran: its records in run time, the end by its cutoff, and the time of the test at its first record.

    ``started_s`` counts pauses too, which the run's time leaves out. ``metal_s`` has the times, counted likewise, from
    which metal carried half of the current, each until it carried less.
    """

    step: Step
    set_a: float
    cutoff_v: float | None
    started_s: float
    records: list[Record] = field(default_factory=list)
    by_cutoff: bool = False
    duration_s: float = 0.0
    metal_s: list[float] = field(default_factory=list)


def recorded(
    cell: SimulatedCell, steps: list[Step], area_cm2: float, rule: RecordRule, draws: random.Random, pulled_at: int = -1
) -> Iterator[RecordedStep]:
    """Yield the steps of a test as they are recorded; at the step ``pulled_at`` the cell is out for three steps."""
    run_s = 0.0
    lost = 0
    cut_in_a_row = 0
    for number, step in enumerate(steps):
        if step.gap_s:
            cell.advance(step.gap_s, 0.0)
        set_a = step.density * area_cm2
        cutoff_v = None if set_a == 0.0 else CUTOFF_V if set_a > 0.0 else -CUTOFF_V
        done = RecordedStep(step, set_a, cutoff_v, cell.now_s)
        if pulled_at <= number < pulled_at + 3 and set_a and not step.is_check:
            volts = cutoff_v or 0.0
            done.records = [(run_s, 0.0, volts, set_a), (run_s + 0.1, 0.1, volts, set_a)]
            done.by_cutoff, done.duration_s = True, 0.1
            run_s += 0.1
            yield done
            if number == pulled_at + 2:
                cell.advance(3600.0, 0.0)
            continue
        lost = _record_step(cell, done, rule, draws, run_s, lost)
        run_s += done.duration_s
        yield done
        cut_in_a_row = cut_in_a_row + 1 if done.by_cutoff else 0
        if cut_in_a_row == 3:
            return


def _record_step(
    cell: SimulatedCell, done: RecordedStep, rule: RecordRule, draws: random.Random, run_s: float, lost: int
) -> int:
    set_a, lasts_s = done.set_a, done.step.duration_s
    noise_v, quantum_v, every_s, change_v = rule.noise_v, rule.quantum_v, rule.every_s, rule.change_v
    cutoff_v = done.cutoff_v
    gauss, records = draws.gauss, done.records
    step_s, anchor, due_s = 0.0, 0.0, 0.0
    early = list(_EARLY_S)
    is_metal = False
    while True:
        volts = cell.voltage_v(set_a)
        was_metal, is_metal = is_metal, _metal_part(cell, volts, set_a) >= 0.5
        if is_metal and not was_metal:
            done.metal_s.append(cell.now_s)
        is_cut = cutoff_v is not None and volts / cutoff_v >= 1.0
        if is_cut:
            volts = cutoff_v or 0.0
        is_last = step_s >= lasts_s or is_cut
        if step_s == 0.0:
            anchor = volts
        is_change = change_v is not None and abs(volts - anchor) >= change_v
        if step_s == 0.0 or is_last or step_s >= due_s or is_change:
            if is_change:
                anchor = volts
            if step_s >= due_s:
                due_s = (step_s // every_s + 1.0) * every_s
            lost = max(0, lost - 1)
            if rule.loses and not lost and draws.random() < 0.004:
                lost = draws.choice((1, 1, 1, 21))
            if not lost:
                shown = volts + rule.zero_v + gauss(0.0, noise_v)
                if quantum_v:
                    shown = round(shown / quantum_v) * quantum_v
                records.append((run_s + step_s, step_s, shown, set_a))
        if is_last:
            break
        after = early[1] if len(early) > 1 else (step_s // _GRID_S + 1.0) * _GRID_S
        early = early[1:]
        after = min(after, lasts_s)
        cell.advance(after - step_s, set_a)
        step_s = after
    done.by_cutoff, done.duration_s = is_cut, step_s
    return lost


def _metal_part(cell: SimulatedCell, volts: float, current_a: float) -> float:
    """Return the part of the current that metal carries."""
    siemens = total_siemens(cell.shunts, cell.now_s)
    if siemens == 0.0 or current_a == 0.0:
        return 0.0
    return (volts / current_a - cell.contact_ohm()) * siemens
