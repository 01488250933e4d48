"""Windows of a run for pictures: extremes stay at every width, gaps stay gaps, and little is kept in memory."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.trace_buckets import MOST_POINTS, Trace, TraceBuckets, thinned
from orchestrator.api.run_traces import RunTraces
from orchestrator.store import Store, open_store
from tests.api_client import ORDER, Client
from tests.run_maker import CUTS_S, PROGRAM, RunMaker


def trace_of(volts: list[float], steps: list[int], gaps: list[int]) -> Trace:
    """Give records of steps of these lengths, a gap before each record whose number is in ``gaps``."""
    n = len(volts)
    step = np.repeat(np.arange(1, len(steps) + 1), steps)[:n]
    behind = np.cumsum([int(at in gaps) for at in range(n)])
    one, numbers, zeros = np.ones(n, np.int64), np.arange(1, n + 1), np.zeros(n, np.int64)
    time_s = np.asarray(numbers * 10.0, np.float64)
    amps = np.where(step % 2 == 0, -1e-3, 1e-3)
    return Trace(one, numbers, step, behind, zeros, time_s, time_s + 1e9, np.array(volts, float), amps)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Give the records of a few steps of any length, some without a voltage, with gaps anywhere."""
    steps = draw(st.lists(st.integers(1, 150), min_size=1, max_size=8))
    n = sum(steps)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    volts = rng.normal(size=n)
    volts[rng.random(n) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = np.nan
    return trace_of(list(volts), steps, list(rng.integers(0, n, draw(st.integers(0, 3)))))


def pieces(trace: Trace) -> list[tuple[int, int]]:
    """Give the step and the count of gaps of each record: what must not be put together."""
    return list(zip(trace.step.tolist(), trace.gaps.tolist(), strict=True))


@given(traces(), st.integers(4, 400))
def test_window_keeps_the_ends_and_the_extremes_of_each_step_and_side_of_a_gap(whole: Trace, points: int) -> None:
    """In order, none twice, none made up, and never more than is bearable."""
    chosen = thinned(whole, points)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) <= MOST_POINTS
    assert len(chosen) <= max(points * 1.5 + 6, 6 * len(set(pieces(whole))))
    kept = set(chosen.tolist())
    there = pieces(whole)
    for piece in set(there):
        mine = [n for n, one in enumerate(there) if one == piece]
        assert {mine[0], mine[-1]} <= kept
        known = [whole.voltage_v[n] for n in mine if np.isfinite(whole.voltage_v[n])]
        shown = [whole.voltage_v[n] for n in mine if n in kept and np.isfinite(whole.voltage_v[n])]
        if known:
            assert (min(known), max(known)) == (min(shown), max(shown))


@given(traces(), st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(30, 500))
def test_buckets_that_grow_record_by_record_keep_what_a_whole_run_has(
    whole: Trace, portions: list[int], most: int
) -> None:
    """Whatever comes at once, and however few may be kept: extremes of each step, the first and the newest record."""
    buckets = TraceBuckets(most)
    at = turn = 0
    while at < len(whole):
        portion = portions[turn % len(portions)]
        buckets.extend(whole.take(slice(at, at + portion)))
        at, turn = at + portion, turn + 1
    kept = buckets.trace()
    assert buckets.records == len(whole)
    assert (np.diff(kept.sequence) > 0).all()
    assert (kept.sequence[0], buckets.last) == (1, (1, len(whole)))
    assert set(pieces(kept)) == set(pieces(whole))
    positions = kept.sequence - 1
    shown = {int(n) for n in positions}
    assert np.array_equal(kept.voltage_v, whole.voltage_v[positions], equal_nan=True)
    for piece in set(pieces(whole)):
        mine = [n for n, one in enumerate(pieces(whole)) if one == piece and np.isfinite(whole.voltage_v[n])]
        if mine:
            assert max(whole.voltage_v[n] for n in mine) == max(whole.voltage_v[n] for n in mine if n in shown)
            assert min(whole.voltage_v[n] for n in mine) == min(whole.voltage_v[n] for n in mine if n in shown)


