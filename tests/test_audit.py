"""The audit beside the vendor's own program: planted faults are found, healthy cells are not, and it only reads."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest

from benchmarks.audit import MODELS, is_found
from benchmarks.audit.plants import PLANTED, Planted
from benchmarks.audit.rack import LFP, LI_CU, LI_LI, open_vendor_rack
from drivers.neware import wire
from drivers.neware.reader import READING, NewareReader, WritingRefused
from drivers.neware.settings import NewareSettings
from orchestrator.audit.kinds import AuditKind
from simulators.faults import Fault, Spoil
from simulators.neware.commands import WRITES
from simulators.neware.vendor_tests import start_everywhere

ADDRESS = wire.Address("127.0.0.1", 27, 21, 1, 1)
WRITING = (
    wire.start(ADDRESS, "C:/x.xml", "cell_1", wire.Backup("")),
    wire.stop(ADDRESS),
    wire.resume(ADDRESS),
    wire.goto(ADDRESS, 2),
    wire.reset(ADDRESS, "C:/x.xml"),
    wire.light(ADDRESS, True),
    wire.clearflag(ADDRESS),
    wire.broadcaststop("127.0.0.1", 27, 21),
    # A stop in the clothes of a question, and behind one.
    wire.Request(wire.COMMANDS["inquire"], wire.stop(ADDRESS).data),
    wire.Request(wire.COMMANDS["inquire"], wire.inquire([ADDRESS]).data + wire.stop(ADDRESS).data),
)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
async def test_planted_fault_is_found_and_called_by_its_name(planted: Planted) -> None:
    """Each fault is found by what the API tells, as its kind, and nothing is found that is not its consequence."""
    assert await is_found(planted)


async def test_healthy_cells_of_every_kind_are_found_nothing() -> None:
    """Cells of every kind are followed for hours, and nothing is found; counters and integrals agree."""
    async with open_vendor_rack(MODELS) as rack:
        for channel in rack.models:
            rack.start(channel)
        assert await rack.follow(6, 900) == []
        sums = [summary.sums for summary in rack.audit.summaries()]
    assert [round(one.time_s / 3600) for one in sums] == [6] * len(MODELS)
    assert all(abs(one.counted_ah / one.integral_ah - 1) < 0.005 for one in sums)


async def test_rack_to_try_an_audit_on_has_the_faults_that_it_says() -> None:
    """``cellrig simulate ct4008 --vendor --faults`` starts every test that can run, four of them with a fault."""
    async with open_vendor_rack((LI_LI,) * 4 + (LFP,) * 2) as rack:
        assert start_everywhere(rack.tester, rack.folder, with_faults=True) == list(rack.tester.channels)
        found = {(one.channel, one.seen.kind) for one in await rack.follow(5, 900)}
    assert found == {
        ("21-1-2", AuditKind.CHARGE_COUNTER),
        ("21-1-3", AuditKind.RECORDS_MISSING),
        ("21-1-4", AuditKind.LIMIT_MISSING),
        ("21-1-6", AuditKind.TIME_JUMP),
    }


async def test_audit_sends_only_reading_commands() -> None:
    """The simulated tester receives nothing that writes, whatever happens in the rack."""
    async with open_vendor_rack((LI_LI, LI_CU)) as rack:
        for channel in rack.models:
            rack.start(channel)
        acting = asyncio.create_task(rack.follow(3, 300))
        await asyncio.sleep(3600)
        rack.tester.protect("21-1-1")
        rack.vendor.pause("21-1-2")
        await acting
        received = set(rack.bench.bts.received)
    assert received == READING
    assert not received & WRITES


@pytest.mark.parametrize("request_", WRITING, ids=lambda one: one.command.name)
async def test_reader_refuses_what_writes_before_anything_is_sent(request_: wire.Request) -> None:
    """No command that changes something passes the reader's only way to the wire, not even disguised."""

    async def connect() -> NoReturn:
        raise AssertionError("a connection was opened")

    settings = NewareSettings.model_validate(
        {"step_files": "x", "step_files_on_bts_pc": "x", "units": [{"devid": 21, "subdevid": 1}]}
    )
    with pytest.raises(WritingRefused):
        await NewareReader(settings, connect)._ask(request_)  # noqa: SLF001 - the only way to the wire is tried


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Spoil.REWRITTEN, "inquiredf", pattern=rb' count="\d\d+"', filler=b' count="9"'),
        Fault(Spoil.REWRITTEN, "inquiredf", pattern=rb'testid="1"', filler=b'testid="7"'),
        Fault(Spoil.REWRITTEN, "inquire", pattern=rb'barcode="cell_1"', filler=b'barcode="cell_2"'),
        Fault(Spoil.REWRITTEN, "download", pattern=rb'startpos="\d+"', filler=b'startpos="1"'),
        Fault(Spoil.STALE, "inquiredf", 2),
        Fault(Spoil.SILENT, "download", 3),
        Fault(Spoil.CUT, None, 5, at=60),
        Fault(Spoil.GARBAGE_BEFORE, None, 5),
    ],
    ids=lambda fault: f"{fault.spoil.value} {fault.command}",
)
async def test_spoiled_wire_is_no_finding(fault: Fault) -> None:
    """Replies that are lost, cut, or come again are asked for anew: none makes a finding, and no record is left out."""
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1")
        acting = asyncio.create_task(rack.follow(4, 300))
        await asyncio.sleep(4000)
        rack.bench.wire.spoil(fault)
        assert await acting == []
        (summary,) = rack.audit.summaries()
    assert rack.bench.wire.spoiled
    assert summary.sums.records > 230


async def test_tester_that_is_away_for_an_hour_is_asked_again() -> None:
    """A BTS Client that is restarted is told as trouble, and what was recorded meanwhile is read behind it."""
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1")
        acting = asyncio.create_task(rack.follow(4, 300))
        await asyncio.sleep(4000)
        rack.bench.wire.spoil(Fault(Spoil.CLOSED, None, 20))
        rack.bench.wire.refuse_connections()
        await asyncio.sleep(3600)
        rack.bench.wire.mend()
        assert await acting == []
        (summary,) = rack.audit.summaries()
    assert any(look.trouble for look in rack.looks)
    assert summary.sums.records > 230
