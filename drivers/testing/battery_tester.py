"""The test cases that every ``BatteryTester`` must pass; any package can run them without a test framework.

A case takes a ``Subject`` (an open tester, a free channel and a short program) and raises AssertionError with a
sentence where the tester breaks the contract. Time is the event loop's, so that simulated testers pass in virtual time
and real ones, with a dummy cell, in a quarter of an hour::

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
    async def test_contract(case):
        async with my_tester() as tester:
            await case(Subject(tester, "left", short_program(1e-4, VoltageBand(-0.5, 0.5))))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

from drivers.errors import CannotRun, DriverError, NotConfirmed, SettingsError, TestGone
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, HostLoss, Sample, TestIdentity
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE
from protocols.execution_order import flow
from protocols.forecast import planned_duration_s
from protocols.program import (
    Ceiling,
    CellFacts,
    ConstantCurrent,
    CyclingSegment,
    Limits,
    Loop,
    Program,
    Record,
    Rest,
    Until,
    VoltageBand,
)

_BARCODE = "R000001"


@dataclass(frozen=True, slots=True)
class Subject:
    """A tester to try: open, with a channel on which nothing runs and a short program that can run there."""

    tester: BatteryTester
    channel: str
    program: Program

    @property
    def segment(self) -> CyclingSegment:
        """The one segment of the program."""
        return self.program.cycling[0]


Case = Callable[[Subject], Awaitable[None]]


def short_program(current_a: float, band: VoltageBand, kind: str = "li-li") -> Program:
    """Return a program of about two minutes: a rest, then 20 s of charge and of discharge, twice.

    ``current_a`` is a magnitude. ``band`` ends the steps early where the cell reaches it.
    """
    host, tester, absolute = (VoltageBand(band.low_v - by_v, band.high_v + by_v) for by_v in (0.05, 0.1, 0.5))
    limits = Limits(host, tester, absolute, 1.05 * current_a, 1.1 * current_a, 1.2 * current_a)
    ceiling = Ceiling(time_s=21.0, capacity_ah=current_a * 21.0 / 3600)
    steps = (
        Rest(Until(time_s=20.0)),
        ConstantCurrent(current_a, Until(time_s=20.0, voltage_v=band.high_v), ceiling),
        ConstantCurrent(-current_a, Until(time_s=20.0, voltage_v=band.low_v), ceiling),
        Loop(back_to=2, times=2),
    )
    segment = CyclingSegment(steps, Record(every_s=2.0), limits)
    return Program("contract", "", CellFacts("dummy", kind), (segment,))


async def describes_itself(it: Subject) -> None:
    """Check that a tester has every member of ``BatteryTester``, a name, a host loss and valid traits."""
    tester, traits = it.tester, it.tester.traits
    _claim(isinstance(tester, BatteryTester), f"{type(tester).__name__} lacks something of BatteryTester")
    _claim(bool(tester.name), "a tester has a name")
    _claim(isinstance(tester.host_loss, HostLoss), f"host_loss is {tester.host_loss!r}, which is no HostLoss")
    _claim(tester.poll_period_s > 0, f"poll_period_s is {tester.poll_period_s}")
    _claim(traits.block_size >= 1, f"block_size is {traits.block_size}: no record could ever be read")
    _claim(traits.refresh_s >= 0, f"refresh_s is {traits.refresh_s}")
    _claim(traits.limits_read_back or bool(traits.limits_note), "limits are not read back, and limits_note is empty")


async def names_its_channels(it: Subject) -> None:
    """Check that channels have names of their own, each with an envelope, and that an unknown one is refused."""
    channels = it.tester.channels()
    _claim(it.channel in channels, f"channel {it.channel!r} is not among {channels}")
    _claim(len({name.lower() for name in channels}) == len(channels), f"two channels have one name: {channels}")
    for channel in channels:
        _claim(bool(CHANNEL_NAME.fullmatch(channel)), f"channel {channel!r}: a name has {CHANNEL_NAME_RULE}")
        it.tester.envelope(channel)
    await _refuses(it.tester.status(["no-such-channel"]), SettingsError, "a status of a channel that is not there")


async def says_what_it_cannot_run(it: Subject) -> None:
    """Check that the short program has no problem; one with a million times its current has, in sentences."""
    found = it.tester.problems(it.channel, it.program)
    _claim(found == [], f"the short program should run here: {found}")
    steps = tuple(
        replace(step, current_a=1e6 * step.current_a) if isinstance(step, ConstantCurrent) else step
        for step in it.segment.steps
    )
    strong = replace(it.program, segments=(replace(it.segment, steps=steps),))
    found = it.tester.problems(it.channel, strong)
    _claim(bool(found), "a million times the current has no problem")
    _claim(all(sentence.endswith(".") for sentence in found), f"problems are sentences: {found}")


async def runs_a_program_to_its_end(it: Subject) -> None:
    """Check that a loaded program is described, started under its barcode, works, and is complete at its end."""
    loaded = await it.tester.load(it.channel, it.segment, _BARCODE)
    _claim(loaded.channel == it.channel, f"loaded for {loaded.channel!r}")
    _claim(loaded.end_step == len(it.segment.steps) + 1, f"the end step is {loaded.end_step}")
    _claim(bool(loaded.description), "a loaded program has a description for the run's record")
    identity = await it.tester.start(loaded, _BARCODE)
    _claim((identity.channel, identity.barcode) == (it.channel, _BARCODE), f"started as {identity}")
    status = await _status(it)
    _claim(status.state is ChannelState.WORKING, f"just started, the channel is {status.state.value}")
    _claim(status.test_id == identity.test_id, f"started test {identity.test_id}, the channel shows {status.test_id}")
    status = await _finished(it)
    _claim(status.complete, "a finished test is complete")
    _claim((status.barcode, status.test_id) == (_BARCODE, identity.test_id), f"the channel shows {status}")


async def records_what_the_program_does(it: Subject) -> None:
    """Check that records are numbered from 1, times never go back, and each step has its place and its sign."""
    samples = await _records(it, await _done(it))
    _claim(
        [s.sequence for s in samples] == list(range(1, len(samples) + 1)), "records are numbered from 1, without gap"
    )
    for before, after in pairwise(samples):
        _claim(after.time_s >= before.time_s, f"record {after.sequence} goes back in time, to {after.time_s} s")
        _claim(after.step_count - before.step_count in {0, 1}, f"record {after.sequence} leaves out a step")
    _claim(samples[0].step_count == 1, f"the first record is of executed step {samples[0].step_count}")
    places = list(flow(it.segment.steps))
    _claim(samples[-1].step_count == len(places), f"{samples[-1].step_count} steps were executed, not {len(places)}")
    for sample in samples:
        _claim(
            (sample.step, sample.tester_cycle) == places[sample.step_count - 1],
            f"record {sample.sequence} is elsewhere",
        )
        step = it.segment.steps[sample.step - 1]
        set_a = step.current_a if isinstance(step, ConstantCurrent) else 0.0
        # The first and the last record of a step may be made before its current has settled.
        _claim(sample.current_a * set_a >= 0, f"record {sample.sequence}: {sample.current_a} A where {set_a} A is set")
        _claim(isfinite(sample.voltage_v), f"record {sample.sequence} has no voltage")
        _claim(sample.capacity_ah >= 0 and sample.energy_wh >= 0, f"record {sample.sequence}: magnitudes are positive")
    for set_a in {step.current_a for step in it.segment.steps if isinstance(step, ConstantCurrent)}:
        seen = [s.current_a for s in samples if _set_current_a(it, s) == set_a]
        _claim(any(abs(a - set_a) < 0.05 * abs(set_a) for a in seen), f"no record shows {set_a} A: {seen}")


async def gives_the_same_records_in_any_blocks(it: Subject) -> None:
    """Check that records read one by one, in sevens and in whole blocks are the same, and reading changes nothing."""
    identity = await _done(it)
    whole = await _records(it, identity)
    for block in (1, 7):
        _claim(await _records(it, identity, block) == whole, f"read {block} at a time, the records are others")
    _claim(await it.tester.record_count(identity) == len(whole), "record_count differs from what is there")


async def logs_the_executed_steps(it: Subject) -> None:
    """Check that the step log has a row for each executed step, and its records are the samples' own."""
    identity = await _done(it)
    samples = await _records(it, identity)
    steps = await it.tester.step_log(identity)
    places = [place.step for place in flow(it.segment.steps)]
    _claim([row.step for row in steps] == places, f"steps {[row.step for row in steps]} were executed, not {places}")
    _claim(steps[0].first_sequence == 1, f"the first step begins at record {steps[0].first_sequence}")
    _claim(steps[-1].last_sequence == samples[-1].sequence, f"the last ends at record {steps[-1].last_sequence}")
    for before, after in pairwise(steps):
        _claim(after.first_sequence == before.last_sequence + 1, f"between {before} and {after} records are missing")


