"""Source meters keep the contract of every battery tester, each model, on good wires and on spoiled ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from drivers.errors import ConnectionFailed, NotConfirmed
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, Sample, TestIdentity
from drivers.smu import SmuModel, SmuSource
from drivers.smu.links import StreamLink
from drivers.sources import Drive, Held
from drivers.testing import CASES, Case, Subject, records_what_the_program_does, short_program
from protocols.program import VoltageBand
from simulators.faults import Fault, Spoil
from simulators.smu import Quirks
from simulators.smu.settings import ErrorFormat, ReadWhenOff, SecondClient
from tests.figures import Figure
from tests.smu_rig import CHANNEL, SmuRig, smu_rig

PROGRAM = short_program(1e-4, VoltageBand(-0.5, 0.5))
# As far apart as decisions may be: what is claimed here does not depend on it.
SELDOM = {"interval_s": 0.5}
OTHERS = [model for model in SmuModel if model is not SmuModel.KEITHLEY_2450]


@pytest.mark.parametrize(
    ("model", "case"),
    [(SmuModel.KEITHLEY_2450, case) for case in CASES] + [(it, records_what_the_program_does) for it in OTHERS],
)
async def test_source_meters_keep_the_contract(model: SmuModel, case: Case) -> None:
    """Every case of the contract holds, and what a program does is recorded by every model."""
    async with smu_rig(model, more=SELDOM).tester() as tester:
        await case(Subject(tester, CHANNEL, PROGRAM))


READING = ":OUTP?"
MENDED = [
    Fault(Spoil.BYTE_BY_BYTE, READING, times=None),
    Fault(Spoil.LATE, READING, seconds=0.2),
    Fault(Spoil.IN_HALVES, READING, seconds=0.2, at=9),
    Fault(Spoil.LATE, READING, seconds=5.0),
    Fault(Spoil.IN_HALVES, READING, seconds=5.0, at=9),
    Fault(Spoil.SILENT, READING),
    Fault(Spoil.HALF, READING, at=9),
    Fault(Spoil.CUT, READING, at=9),
    Fault(Spoil.CLOSED, READING),
    Fault(Spoil.GARBAGE_BEFORE, READING, filler=b"\xff\x00"),
    Fault(Spoil.GARBAGE_AFTER, READING, filler=b"\xff\x00\n"),
    Fault(Spoil.TWICE, READING),
    Fault(Spoil.STALE, READING),
    Fault(Spoil.ENDLESS, READING, filler=b"1" * 4096, limit_bytes=1 << 20),
    Fault(Spoil.REWRITTEN, READING, pattern=rb"1;.*", filler=b"-04,3.3121;1"),
]
"""Faults of one reply to a question for a reading, or of all."""


def names(fault: Fault) -> str:
    """Name a fault for the list of tests."""
    return f"{fault.spoil.value} {fault.seconds or ''}".strip()


@pytest.mark.parametrize("fault", MENDED, ids=names)
async def test_a_run_outlives_a_spoiled_reading(fault: Fault) -> None:
    """Faults A06, A10: one spoiled reply costs a connection at most; no reading is another's, the run goes on."""
    rig = smu_rig(more=SELDOM)
    async with rig.tester() as tester:
        identity = await started(tester, 33.0)
        rig.unit.wire.spoil(fault)
        status = await ended(tester)
        assert status.state is ChannelState.FINISHED
        samples = await tester.records(identity, None, status.record_count)
        assert all(abs(sample.voltage_v) < 0.1 for sample in samples)
        assert all(gap < 2.6 for gap in gaps(samples))
        assert rig.exposure.highest_a < 1.1e-4


LOST: dict[str, tuple[float, Callable[[SmuRig], object]]] = {
    "every reply lost": (1.3, lambda rig: rig.unit.wire.spoil(Fault(Spoil.SILENT, READING, times=None))),
    "every reply late": (1.3, lambda rig: rig.unit.wire.spoil(Fault(Spoil.LATE, READING, times=None, seconds=30.0))),
    "every reply cut": (1.3, lambda rig: rig.unit.wire.spoil(Fault(Spoil.CUT, READING, times=None, at=4))),
    "every reply garbled": (
        1.3,
        lambda rig: rig.unit.wire.spoil(Fault(Spoil.REWRITTEN, READING, times=None, pattern=b";")),
    ),
    "output pressed": (0.0, lambda rig: rig.unit.instrument.set_by_hand(":OUTP OFF")),
    "too hot": (0.0, lambda rig: rig.unit.instrument.overheat()),
    "power cut": (0.0, lambda rig: rig.unit.cut_power()),
    "limit changed by hand": (5.3, lambda rig: rig.unit.instrument.set_by_hand(":SOUR:CURR:VLIM 1.5")),
    "level changed by hand": (5.3, lambda rig: rig.unit.instrument.set_by_hand(":SOUR:CURR 9E-5")),
}
"""What a run does not outlive, with the seconds within which its output is off: a knob is looked for less often."""


@pytest.mark.parametrize("fault", LOST, ids=lambda it: it.replace(" ", "-"))
async def test_a_fault_that_stays_ends_with_the_output_off(fault: str, figure: Figure) -> None:
    """Fault A05: whatever is lost or changed, the output is off within its time, and the channel says why."""
    rig, loop = smu_rig(), asyncio.get_running_loop()
    within_s, befall = LOST[fault]
    async with rig.tester() as tester:
        await started(tester, 30.1)
        was_on = rig.output_on
        assert was_on
        befall(rig)
        loop.call_later(0.3, rig.unit.restore_power)
        begun_s = loop.time()
        for _ in range(1000):
            if not rig.output_on:
                break
            await asyncio.sleep(0.01)
        off_s = loop.time() - begun_s
        figure("A05", f"{fault}, until the output of a source meter is off", off_s, "s")
        assert off_s <= within_s
        status = await ended(tester)
        assert status.state is ChannelState.STOPPED
        assert status.detail
    assert not rig.output_on


