"""What every ``BatteryTester`` must do, over memory and over TCP, on good wires and on spoiled ones."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import CannotRun, ConnectionFailed, NotConfirmed, OutcomeUnknown, Refused, SettingsError
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, Sample, TestIdentity
from simulators.faults import Fault, Spoil
from simulators.neware.commands import WRITES
from simulators.neware.settings import Quirks, Trouble
from tests.figures import Figure
from tests.rig import CHANNEL, Rig, same_rows, short_segment, started

TRANSPORTS = ("memory", "tcp")
READS = ("inquire", "inquiredf", "download", "downloadStepLayer", "downloadlog", "getdevinfo")
MENDABLE = [
    Fault(Spoil.BYTE_BY_BYTE),
    Fault(Spoil.LATE, seconds=20.0),
    Fault(Spoil.LATE, seconds=45.0),
    Fault(Spoil.CUT, at=60),
    Fault(Spoil.CUT, at=-3),
    Fault(Spoil.CLOSED),
    Fault(Spoil.SILENT),
    Fault(Spoil.GARBAGE_BEFORE),
    Fault(Spoil.GARBAGE_AFTER),
    Fault(Spoil.ENDLESS, filler=b"<bts>" + b"x" * 65536, limit_bytes=1 << 24),
    Fault(Spoil.TWICE),
    Fault(Spoil.STALE),
    Fault(Spoil.WITH_NEXT),
    Fault(Spoil.FLIPPED, at=45),
]


def names(fault: Fault) -> str:
    """Name a fault for the list of tests."""
    return f"{fault.spoil.value} {fault.seconds or fault.at or ''}".strip().replace(" ", "-")


async def status_of(rig: Rig, channel: str = CHANNEL) -> ChannelStatus:
    """Ask for one channel."""
    return (await rig.tester.status([channel]))[channel]


async def all_records(rig: Rig, identity: TestIdentity, block: int = 1000) -> list[Sample]:
    """Fetch every record in blocks."""
    count = (await status_of(rig)).record_count
    samples: list[Sample] = []
    while left := count - len(samples):
        last = samples[-1] if samples else None
        samples += await rig.tester.records(identity, last, min(block, left))
    return samples


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_whole_test_comes_back_row_for_row(rig: Rig) -> None:
    """Load, start, wait, read: samples, steps and log are the tester's own."""
    assert isinstance(rig.tester, BatteryTester)
    assert rig.tester.channels() == tuple(f"21-1-{n}" for n in range(1, 9))
    identity = await started(rig)
    assert (await status_of(rig)).state is ChannelState.WORKING
    await asyncio.sleep(120)
    status = await status_of(rig)
    assert (status.state, status.complete, status.barcode) == (ChannelState.FINISHED, True, "R000001")
    samples = await all_records(rig, identity, block=7)
    same_rows(rig.bench, samples, identity.test_id)
    steps = await rig.tester.step_log(identity)
    assert [(s.step, s.duration_s) for s in steps] == [(1, 20.0), (2, 30.0), (3, 30.0)]
    assert steps[-1].last_sequence == samples[-1].sequence
    assert len(await rig.tester.event_log(identity)) > 3


@pytest.mark.parametrize("fault", MENDABLE, ids=names)
@pytest.mark.parametrize("command", READS)
async def test_a_spoiled_reply_to_a_read_changes_nothing(rig: Rig, fault: Fault, command: str) -> None:
    """Whatever happens to one reply of a read, the same values come in the end."""
    identity = await started(rig)
    await asyncio.sleep(300)
    rig.bench.wire.spoil(Fault(fault.spoil, command, 1, fault.seconds, fault.at, fault.filler, fault.limit_bytes))
    await rig.tester.open()
    samples = await all_records(rig, identity)
    steps = await rig.tester.step_log(identity)
    await rig.tester.event_log(identity)
    assert [spoiled for spoiled, _ in rig.bench.wire.spoiled] == [command]
    same_rows(rig.bench, samples, identity.test_id)
    assert len(steps) == 3


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("spoil", [Spoil.SILENT, Spoil.CLOSED, Spoil.CUT, Spoil.ENDLESS])
async def test_a_link_that_stays_bad_is_an_error_in_bounded_time(rig: Rig, spoil: Spoil, figure: Figure) -> None:
    """Two attempts of one deadline each, then ConnectionFailed; then the driver works again (A03-A05, A10)."""
    loop = asyncio.get_running_loop()
    rig.bench.wire.spoil(Fault(spoil, None, None, at=30, limit_bytes=1 << 24))
    begun = loop.time()
    with pytest.raises(ConnectionFailed):
        await rig.tester.status([CHANNEL])
    assert loop.time() - begun <= 65
    if spoil is Spoil.SILENT:
        figure("A03", "time until the error", loop.time() - begun, "s")
    rig.bench.wire.mend()
    assert (await status_of(rig)).state is ChannelState.FINISHED


