"""Branches judged by what was measured, and the ends that the host watches for: pure, and the same in any batches."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.interfaces import Sample
from orchestrator.judging.branching import Seen, judge
from orchestrator.judging.host_ends import HostEndWatch
from orchestrator.judging.limits import Action
from protocols.branches import Branch, HostEnd, Measure, StepEnd, Then, Watched
from protocols.program import ConstantCurrent, Rest, Until
from tests.segments import segment_of

SEEN = Seen(
    capacities_ah={3: 1.0e-4, 4: 0.95e-4, 90: 0.8e-4},
    efficiency=0.9,
    resistance_ohm=100.0,
    voltage_v=2.5,
    drift_v_per_h=-0.001,
    times_s={2: 3600.0},
    cycles={2: 10},
    end=StepEnd.VOLTAGE,
)
UNKNOWN = Seen(capacities_ah={90: nan}, resistance_ohm=inf)


@pytest.mark.parametrize(
    ("measure", "value", "more"),
    [
        (Measure.CAPACITY, 0.8e-4, {}),
        (Measure.CAPACITY_FRACTION, 0.8, {"of_cycle": 3}),
        (Measure.COULOMBIC_EFFICIENCY, 0.9, {}),
        (Measure.RESISTANCE, 100.0, {}),
        (Measure.VOLTAGE, 2.5, {}),
        (Measure.TIME, 3600.0, {"since": 2}),
        (Measure.CYCLES, 10.0, {"since": 2}),
        (Measure.REST_DRIFT, 0.001, {}),
    ],
)
def test_number_is_below_only_under_its_threshold_and_above_from_it_on(
    measure: Measure, value: float, more: dict[str, Any]
) -> None:
    """At the threshold itself ``above`` holds and ``below`` does not; a value that nothing tells holds neither."""
    below = [Branch(measure, 5, below=value * part, **more) for part in (1.0, 1.01)]
    above = [Branch(measure, 5, above=value * part, **more) for part in (1.0, 1.01)]
    assert [judge([branch], SEEN).held is not None for branch in (*below, *above)] == [False, True, True, False]
    for branch in (*below, *above):
        assert judge([branch], UNKNOWN) == replace(judge([], UNKNOWN), unknown=(branch,))


def test_first_branch_that_holds_decides_and_one_that_is_unknown_is_passed_over() -> None:
    """The order of the recipe counts; what is not known is given beside the decision."""
    unknown = Branch(Measure.CAPACITY_FRACTION, 3, below=0.9, of_cycle=5)
    other = Branch(Measure.END_REASON, 4, reason=StepEnd.TIME)
    first = Branch(Measure.END_REASON, 5, Then.END, reason=StepEnd.VOLTAGE)
    second = Branch(Measure.VOLTAGE, 6, above=0.0)
    judged = judge([unknown, other, first, second], SEEN)
    assert (judged.held, judged.unknown) == (first, (unknown,))
    assert judge([other, second], SEEN).words == "voltage 2.5 V, at least 0 V"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"below": 1.0, "above": 2.0}, {"below": 1.0, "of_cycle": 3}, {"below": 1.0, "reason": StepEnd.TIME}],
)
def test_branch_that_says_too_little_or_too_much_does_not_exist(wrong: dict[str, Any]) -> None:
    """A stored program that was touched is refused when it is read, not when it is judged."""
    with pytest.raises(ValueError, match="voltage_v"):
        Branch(Measure.VOLTAGE, 5, **wrong)


PLATING = segment_of(Rest(Until(time_s=60.0)), ConstantCurrent(-0.001, Until(time_s=7200.0)))


def records(volts: list[float], step: int = 2, every_s: float = 60.0) -> list[Sample]:
    """Give records of one step, a minute apart."""
    times = [every_s * n for n in range(len(volts))]
    return [
        Sample(n, time_s, time_s, step, step, 1, "x", volt, -0.001, 0.0, 0.0, 0.0)
        for n, (time_s, volt) in enumerate(zip(times, volts, strict=True), 1)
    ]


@pytest.mark.parametrize(
    ("end", "volts", "at_s"),
    [
        (HostEnd(Watched.COLLAPSE, 0.3, 300.0), [-0.2] * 10 + [-0.05] * 5, 660.0),
        (HostEnd(Watched.COLLAPSE, 0.3, 300.0), [-0.2] * 10 + [-0.05, -0.2] * 5, None),
        (HostEnd(Watched.COLLAPSE, 0.3, 300.0), [-0.2] * 3 + [-0.05] * 10, None),
        (HostEnd(Watched.VOLTAGE, 0.01, 300.0), [-0.2] * 3 + [-0.005] * 10, 360.0),
        (HostEnd(Watched.VOLTAGE, 0.01, 300.0), [-0.2] * 10 + [nan] * 5, None),
        (HostEnd(Watched.REST_DRIFT, 0.006), [3.4 - 0.00009 * n for n in range(30)], 300.0),
        (HostEnd(Watched.REST_DRIFT, 0.006), [3.4 - 0.00011 * n for n in range(30)], None),
    ],
)
def test_host_ends_a_step_by_what_its_records_show(end: HostEnd, volts: list[float], at_s: float | None) -> None:
    """A collapse of two records behind the delay, or a drift over its window; one spike, or no number, is none."""
    found = HostEndWatch(replace(PLATING, ends=(end,))).feed(records(volts))
    assert [it.time_s for it in found] == ([] if at_s is None else [at_s])
    assert all(it.action is Action.END_SEGMENT for it in found)
    assert HostEndWatch(replace(PLATING, ends=(end,))).feed(records(volts, step=1)) == []


@given(cuts=st.lists(st.integers(1, 39), max_size=6), scale=st.floats(0.1, 3.0))
def test_host_end_is_found_once_in_any_batches(cuts: list[int], scale: float) -> None:
    """Polls cut records anywhere; the same record asks for the end, and no later one does again."""
    segment = replace(PLATING, ends=(HostEnd(Watched.COLLAPSE, 0.5, 300.0), HostEnd(Watched.REST_DRIFT, 0.006)))
    rows = records([scale * (-0.2 - 0.001 * n) if n < 25 else -0.05 * scale for n in range(40)])
    whole, parts = HostEndWatch(segment), HostEndWatch(segment)
    edges = sorted({0, 40, *cuts})
    batches = [rows[first:last] for first, last in pairwise(edges)]
    assert [it for batch in batches for it in parts.feed(batch)] == whole.feed(rows)
    assert whole.feed(rows) == []