def test_dip_of_one_record_is_kept_in_each_of_a_thousand_trials() -> None:
    """600 h of a Li/Li cell at records of 10 s: a dip to 5 mV in a half-cycle at 80 mV is no extreme of the run."""
    hour = 360
    n = 600 * hour
    signs = np.where((np.arange(n) // hour) % 2 == 0, 1.0, -1.0)
    volts = signs * (0.08 + 0.002 * np.sin(np.arange(n) / 500))
    step = np.arange(n) // hour
    numbers, zeros = np.arange(1, n + 1), np.zeros(n, np.int64)
    time_s = np.asarray(numbers * 10.0, np.float64)
    whole = Trace(zeros + 1, numbers, step, zeros, zeros.copy(), time_s, time_s, volts, signs * 1.57e-4)
    rng = np.random.default_rng(7)
    buckets_kept = 0
    dips = rng.integers(0, n, 1000)
    spoiled = volts.copy()
    # A thousand dips in one run are harder than one in each of a thousand runs: they share buckets and points.
    for group in np.array_split(np.unique(dips), 40):
        spoiled[:] = volts
        spoiled[group] = 0.005 * signs[group]
        run = replace(whole, voltage_v=spoiled, bucket=zeros.copy())
        buckets = TraceBuckets()
        for begin in range(0, n, 16_000):
            buckets.extend(run.take(slice(begin, begin + 16_000)))
        kept = buckets.trace()
        shown = kept.take(thinned(kept, 2000))
        buckets_kept = max(buckets_kept, len(kept))
        for at in group:
            beside = group[(step[group] == step[at]) & (group != at)]
            if not len(beside):
                assert at + 1 in shown.sequence
        assert len(shown) < 4000
    assert buckets_kept <= 32_000


@pytest.fixture
def long_run(store: Store) -> str:
    """Give the id of a run of 600 h with a record every 10 s, 216,000 in all."""
    run_id = RunMaker(store, PROGRAM).run(())
    (test, *_) = store.tests(run_id)
    last = store.last_sample(test.id)
    assert last is not None
    with store.transaction() as connection:
        connection.execute("DELETE FROM sample WHERE test = ?", (test.id,))
    with store.transaction() as connection:
        # One statement makes them all: a list of so many samples would take longer than the test.
        connection.execute(
            "INSERT INTO sample (test, sequence, time_s, step_time_s, step, step_count, tester_cycle, mode, voltage_v, "
            "current_a, unix_time_s) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 216000) "
            "SELECT ?, i, i * 10.0, 0, 1, 1 + i / 360, 1, ?, CASE (i / 360) % 2 WHEN 0 THEN 0.08 ELSE -0.08 END, "
            "0.001, 1e9 + i * 10.0 FROM n",
            (test.id, last.mode),
        )
    return run_id


async def test_windows_of_600_h_are_answered_in_milliseconds(store: Store, long_run: str) -> None:
    """Once the run was read: the whole run, a window of a tenth and one of a minute; the bound is generous."""
    traces = RunTraces()
    await traces.window(store, long_run, 2000)
    for begin, end in ((None, None), (1e6, 1.2e6), (1e6, 1e6 + 60)):
        window, took = await traces.window(store, long_run, 2000, begin=begin, end=end), []
        for _ in range(5):
            began = time.perf_counter()
            window = await traces.window(store, long_run, 2000, begin=begin, end=end)
            took.append(time.perf_counter() - began)
        assert min(took) < 0.020
        assert window.records >= 216_000
        assert 2 <= len(window.trace) <= 4000


async def test_window_over_interruptions_has_its_gaps_and_all_records_where_few_are_asked(store: Store) -> None:
    """Run time and the clock give the same records; the widest window and the narrowest have the same values."""
    run_id = RunMaker(store, PROGRAM).run(CUTS_S)
    traces = RunTraces()
    whole = await traces.window(store, run_id, 20_000)
    assert whole.is_whole
    assert len(whole.trace) == whole.records
    tests = len({int(test) for test in whole.trace.test})
    assert tests > 2
    assert int(whole.trace.gaps[-1]) >= tests - 1
    few = await traces.window(store, run_id, 50)
    assert set(zip(few.trace.test, few.trace.sequence, strict=True)) <= set(
        zip(whole.trace.test, whole.trace.sequence, strict=True)
    )
    begin, end = float(whole.trace.unix_s[40]), float(whole.trace.unix_s[60])
    part = await traces.window(store, run_id, 2000, by_clock=True, begin=begin, end=end)
    assert part.trace.sequence.tolist() == whole.trace.sequence[39:62].tolist()


async def test_series_of_a_window_has_the_tag_of_its_newest_record(client: Client) -> None:
    """The tag changes with the next record; what makes no sense is refused with a sentence."""
    import asyncio

    await client.post("/runs", ORDER, 201)
    await asyncio.sleep(900)
    first = await client.get("/runs/R000001/series?x=time")
    await asyncio.sleep(900)
    whole = await client.get("/runs/R000001/series?x=time&y=voltage")
    assert whole["columns"] == ["time_s", "voltage_v", "gap"]
    assert whole["records"] > first["records"] > 10
    assert whole["newest"] == whole["rows"][-1][0] > first["newest"]
    begin, end = whole["rows"][3][0], whole["rows"][9][0]
    part = await client.get(f"/runs/R000001/series?x=time&y=voltage&from={begin}&to={end}")
    assert part["rows"] == whole["rows"][2:11]
    assert "needs x" in (await client.get("/runs/R000001/series?from=3", 422))["error"]
    assert "before it ends" in (await client.get("/runs/R000001/series?x=time&from=3&to=3", 422))["error"]


def test_traces_of_many_runs_take_bounded_memory(tmp_path: Path) -> None:
    """A run a thousand times as long as its bound is kept in no more than that."""
    buckets = TraceBuckets(2000)
    n = 20_000
    rng = np.random.default_rng(1)
    for part in range(20):
        number = np.arange(part * n + 1, (part + 1) * n + 1)
        zeros, time_s = np.zeros(n, np.int64), np.asarray(number, np.float64)
        volts = rng.normal(size=n)
        buckets.extend(Trace(zeros + 1, number, zeros, zeros, zeros.copy(), time_s, time_s, volts, volts))
        assert len(buckets) <= 2000 + 32 * 4**4
    with open_store(tmp_path / "lab.db") as store:
        assert store.runs() == []