@pytest.mark.parametrize("spoil", [Spoil.SILENT, Spoil.CLOSED, Spoil.CUT, Spoil.FLIPPED])
async def test_start_whose_reply_is_lost_is_found_and_never_sent_again(rig: Rig, spoil: Spoil) -> None:
    """The tester is asked by barcode and test id what happened (faults A12)."""
    rig.bench.wire.spoil(Fault(spoil, "start", at=45))
    identity = await started(rig)
    assert len(rig.bench.tester.channels[CHANNEL].tests) == 1
    await asyncio.sleep(120)
    same_rows(rig.bench, await all_records(rig, identity), identity.test_id)


async def test_start_that_never_arrived_is_an_unknown_outcome(rig: Rig) -> None:
    """Without a sign of our program the caller is told so; nothing is sent twice."""
    loaded = await rig.tester.load(CHANNEL, short_segment(), "R000001")
    rig.bench.wire.refuse_connections()
    rig.bench.wire.spoil(Fault(Spoil.CLOSED, None, None))
    with pytest.raises(ConnectionFailed):
        await rig.tester.start(loaded, "R000001")
    assert rig.bench.tester.channels[CHANNEL].tests == []


async def test_lost_reply_and_no_program_on_the_channel_is_an_unknown_outcome(rig: Rig) -> None:
    """The file vanished, BTS says false, and that answer is lost: the driver cannot tell and says so."""
    loaded = await rig.tester.load(CHANNEL, short_segment(), "R000001")
    await asyncio.to_thread(Path(loaded.location).unlink)
    rig.bench.wire.spoil(Fault(Spoil.SILENT, "start"))
    with pytest.raises(OutcomeUnknown, match="R000001"):
        await rig.tester.start(loaded, "R000001")


async def test_refused_start_says_where_to_look(rig: Rig) -> None:
    """BTS gives no reason; its own log has it."""
    loaded = await rig.tester.load(CHANNEL, short_segment(), "R000001")
    await asyncio.to_thread(Path(loaded.location).write_bytes, b"<root>")
    with pytest.raises(Refused, match="client log"):
        await rig.tester.start(loaded, "R000001")


async def test_busy_channel_is_not_started(rig: Rig) -> None:
    """A channel that works is refused before anything is sent."""
    await started(rig)
    loaded = await rig.tester.load(CHANNEL, short_segment(), "R000002")
    with pytest.raises(CannotRun, match="R000001"):
        await rig.tester.start(loaded, "R000002")
    assert len(rig.bench.tester.channels[CHANNEL].tests) == 1


@pytest.mark.parametrize("stop", ["obey", "refuse", "ignore"])
@pytest.mark.parametrize("spoil", [None, Spoil.SILENT, Spoil.CLOSED])
async def test_stop_climbs_its_ladder_until_the_channel_is_quiet(
    rig: Rig, stop: str, spoil: Spoil | None, figure: Figure
) -> None:
    """A stop that is refused, ignored or unanswered goes on by other means (faults B07)."""
    identity = await started(rig, rest_s=3600.0)
    rig.bench.tester.make_trouble(CHANNEL, Trouble(stop=stop))
    if spoil is not None:
        rig.bench.wire.spoil(Fault(spoil, "stop"))
    begun_s = asyncio.get_running_loop().time()
    await rig.tester.stop(identity)
    if (stop, spoil) == ("ignore", Spoil.SILENT):
        figure("B07", "time to the confirmed stop", asyncio.get_running_loop().time() - begun_s, "s")
    status = await status_of(rig)
    assert status.state in {ChannelState.STOPPED, ChannelState.FINISHED}
    same_rows(rig.bench, await all_records(rig, identity), identity.test_id)
    assert rig.bench.tester.records(CHANNEL, identity.test_id)[-1].step_time_ms < 300_000


