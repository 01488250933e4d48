"""A tester's clock that drifts or is set is marked with how much; records' ages alone never are (faults B04)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from math import floor, inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.interfaces import Sample
from orchestrator.clock.virtual import run_virtual, wall_time
from orchestrator.judging.clock_drift import DAY_S, ClockDrift, ClockFinding
from simulators.neware.settings import Quirks
from tests.rig import CHANNEL, li_li_program, open_rig

EPOCH_S = 1_767_571_200.0
Clock = Callable[[float], float]


def drifting(per_day_s: float, ahead_s: float = 0.0) -> Clock:
    """Give a clock that is ahead and gains so many seconds a day."""
    return lambda host_s: host_s + ahead_s + per_day_s * (host_s - EPOCH_S) / DAY_S


def polls(
    clock: Clock, days: float, poll_s: float = 600.0, every_s: float = 30.0, first_s: float = 0.0, seed: int = 1
) -> Iterator[tuple[float, float, float]]:
    """Give what each poll knows of a test: asked, heard, and its newest record's time, made by the tester's clock.

    Replies take 50 to 500 ms; a record is made every ``every_s`` of this machine's time, from ``first_s`` on.
    """
    random = Random(seed)
    for n in range(1, int(days * DAY_S / poll_s)):
        asked_s = EPOCH_S + n * poll_s
        counted_s = asked_s + random.uniform(0.05, 0.5)
        heard_s = counted_s + random.uniform(0.0, 0.1)
        made_s = EPOCH_S + first_s + every_s * floor((counted_s - EPOCH_S - first_s) / every_s)
        yield asked_s, heard_s, float(floor(clock(made_s)))


def found(
    judge: ClockDrift, *tests: Iterator[tuple[float, float, float]], every_s: float = inf
) -> list[tuple[float, ClockFinding]]:
    """Feed the polls of several tests by turns; give the findings with the day of each."""
    findings = []
    for poll in zip(*tests, strict=True):
        for test, (asked_s, heard_s, tester_s) in enumerate(poll):
            if finding := judge.feed(test, asked_s, heard_s, tester_s, every_s):
                findings.append(((heard_s - EPOCH_S) / DAY_S, finding))
    return findings


@settings(max_examples=40, deadline=None)
@given(
    drift=st.floats(-0.99, 0.99),
    ahead_s=st.floats(-7200, 7200),
    poll_s=st.sampled_from([60.0, 300.0, 600.0, 3601.0]),
    every_s=st.sampled_from([1.0, 30.0, 30.01, 299.9, 600.0]),
    first_s=st.floats(0, 60),
)
def test_good_clock_is_never_marked(
    drift: float, ahead_s: float, poll_s: float, every_s: float, first_s: float
) -> None:
    """However old the newest records are, and however their age creeps from poll to poll."""
    clock = drifting(drift, ahead_s)
    assert found(ClockDrift(lag_s=5.0), polls(clock, 6.0, poll_s, every_s, first_s)) == []


@settings(max_examples=12, deadline=None)
@given(
    drift=st.sampled_from([-3600.0, -30.0, -12.0, 12.0, 30.0, 3600.0]),
    first_s=st.floats(0, 60),
    seed=st.integers(0, 99),
)
def test_drift_is_told_within_its_bounds(drift: float, first_s: float, seed: int) -> None:
    """One channel at a poll a minute shows 12 s a day within nine days, and what is told is never far off."""
    findings = found(ClockDrift(lag_s=5.0), polls(drifting(drift, 5.0), 9.0, 60.0, 30.0, first_s, seed), every_s=30.0)
    assert findings
    for day, finding in findings:
        assert finding.drift_s_per_day == pytest.approx(drift, abs=40 / day)
        assert finding.ahead_s == pytest.approx(5.0 + drift * day, abs=40 + abs(drift) / 24)


def test_every_channel_helps_to_know_the_clock() -> None:
    """Records of eight channels at different moments: 2 s a day is marked within twelve days, by ten seconds or so."""
    tests = [polls(drifting(2.0), 12.0, 60.0, 30.0, 4.0 * n, n) for n in range(8)]
    (_, first), *_ = found(ClockDrift(lag_s=5.0), *tests, every_s=30.0)
    assert first.drift_s_per_day == pytest.approx(2.0, abs=1.0)


def test_drift_is_marked_once_a_day() -> None:
    """The first mark takes a day of evidence, the others follow a day apart each."""
    days = [day for day, _ in found(ClockDrift(lag_s=5.0), polls(drifting(-600.0), 6.0, 60.0))]
    assert days == pytest.approx([1.25, 2.25, 3.25, 4.25, 5.25], abs=0.3)


@pytest.mark.parametrize("moved_s", [-3600.0, -300.0, 300.0, 3600.0])
@pytest.mark.parametrize("at_day", [0.1, 3.3, 3.5])
def test_clock_that_was_set_is_told_as_set(moved_s: float, at_day: float) -> None:
    """It is no drift; what is told is by how much it moved."""

    def clock(host_s: float) -> float:
        return host_s + (moved_s if host_s > EPOCH_S + at_day * DAY_S else 0.0)

    findings = [finding for _, finding in found(ClockDrift(lag_s=5.0), polls(clock, 8.0, 60.0))]
    assert [finding.drift_s_per_day for finding in findings] == [0.0] * (at_day > 1)
    for finding in findings:
        assert finding.ahead_s == pytest.approx(moved_s, abs=70)
        assert f"{moved_s:+.0f}"[:2] in finding.message


def test_polls_that_fail_for_days_are_no_drift() -> None:
    """A host that was away knows less, and nothing wrong."""
    away = [poll for poll in polls(drifting(0.3), 12.0) if not 2 * DAY_S < poll[0] - EPOCH_S < 5 * DAY_S]
    assert found(ClockDrift(lag_s=5.0), iter(away)) == []


def test_simulated_tester_with_a_fast_clock_is_marked() -> None:
    """Through the wire and the driver: 40 s a day is told from the second day of a test on (faults B04)."""

    async def main() -> list[ClockFinding]:
        judge, findings = ClockDrift(lag_s=5.0), []
        async with open_rig(quirks=Quirks(clock_drift=40 / DAY_S)) as rig:
            (segment,) = li_li_program(cycles=48).cycling
            identity = await rig.tester.start(await rig.tester.load(CHANNEL, segment, "drift"), "drift")
            last: Sample | None = None
            for _ in range(4 * 288):
                await asyncio.sleep(300)
                asked_s = wall_time()
                missing = (await rig.tester.status([CHANNEL]))[CHANNEL].record_count - (last.sequence if last else 0)
                heard_s = wall_time()
                last = (await rig.tester.records(identity, last, missing))[-1]
                if finding := judge.feed("drift", asked_s, heard_s, last.unix_time_s, every_s=30.0):
                    findings.append(finding)
        return findings

    findings = run_virtual(main())
    assert findings
    for finding in findings:
        assert finding.drift_s_per_day == pytest.approx(40, abs=20)
