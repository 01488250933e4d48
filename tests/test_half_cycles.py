"""The one rule of the cycle number: of any program, step by step, against the rule in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.current_sign import Direction
from protocols.execution_order import flow
from protocols.half_cycles import CycleNumbers
from protocols.loading import load_cell, load_recipe
from protocols.program import (
    ConstantCurrent,
    CyclingSegment,
    Loop,
    PoweredStep,
    Program,
    Purpose,
    Rest,
    Segment,
    Step,
    Until,
)
from protocols.resolve import resolve
from tests.run_maker import CHARGE, DISCHARGE, SPECTRUM, program_of
from tests.segments import CHECKS, segment_of, segments

REST = Rest(Until(time_s=60.0))
PULSE = replace(CHARGE, until=Until(time_s=2.0))


def numbers_of(*steps: Step) -> CycleNumbers:
    """Give the numbers of a program of one segment."""
    return CycleNumbers(program_of(segment_of(*steps)))


def cycles(*steps: Step) -> list[int]:
    """Give the cycle of every executed step."""
    numbers = numbers_of(*steps)
    return [numbers.at(count).cycle for count in range(1, numbers.steps_before(1) + 1)]


def charge_ah(step: ConstantCurrent) -> float:
    """Give the charge of a step that ends by time, or by the ceiling of a contact check."""
    return min(abs(step.current_a) * (step.until.time_s or 0.0) / 3600, step.ceiling.capacity_ah or 1.0)


def is_pulse(step: PoweredStep, largest: float) -> bool:
    """Tell whether a step is short and passes next to nothing beside the largest one."""
    assert isinstance(step, ConstantCurrent)
    return (step.until.time_s or 0.0) <= 30.0 and charge_ah(step) <= 0.05 * largest


def in_words(program: Program) -> list[tuple[int, int, bool]]:
    """Give cycle, half-cycle and whether it ends there, of every executed step, by going through all of them."""
    halves: list[int] = []
    last: Direction | None = None
    half = 0
    powered = [step for part in program.cycling for step in part.steps if isinstance(step, ConstantCurrent)]
    largest = max(map(charge_ah, powered), default=0.0)
    for part in program.segments:
        for there in flow(part.steps) if isinstance(part, CyclingSegment) else [None]:
            step = part.steps[there.step - 1] if isinstance(part, CyclingSegment) and there else None
            if isinstance(step, PoweredStep) and step.purpose is not Purpose.CHECK and not is_pulse(step, largest):
                half += step.direction is not last
                last = step.direction
                halves.append(half)
            else:
                halves.append(-half)
    ends = [one > 0 and one not in halves[n + 1 :] for n, one in enumerate(halves)]
    return [(max((abs(n) + 1) // 2, 1), max(n, 0), end) for n, end in zip(halves, ends, strict=True)]


@given(st.lists(st.one_of(segments(), st.just(SPECTRUM)), min_size=1, max_size=3))
def test_numbers_of_any_program_are_those_of_the_rule_in_words(pieces: list[Segment]) -> None:
    """Loops in loops, checks and measurements: what is found without going through is what going through finds."""
    program = program_of(*pieces)
    numbers = CycleNumbers(program)
    found = [numbers.at(count) for count in range(1, numbers.steps_before(len(pieces)) + 1)]
    told = [(place.cycle, place.half if place.pulse is None else 0, place.ends_half) for place in found]
    assert told == in_words(program)


def test_cycles_count_through_blocks_and_loops_in_loops() -> None:
    """Two slow cycles, then twice two fast ones and a slow one are eight (the tester's counter gave five)."""
    pair: list[Step] = [CHARGE, DISCHARGE]
    steps: list[Step] = [REST, *pair, Loop(2, 2), *pair, Loop(5, 2), *pair, Loop(5, 2)]
    assert cycles(*steps) == [1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]
    assert numbers_of(*steps).cycles == 8


PROGRAMS: list[tuple[list[Step], list[int]]] = [
    # One way only, in stages with rests: half a cycle.
    ([DISCHARGE, REST, DISCHARGE, REST], [1, 1, 1, 1]),
    # The charge that ends a test has no partner.
    ([CHARGE, DISCHARGE, CHARGE], [1, 1, 2]),
    # Discharge first: the pairs are discharge and charge.
    ([DISCHARGE, CHARGE, Loop(1, 2), DISCHARGE], [1, 1, 2, 2, 3]),
    # A formation charge in front of a loop that begins with a discharge.
    ([CHARGE, DISCHARGE, CHARGE, Loop(2, 2)], [1, 1, 2, 2, 3]),
    # A loop whose passes meet in the same direction.
    ([CHARGE, DISCHARGE, CHARGE, Loop(1, 2)], [1, 1, 2, 2, 2, 3]),
    # A titration: sixty pulses each way are one cycle.
    ([CHARGE, REST, Loop(1, 3), DISCHARGE, REST, Loop(4, 3)], [1] * 12),
    # A contact check is none, and a resistance measured within a discharge is none.
    ([*CHECKS, CHARGE, DISCHARGE, PULSE, DISCHARGE, CHARGE], [1, 1, 1, 1, 1, 1, 2]),
    # Pulses before anything else.
    ([PULSE, replace(PULSE, current_a=-0.002), DISCHARGE, CHARGE, DISCHARGE], [1, 1, 1, 1, 2]),
    # Short steps only: they are the cycles.
    ([PULSE, replace(PULSE, current_a=-0.002), Loop(1, 3)], [1, 1, 2, 2, 3, 3]),
    ([REST], [1]),
]


@pytest.mark.parametrize(("steps", "expected"), PROGRAMS)
def test_cycle_is_the_nth_pair_in_the_order_in_which_the_test_begins(steps: list[Step], expected: list[int]) -> None:
    """Stages, rests, checks and pulses in between change no number."""
    assert cycles(*steps) == expected


def test_measurement_bears_the_number_of_the_half_cycle_before_it() -> None:
    """0 on a fresh cell, that of the cycle under way in its middle; the half-cycle goes on behind it."""
    check = segment_of(*CHECKS)
    program = program_of(check, SPECTRUM, segment_of(CHARGE), SPECTRUM, segment_of(CHARGE, DISCHARGE, CHARGE), SPECTRUM)
    numbers = CycleNumbers(program)
    assert [numbers.cycle_before(index) for index in (1, 3, 5)] == [0, 1, 2]
    first = numbers.steps_before(2) + 1
    places = [numbers.at(count) for count in (first, first + 2, first + 3)]
    assert [(place.half, place.ends_half) for place in places] == [(1, False), (1, True), (2, True)]


def test_numbers_of_a_year_are_found_at_once() -> None:
    """The place of a step is not searched for from the beginning: a hundred thousand cycles are no table."""
    numbers = numbers_of(REST, CHARGE, DISCHARGE, Loop(2, 100), REST, Loop(1, 1000))
    assert (numbers.cycles, numbers.halves) == (100_000, 200_000)
    last = numbers.steps_before(1)
    assert [numbers.at(count).cycle for count in (1, last - 1, last)] == [1, 100_000, 100_000]
    with pytest.raises(ValueError, match="execution"):
        numbers.at(last + 1)


@pytest.mark.parametrize(("recipe", "cell", "expected"), [("li-li-0.2", "bare-li-li", 300), ("lfp-200mA-g", "lfp", 50)])
def test_shipped_recipes_have_the_cycles_of_their_title(recipe: str, cell: str, expected: int) -> None:
    """Contact checks in front of Li/Li recipes count for nothing."""
    cell = "coated-lfp" if cell == "lfp" else cell
    assert CycleNumbers(resolve(load_recipe(recipe), load_cell(cell))).cycles == expected