async def test_stop_of_a_finished_test_is_sent_once(rig: Rig) -> None:
    """A wrong status must not keep a cell under current: one plain stop leaves, and none of the other rungs."""
    identity = await started(rig)
    await asyncio.sleep(120)
    rig.bench.wire.spoil(Fault(Spoil.LATE, None, None))  # late by nothing: the wire lists each command it answers
    await rig.tester.stop(identity)
    asked = [command for command, _ in rig.bench.wire.spoiled]
    assert "inquire" in asked
    assert [command for command in asked if command in WRITES] == ["stop"]
    assert (await status_of(rig)).state is ChannelState.FINISHED


@pytest.mark.parametrize("end_step", [4, None])
async def test_stop_goes_to_the_end_step_only_where_its_number_is_known(rig: Rig, end_step: int | None) -> None:
    """Without it that rung is passed and nothing of it is sent; the next one helps."""
    identity = await started(rig, rest_s=3600.0)
    rig.bench.tester.make_trouble(CHANNEL, Trouble(stop="refuse"))
    rig.bench.wire.spoil(Fault(Spoil.TWICE, "goto"))
    await rig.tester.stop(replace(identity, end_step=end_step))
    assert (await status_of(rig)).state in {ChannelState.STOPPED, ChannelState.FINISHED}
    assert [command for command, _ in rig.bench.wire.spoiled] == (["goto"] if end_step else [])


async def test_stop_leaves_somebody_elses_test_alone(rig: Rig) -> None:
    """A channel that shows another barcode is not ours to stop."""
    identity = await started(rig)
    other = TestIdentity(CHANNEL, identity.test_id, "R000999", identity.end_step)
    with pytest.raises(NotConfirmed, match="R000999"):
        await rig.tester.stop(other)
    assert (await status_of(rig)).state is ChannelState.WORKING


async def test_channel_that_does_not_exist_is_named(rig: Rig) -> None:
    """The error lists the channels that there are."""
    with pytest.raises(SettingsError, match="21-1-1, 21-1-2"):
        await rig.tester.status(["21-1-9"])


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(terminator=b"\r\n#\r\n"),
        Quirks(terminator=b"#\r\n"),
        Quirks(misspelled_download=False),
        Quirks(wrong_subdevid=True),
        Quirks(inquire_counts_one=True),
        Quirks(writes_need_login=True),
        Quirks(split_replies=True),
        Quirks(reply_delay_s=25.0),
        Quirks(client_version="BTS Client 2025.11.24(R3) (64)"),
    ],
    ids=repr,
)
async def test_every_known_quirk_of_bts_is_taken(rig: Rig) -> None:
    """Versions that differ on the wire give the same samples."""
    identity = await started(rig)
    await asyncio.sleep(120)
    same_rows(rig.bench, await all_records(rig, identity), identity.test_id)


@pytest.mark.rig(quirks=Quirks(renamed={"curr": "current"}))
async def test_renamed_attribute_is_an_error_and_no_silent_null(rig: Rig) -> None:
    """An update of the vendor's software that changes a name is noticed (faults B11)."""
    identity = await started(rig)
    await asyncio.sleep(120)
    with pytest.raises(ConnectionFailed, match=r"cannot be read \(21-1-3, 'curr'\)"):
        await all_records(rig, identity)


async def test_cancelled_request_does_not_leave_its_reply_to_the_next(rig: Rig) -> None:
    """A question given up in the middle cannot answer a later one."""
    rig.bench.wire.spoil(Fault(Spoil.LATE, "inquire", seconds=5.0))
    asking = asyncio.ensure_future(rig.tester.status(["21-1-5"]))
    await asyncio.sleep(1)
    asking.cancel()
    await asyncio.wait({asking})
    assert (await status_of(rig)).channel == CHANNEL
