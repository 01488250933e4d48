"""What the watch for shorts sums up record by record is what its formula says of all records at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.shorts.step_trace import StepTrace
from orchestrator.shorts.straight_line import line_of_six, straight_line
from orchestrator.shorts.thresholds import DEFAULT

_KEPT = 31
resistances = st.floats(-1e3, 1e5)


@given(st.lists(st.tuples(st.floats(0.1, 1e4), resistances), min_size=6, max_size=6))
def test_line_of_six_is_the_line_of_any_number_of_points(steps: list[tuple[float, float]]) -> None:
    """The function for six points and that for any number agree to the last bit."""
    at_s, points = 0.0, []
    for apart_s, ohm in steps:
        at_s += apart_s
        points.append((at_s, ohm))
    assert line_of_six(*points) == straight_line(points)


@pytest.mark.parametrize("lag_s", [DEFAULT.lag_s, 300.0, 2400.0])
@given(st.lists(st.tuples(st.floats(60.0, 200.0), st.sampled_from([3.0, 5.0, 5.5]) | resistances), max_size=90))
def test_what_a_step_had_a_while_ago_is_the_median_of_those_minutes(
    lag_s: float, steps: list[tuple[float, float]]
) -> None:
    """The median that is kept up to date is that of the kept minutes between half and one and a half of the lag."""
    thresholds = replace(DEFAULT, lag_s=lag_s)
    trace, at_s = StepTrace(thresholds), 0.0
    trace.begin(1.0, 0.0)
    minutes: list[tuple[float, float]] = []
    expected = None
    for apart_s, ohm in steps:
        at_s += apart_s
        trace = trace.copy()
        trace.take(at_s, at_s, ohm)
        minutes = [*minutes, (at_s, ohm)][-_KEPT:]
        most_s = thresholds.lag_part * lag_s
        within = sorted(ohm for then_s, ohm in minutes if abs(at_s - then_s - lag_s) <= most_s)
        if within and at_s >= thresholds.lag_from_s:
            expected = within[len(within) // 2]
        assert trace.lag_ohm == expected
