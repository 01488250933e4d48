"""Short programs for chaos nights: the shipped recipes with fewer and shorter half-cycles."""

from __future__ import annotations

from dataclasses import replace

from protocols.loading import load_cell, load_recipe
from protocols.program import ConstantCurrent, Loop, Program, Record, Rest
from protocols.resolve import resolve


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


def programs(recipe: str, cell: str) -> list[Program]:
    """Give programs of ten minutes to some hours."""
    return [
        short_program(recipe, cell, cycles, half_cycle_s)
        for cycles in (1, 2, 4)
        for half_cycle_s in (600.0, 1500.0, 3600.0)
    ]


def charge_allowed_ah(program: Program, direction: int) -> float:
    """Give the most charge that a program passes in one direction (1 charge, -1 discharge)."""
    from protocols.flow import flow

    (segment,) = program.cycling
    total_ah = 0.0
    for place in flow(segment.steps):
        step = segment.steps[place.step - 1]
        if isinstance(step, ConstantCurrent) and step.current_a * direction > 0 and step.purpose == "recipe":
            total_ah += abs(step.current_a) * (step.until.time_s or 0.0) / 3600
    return total_ah
