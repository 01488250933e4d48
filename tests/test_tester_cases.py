"""The cases of ``drivers.testing``: every tester of ours passes them, and each fails on one that breaks it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from drivers.interfaces import (
    BatteryTesterTraits,
    ChannelState,
    ChannelStatus,
    HostLoss,
    LoadedProgram,
    Sample,
    TestIdentity,
)
from drivers.testing import CASES, Case, Subject, short_program
from orchestrator.clock.virtual import run_virtual, wall_time
from protocols.program import CyclingSegment, Program, VoltageBand
from tests.cycler_rig import CHI, open_cycler_rig
from tests.rig import CHANNEL, open_rig
from tests.stepped_rig import SOURCE, open_stepped_rig
from tests.toy_tester import ToySettings, ToyTester

PROGRAM = short_program(157.08e-6, VoltageBand(-0.5, 0.5))


@asynccontextmanager
async def neware() -> AsyncIterator[Subject]:
    """Give the CT-4008 over memory."""
    async with open_rig(poll_period_s=5.0) as rig:
        yield Subject(rig.tester, CHANNEL, PROGRAM)


@asynccontextmanager
async def chi() -> AsyncIterator[Subject]:
    """Give the CHI660E as a channel of its own."""
    async with open_cycler_rig() as rig:
        yield Subject(rig.cycler, CHI, PROGRAM)


@asynccontextmanager
async def stepped() -> AsyncIterator[Subject]:
    """Give a source in memory whose steps this computer carries out."""
    async with open_stepped_rig() as rig:
        yield Subject(rig.tester, SOURCE, PROGRAM)


@asynccontextmanager
async def toy(make: Callable[..., ToyTester] = ToyTester) -> AsyncIterator[Subject]:
    """Give the toy, or one that is spoiled."""
    tester = make(ToySettings(cells={"left": "coated-li-li", "A1": "bare-li-li"}), wall_time)
    await tester.open()
    try:
        yield Subject(tester, "left", PROGRAM)
    finally:
        await tester.close()


def run(case: Case, opened: AbstractAsyncContextManager[Subject]) -> None:
    """Run a case in virtual time."""

    async def main() -> None:
        async with opened as subject:
            await case(subject)

    run_virtual(main())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("tester", [neware, chi, stepped, toy])
def test_tester_keeps_the_contract(tester: Callable[[], AbstractAsyncContextManager[Subject]], case: Case) -> None:
    """What the orchestrator stands on holds for every kind of tester."""
    run(case, tester())


class Nameless(ToyTester):
    """Says nothing of its limits."""

    traits = BatteryTesterTraits(limits_read_back=False)


class Twins(ToyTester):
    """Has two channels of one name."""

    def channels(self) -> tuple[str, ...]:
        """Give them."""
        return ("left", "Left")

    def envelope(self, channel: str) -> Any:  # noqa: ANN401 - whatever the toy gives
        """Give the same for both."""
        return super().envelope(channel.lower())


class Willing(ToyTester):
    """Thinks that it can run anything."""

    def problems(self, channel: str, program: Program) -> list[str]:
        """Find none."""
        return []


class Silent(ToyTester):
    """Describes no program."""

    async def load(self, channel: str, segment: CyclingSegment, label: str) -> LoadedProgram:
        """Load without a word."""
        return replace(await super().load(channel, segment, label), description="")


class Reversed(ToyTester):
    """Has its currents the wrong way round."""

    async def records(self, identity: TestIdentity, last: Sample | None, count: int) -> list[Sample]:
        """Turn every sign."""
        return [s._replace(current_a=-s.current_a) for s in await super().records(identity, last, count)]


class Forgetful(ToyTester):
    """Gives other values each time."""

    async def records(self, identity: TestIdentity, last: Sample | None, count: int) -> list[Sample]:
        """Let the voltage depend on how many are asked for."""
        return [s._replace(voltage_v=s.voltage_v + count) for s in await super().records(identity, last, count)]


class Unlogged(ToyTester):
    """Leaves a step out of its log."""

    async def step_log(self, identity: TestIdentity) -> Any:  # noqa: ANN401 - whatever the toy gives
        """Leave out the first."""
        return (await super().step_log(identity))[1:]


class Eager(ToyTester):
    """Starts on a busy channel, and thinks nothing of it."""

    async def start(self, program: LoadedProgram, barcode: str) -> TestIdentity:
        """Stop what works there."""
        for channel in self._channels.values():
            for test in channel.tests:
                await super().stop(test.identity)
        return await super().start(program, barcode)


class Deaf(ToyTester):
    """Stops nothing."""

    async def stop(self, identity: TestIdentity) -> None:
        """Say that it did."""


class Rude(ToyTester):
    """Stops whatever works."""

    async def stop(self, identity: TestIdentity) -> None:
        """Stop it, whoever asks."""
        for test in self._channel(identity.channel).tests:
            await super().stop(test.identity)


class Sulky(ToyTester):
    """Loses its memory when a finished test is stopped."""

    async def stop(self, identity: TestIdentity) -> None:
        """Forget the last record."""
        await super().stop(identity)
        self._test(identity).samples.pop()


class Omniscient(ToyTester):
    """Knows tests that there never were."""

    async def record_count(self, identity: TestIdentity) -> int:
        """Count something."""
        return 7


class Boastful(ToyTester):
    """Says that its tests ride on, which they do not."""

    host_loss: Any = HostLoss.RIDES_ON


class Blind(ToyTester):
    """Never sees the end of a test."""

    async def status(self, channels: Any) -> dict[str, ChannelStatus]:  # noqa: ANN401 - whatever is asked
        """Show every channel as working."""
        return {n: replace(s, state=ChannelState.WORKING) for n, s in (await super().status(channels)).items()}


SPOILED: list[tuple[str, type[ToyTester]]] = [
    ("describes_itself", Nameless),
    ("names_its_channels", Twins),
    ("says_what_it_cannot_run", Willing),
    ("runs_a_program_to_its_end", Silent),
    ("runs_a_program_to_its_end", Blind),
    ("records_what_the_program_does", Reversed),
    ("gives_the_same_records_in_any_blocks", Forgetful),
    ("logs_the_executed_steps", Unlogged),
    ("leaves_a_busy_channel_alone", Eager),
    ("stops_for_good", Deaf),
    ("stops_what_is_over_without_a_word", Sulky),
    ("leaves_somebody_elses_test_alone", Rude),
    ("knows_a_test_by_its_number", Omniscient),
    ("does_without_its_host_what_it_says", Boastful),
]


@pytest.mark.parametrize(("name", "spoiled"), SPOILED, ids=lambda it: getattr(it, "__name__", ""))
def test_case_finds_the_tester_that_breaks_it(name: str, spoiled: type[ToyTester]) -> None:
    """A case that nothing can fail claims nothing."""
    (case,) = (case for case in CASES if case.__name__ == name)
    with pytest.raises(AssertionError):
        run(case, toy(spoiled))


def test_every_case_is_broken_by_a_tester() -> None:
    """A new case comes with a tester that fails it."""
    assert {name for name, _ in SPOILED} == {case.__name__ for case in CASES}
