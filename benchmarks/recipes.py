"""How long a recipe's reading, resolving, proof and forecast take: the shipped ones, and the largest that there can be.

The largest has as many tests as a program may hold, each of as many steps as a tester takes; it is beside a walk over
the same steps that only counts them, so that a slower machine shows in both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

from benchmarks.figures import Aim, Figure, Size
from protocols.forecast import forecast
from protocols.loading import load_cell, load_recipe, parse_recipe, shipped_cells, shipped_recipes
from protocols.program import Program
from protocols.program_steps import recorded
from protocols.proof import prove
from protocols.resolve import resolve

T = TypeVar("T")

_OF_SHIPPED = Aim(50.0, at_most=True)
_OF_LARGEST = Aim(1.0, at_most=True)
_CYCLE = """
          - {step: constant_current, direction: charge, current: 1 C, until: {voltage: 4.0 V}}
          - {step: rest, until: {time: 60 s}}
          - {step: constant_current, direction: discharge, current: 1 C, until: {voltage: 2.8 V}}"""
_LARGEST = """
name: largest
title: As large as a recipe can be
for: [lfp]
record: {{every: 30 s}}
steps:
  - step: repeat
    times: {passes}
    until: {{capacity_below: 80 % of cycle 3}}
    steps:
      - step: repeat
        times: 50
        steps:{cycles}
"""


def measure(size: Size) -> list[Figure]:
    """Time the slowest of the shipped recipes, and the largest one."""
    turns = size.of(11, 5, 1)
    slowest_ms = 0.0
    for recipe in shipped_recipes():
        loaded = load_recipe(recipe)
        for cell in map(load_cell, shipped_cells()):
            if cell.kind in loaded.for_kinds:
                program = resolve(loaded, cell)
                taken = [_timed(lambda: (prove(program), forecast(program)))[1] for _ in range(turns)]  # noqa: B023 - called here
                slowest_ms = max(slowest_ms, median(taken) * 1000)
    return [Figure("slowest shipped recipe: proof and forecast", slowest_ms, "ms", _OF_SHIPPED), *_largest(size)]


def _largest(size: Size) -> list[Figure]:
    passes, cycles = size.of(3000, 3000, 30), size.of(84, 84, 4)
    text = _LARGEST.format(passes=passes, cycles=_CYCLE * cycles)
    cell = load_cell("bare-lfp")
    recipe, read_s = _timed(lambda: parse_recipe(text))
    program, resolved_s = _timed(lambda: resolve(recipe, cell))
    # Nobody needs ten years: the bound of the proof would be what refuses it.
    _, proven_s = _timed(lambda: prove(program, cell, longest_s=1e12))
    _, foretold_s = _timed(lambda: forecast(program))
    steps, counted_s = _timed(lambda: _steps(program))
    what = f"{passes:,} tests of {steps // passes} steps"
    return [
        Figure(f"{what}: reading", read_s, "s"),
        Figure(f"{what}: resolving", resolved_s, "s"),
        Figure(f"{what}: proof and forecast", proven_s + foretold_s, "s", _OF_LARGEST),
        Figure(f"{what}: proof and forecast / counting the steps", (proven_s + foretold_s) / counted_s, "x"),
    ]


def _steps(program: Program) -> int:
    return sum(len(recorded(segment.steps)) for segment in program.cycling)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    done = work()
    return done, time.perf_counter() - began