async def test_an_instrument_that_is_not_heard_needs_a_person_and_is_tried_until_it_is() -> None:
    """With all replies lost the channel is unknown; the output goes off when the line comes back (fault A05)."""
    rig = smu_rig()
    async with rig.tester() as tester:
        await started(tester, 30.1)
        rig.unit.wire.spoil(Fault(Spoil.SILENT, times=None))
        status = await ended(tester)
        assert status.state is ChannelState.OTHER
        assert "take its leads off" in status.detail
        await asyncio.sleep(60.0)
        rig.unit.wire.mend()
        await asyncio.sleep(10.0)
        assert not rig.output_on


@pytest.mark.parametrize("has_dead_socket", [True, False])
async def test_a_port_that_holds_on_to_a_client_that_died_is_freed(*, has_dead_socket: bool) -> None:
    """Where the instrument refuses a second connection, its dead-socket port is visited, if the settings name one."""
    rig = smu_rig(quirks=Quirks(port_hangs_after_disconnect=True, second_client=SecondClient.REFUSED))

    async def visit() -> None:
        rig.unit.visit_dead_socket()

    link = StreamLink("memory", rig.connect, free=visit if has_dead_socket else None)
    source = SmuSource(rig.of_unit, link, 1.0)
    await source.open()
    await source.prepare(Drive(Held.CURRENT, 1e-4, 1.0, 1e-4), 0.25)
    await source.switch_on()
    rig.unit.wire.spoil(Fault(Spoil.SILENT, READING))
    if has_dead_socket:
        assert (await source.read()).output_on
        await source.switch_off()
        assert not rig.output_on
    else:
        with pytest.raises(ConnectionFailed):
            await source.read()
    await source.close()


@pytest.mark.parametrize("model", [SmuModel.KEITHLEY_2400, SmuModel.KEYSIGHT_B2901A])
async def test_other_mains_are_told_with_the_setting(model: SmuModel) -> None:
    """A unit at 60 Hz under a bench file of 50 is not switched on, and the error names ``line_frequency_hz``."""
    source = smu_rig(model, quirks=Quirks(line_frequency_hz=60.0)).source()
    await source.open()
    with pytest.raises(NotConfirmed, match="'60', ordered was 50 by the setting line_frequency_hz of the bench file"):
        await source.prepare(Drive(Held.CURRENT, 1e-4, 1.0, 1e-4), 0.25)
    await source.close()


QUIRKS = {
    "CRLF": Quirks(terminator=b"\r\n"),
    "blank after comma": Quirks(blank_after_comma_in_identity=True),
    "plain errors": Quirks(error_format=ErrorFormat.PLAIN),
    "errors with fields": Quirks(error_format=ErrorFormat.FIELDS),
    "signed errors": Quirks(error_format=ErrorFormat.SIGNED),
    "current sensed first": Quirks(sense_func_current_first=True),
    "blank in readings": Quirks(comma_and_space=True),
    "status as integer": Quirks(status_as_integer=True),
    "limit keeps its value": Quirks(limit_follows_source_range=False),
    "output stays at a change of function": Quirks(function_change_turns_output_off=False),
    "auto-clear after a reset": Quirks(reset_auto_clear=True),
    "one client": Quirks(second_client=SecondClient.REFUSED),
    "replies in pieces": Quirks(split_replies=True),
    "off at disconnect": Quirks(output_stays_on_disconnect=False),
    "number when off": Quirks(read_when_off=ReadWhenOff.NUMBER),
}
"""The points that the reference leaves open, each another way than usual (section 28)."""


@pytest.mark.parametrize("model", [SmuModel.KEITHLEY_2400, SmuModel.KEITHLEY_2450, SmuModel.KEYSIGHT_B2901A])
@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda it: it.replace(" ", "-"))
async def test_what_nobody_is_sure_of_does_not_matter(model: SmuModel, quirk: str) -> None:
    """However a unit differs there, both functions are prepared, driven and read with the right values and signs."""
    rig = smu_rig(model, quirks=QUIRKS[quirk])
    source = rig.source()
    await source.open()
    for drive in (Drive(Held.CURRENT, 1e-4, 1.0, 1e-4), Drive(Held.VOLTAGE, 0.05, 1e-4, 0.05)):
        await source.prepare(drive, 0.25)
        await source.switch_on()
        for sign in (1, -1):
            await source.adjust(replace(drive, level=sign * drive.level))
            await asyncio.sleep(0.1)
            reading = await source.read()
            assert reading.current_a == pytest.approx(sign * 1e-4, rel=0.02)
            assert reading.at_limit is (drive.held is Held.VOLTAGE)
            assert reading.output_on
        await source.switch_off()
        assert not (await source.read()).output_on
    await source.close()
    assert rig.connections == 1
    assert rig.exposure.spikes == 0


async def started(tester: BatteryTester, for_s: float) -> TestIdentity:
    """Start the program, and let it work for so long."""
    identity = await tester.start(await tester.load(CHANNEL, PROGRAM.cycling[0], "R000001"), "R000001")
    await asyncio.sleep(for_s)
    return identity


async def ended(tester: BatteryTester) -> ChannelStatus:
    """Wait for the end of the test on the channel."""
    while True:
        status = (await tester.status([CHANNEL]))[CHANNEL]
        if status.state is not ChannelState.WORKING:
            return status
        await asyncio.sleep(1.0)


def gaps(samples: Sequence[Sample]) -> list[float]:
    """Return the times between records."""
    return [after.time_s - before.time_s for before, after in pairwise(samples)]