async def leaves_a_busy_channel_alone(it: Subject) -> None:
    """Check that a second start is refused for any barcode, and that the running test continues."""
    identity = await _started(it)
    second = await it.tester.load(it.channel, it.segment, "R000002")
    await _refuses(it.tester.start(second, "R000002"), CannotRun, "a start on a busy channel")
    status = await _status(it)
    _claim(status.test_id == identity.test_id, f"the channel shows test {status.test_id}")
    _claim(status.state is ChannelState.WORKING, f"the test is {status.state.value}")


async def stops_for_good(it: Subject) -> None:
    """Check that after a stop the channel rests, no current is shown, and no record is added."""
    identity = await _started(it)
    await asyncio.sleep(30.0)
    await it.tester.stop(identity)
    status = await _status(it)
    _claim(status.state.is_at_rest, f"stopped, the channel is {status.state.value}")
    _claim(status.barcode == _BARCODE, f"stopped, the channel shows {status.barcode!r}")
    await asyncio.sleep(60.0)
    later = await _status(it)
    _claim(later.state.is_at_rest, f"a minute after its stop the channel is {later.state.value}")
    _claim(later.record_count == status.record_count, "records were added after the stop")


async def stops_what_is_over_without_a_word(it: Subject) -> None:
    """Check that a stop of a test that has ended is confirmed, and changes nothing."""
    identity = await _done(it)
    before = await it.tester.record_count(identity)
    await it.tester.stop(identity)
    _claim((await _status(it)).state.is_at_rest, "after a stop of a finished test the channel does not rest")
    _claim(await it.tester.record_count(identity) == before, "a stop of a finished test has changed its records")


