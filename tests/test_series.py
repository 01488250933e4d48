"""The thinned series of a run: extremes and the ends of steps stay, and nothing is made up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.thinning import Columns, thinned_by, thinned_to
from tests.api_client import ORDER, Client


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    """Give the records of a run of one or two tests with steps of any length, some without a voltage."""
    steps = draw(st.lists(st.integers(1, 12), min_size=1, max_size=8))
    count = np.repeat(np.arange(1, len(steps) + 1), steps)
    n = len(count)
    volts = draw(st.lists(st.one_of(st.floats(-5, 5), st.just(float("nan"))), min_size=n, max_size=n))
    amps = draw(st.lists(st.sampled_from([-1e-3, 0.0, 1e-3]), min_size=n, max_size=n))
    test = np.where(np.arange(n) < draw(st.integers(1, n)), 1, 2)
    return Columns(
        test, np.arange(1, n + 1), count, np.arange(n, dtype=np.float64) * 30.0, np.array(volts), np.array(amps)
    )


@given(columns(), st.integers(2, 60))
def test_thinned_run_keeps_its_range_and_the_ends_of_its_steps(whole: Columns, points: int) -> None:
    """In order, none twice, no more than asked for, but for the ends of steps; these and the extremes are there."""
    chosen = thinned_to(whole, points)
    assert (np.diff(chosen) > 0).all()
    steps = list(zip(whole.test, whole.step_count, strict=True))
    apart = [n for n in range(1, len(steps)) if steps[n] != steps[n - 1]]
    ends = {0, len(steps) - 1, *apart, *(n - 1 for n in apart)}
    assert ends <= set(chosen.tolist())
    assert len(chosen) <= max(points, len(ends))
    if len(chosen) > len(ends) and np.isfinite(whole.voltage_v).any():
        assert np.nanmax(whole.voltage_v[chosen]) == np.nanmax(whole.voltage_v)
        assert np.nanmin(whole.voltage_v[chosen]) == np.nanmin(whole.voltage_v)


@given(columns(), st.floats(1, 1000))
def test_each_stretch_of_time_keeps_its_highest_and_lowest(whole: Columns, every_s: float) -> None:
    """A peak of one record is in the picture, however many seconds are put together."""
    chosen = set(thinned_by(whole, every_s).tolist())
    for begins in {(int(test), int(time // every_s)) for test, time in zip(whole.test, whole.time_s, strict=True)}:
        there = [n for n in range(len(whole)) if (int(whole.test[n]), int(whole.time_s[n] // every_s)) == begins]
        for values in (whole.voltage_v, whole.current_a):
            known = [float(values[n]) for n in there if not np.isnan(values[n])]
            shown = [float(values[n]) for n in there if n in chosen and not np.isnan(values[n])]
            assert (min(known), max(known)) == (min(shown), max(shown)) if known else True


async def test_series_of_a_running_run_grows_by_what_is_recorded(client: Client) -> None:
    """Each row is a sample as ``samples`` gives it; a second question has the new ones; both measures are refused."""
    import asyncio

    await client.post("/runs", ORDER, 201)
    seen = 0
    told: dict[str, Any] = {}
    for _ in range(2):
        await asyncio.sleep(900)
        whole = await client.get("/runs/R000001/samples?limit=2000")
        told = await client.get("/runs/R000001/series")
        names = [whole["columns"].index(name) for name in told["columns"]]
        assert told["rows"] == [[row[n] for n in names] for row in whole["rows"]]
        assert told["records"] == len(whole["rows"]) > seen
        seen = told["records"]
    few = await client.get("/runs/R000001/series?points=20")
    assert 2 < len(few["rows"]) <= 20
    assert [row for row in few["rows"] if row not in told["rows"]] == []
    assert len((await client.get("/runs/R000001/series?every=600"))["rows"]) < seen
    assert "not both" in (await client.get("/runs/R000001/series?every=600&points=20", 422))["error"]


@pytest.mark.parametrize("points", [2, 2000])
def test_run_without_records_has_an_empty_series(points: int) -> None:
    """Nothing is chosen of nothing, by number or by time."""
    none, nothing = np.arange(0), np.zeros(0)
    empty = Columns(none, none, none, nothing, nothing, nothing)
    assert len(thinned_to(empty, points)) == len(thinned_by(empty, 60.0)) == 0
