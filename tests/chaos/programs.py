"""Short programs for chaos nights: the shipped recipes with fewer and shorter half-cycles, and some that measure."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

from protocols.execution_order import flow
from protocols.loading import load_cell, load_recipe, parse_recipe
from protocols.program import ConstantCurrent, Loop, MeasurementSegment, Program, Record, Rest
from protocols.resolve import resolve
from protocols.techniques import Impedance

_MEASURING = """
name: chaos-eis
title: A spectrum after each cycle
for: [{kind}]
record: {{every: 30 s}}
potentiostat: {{rest: {rest_min:g} min, drift_per_min: 1 mV}}
steps:
  - {{step: rest, until: {{time: 1 min}}}}
  - step: repeat
    times: {cycles}
    steps:
      - step: repeat
        times: 1
        steps:
          - {{step: constant_current, direction: charge, current: {current}, until: {high}}}
          - {{step: constant_current, direction: discharge, current: {current}, until: {low}}}
      - {{step: eis, high: 100 kHz, low: {low_hz:g} Hz}}
"""
# Of each kind of cell: its file, current and cutoffs.
_CELLS = {
    "li-li": ("coated-li-li", "0.2 mA/cm2", "{time: 15 min, voltage: 0.5 V}", "{time: 15 min, voltage: -0.5 V}"),
    "lfp": ("coated-lfp", "100 mA/g", "{time: 15 min, voltage: 4.0 V}", "{time: 15 min, voltage: 2.8 V}"),
}


def short_program(recipe: str, cell: str, cycles: int, half_cycle_s: float) -> Program:
    """Give a shipped recipe cut to some cycles whose half-cycles end by time at the latest."""
    program = resolve(load_recipe(recipe), load_cell(cell))
    (segment,) = program.cycling
    steps = tuple(
        replace(step, times=cycles)
        if isinstance(step, Loop)
        else replace(step, until=replace(step.until, time_s=min(half_cycle_s, step.until.time_s or half_cycle_s)))
        if isinstance(step, ConstantCurrent)
        else replace(step, until=replace(step.until, time_s=min(600.0, step.until.time_s or 600.0)))
        if isinstance(step, Rest)
        else step
        for step in segment.steps
    )
    return replace(program, segments=(replace(segment, steps=steps, record=Record(every_s=30.0)),))


@cache
def programs(recipe: str, cell: str) -> list[Program]:
    """Give programs of ten minutes to some hours."""
    return [
        short_program(recipe, cell, cycles, half_cycle_s)
        for cycles in (1, 2, 4)
        for half_cycle_s in (600.0, 1500.0, 3600.0)
    ]


@cache
def measuring_programs(kind: str) -> list[Program]:
    """Give programs of some hours that leave the tester for the potentiostat and come back; spectra take 1 to 5 min."""
    cell, current, high, low = _CELLS[kind]
    return [
        resolve(
            parse_recipe(
                _MEASURING.format(
                    kind=kind, rest_min=rest_min, cycles=cycles, current=current, high=high, low=low, low_hz=low_hz
                )
            ),
            load_cell(cell),
        )
        for cycles, rest_min, low_hz in ((1, 5.0, 0.1), (2, 2.0, 10.0), (3, 10.0, 1.0))
    ]


def rows_of(segment: MeasurementSegment) -> int:
    """Give how many rows a whole spectrum has: twelve a decade and both ends (reference chi660e, section 8.1)."""
    technique = segment.technique
    assert isinstance(technique, Impedance)
    return round(12 * math.log10(technique.high_hz / technique.low_hz)) + 1


def charge_allowed_ah(program: Program, direction: int) -> float:
    """Give the most charge that a program passes in one direction (1 charge, -1 discharge)."""
    total_ah = 0.0
    for segment in program.cycling:
        for place in flow(segment.steps):
            step = segment.steps[place.step - 1]
            if isinstance(step, ConstantCurrent) and step.current_a * direction > 0 and step.purpose == "recipe":
                total_ah += abs(step.current_a) * (step.until.time_s or 0.0) / 3600
    return total_ah