async def leaves_somebody_elses_test_alone(it: Subject) -> None:
    """Check that a stop with another barcode is refused, and that the test continues."""
    identity = await _started(it)
    await _refuses(it.tester.stop(replace(identity, barcode="R000999")), NotConfirmed, "a stop of another's test")
    status = await _status(it)
    _claim(status.state is ChannelState.WORKING, f"somebody else's test is {status.state.value} now")


async def knows_a_test_by_its_number(it: Subject) -> None:
    """Check that each test has a number of its own, and one that was never made is gone."""
    first = await _done(it)
    second = await _started(it, "R000002")
    _claim(first.test_id != second.test_id, f"two tests have the number {first.test_id}")
    await _refuses(it.tester.record_count(replace(second, test_id=second.test_id + 1000)), TestGone, "an unknown test")


async def does_without_its_host_what_it_says(it: Subject) -> None:
    """Check that a link that is dropped and made again finds the test riding on, or stopped, as host_loss says."""
    identity = await _started(it)
    await it.tester.close()
    await it.tester.open()
    _claim(it.channel in it.tester.channels(), "after opening again the channel is gone")
    status = await _status(it)
    if it.tester.host_loss is HostLoss.RIDES_ON:
        _claim(status.test_id == identity.test_id, f"the channel shows test {status.test_id}")
        _claim(status.state is ChannelState.WORKING, f"it rides on, and is {status.state.value}")
    elif it.tester.host_loss is HostLoss.STOPS:
        _claim(status.state.is_at_rest, f"it stops without its host, and is {status.state.value}")


CASES: tuple[Case, ...] = (
    describes_itself,
    names_its_channels,
    says_what_it_cannot_run,
    runs_a_program_to_its_end,
    records_what_the_program_does,
    gives_the_same_records_in_any_blocks,
    logs_the_executed_steps,
    leaves_a_busy_channel_alone,
    stops_for_good,
    stops_what_is_over_without_a_word,
    leaves_somebody_elses_test_alone,
    knows_a_test_by_its_number,
    does_without_its_host_what_it_says,
)


def _claim(holds: bool, sentence: str) -> None:
    # Not an assert statement: it must hold under "python -O" too.
    if not holds:
        raise AssertionError(sentence)


async def _refuses(asked: Awaitable[object], error: type[DriverError], what: str) -> None:
    try:
        await asked
    except error:
        return
    except DriverError as err:
        raise AssertionError(f"{what} raises {type(err).__name__}, not {error.__name__}: {err}") from err
    raise AssertionError(f"{what} is not refused; it must raise {error.__name__}")


async def _status(it: Subject) -> ChannelStatus:
    return (await it.tester.status([it.channel]))[it.channel]


async def _started(it: Subject, barcode: str = _BARCODE) -> TestIdentity:
    return await it.tester.start(await it.tester.load(it.channel, it.segment, barcode), barcode)


async def _done(it: Subject) -> TestIdentity:
    identity = await _started(it)
    await _finished(it)
    return identity


async def _finished(it: Subject) -> ChannelStatus:
    """Wait for the end of a test, no longer than it can take."""
    most_s = planned_duration_s(it.program) + it.tester.records_every_s + 10 * it.tester.poll_period_s + 60.0
    deadline_s = asyncio.get_running_loop().time() + most_s
    while (status := await _status(it)).state is ChannelState.WORKING:
        _claim(asyncio.get_running_loop().time() < deadline_s, f"the test has not ended within {most_s:.0f} s")
        await asyncio.sleep(it.tester.poll_period_s)
    _claim(status.state is ChannelState.FINISHED, f"the test ended {status.state.value}: {status.detail}")
    return status


async def _records(it: Subject, identity: TestIdentity, block: int | None = None) -> list[Sample]:
    """Read all records, so many at a time."""
    count, samples = (await _status(it)).record_count, list[Sample]()
    while left := count - len(samples):
        asked = min(block or it.tester.traits.block_size, left)
        got = await it.tester.records(identity, samples[-1] if samples else None, asked)
        _claim(len(got) == asked, f"asked for {asked} records, {len(got)} came")
        samples += got
    _claim(bool(samples), "a finished test has records")
    return samples


def _set_current_a(it: Subject, sample: Sample) -> float | None:
    step = it.segment.steps[sample.step - 1]
    return step.current_a if isinstance(step, ConstantCurrent) else None
