"""Before a run: the versions that an instrument tells, and the folder from which it reads its programs."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from drivers.neware import wire
from drivers.neware.versions import versions
from orchestrator.bench.opening import closed_tester_of
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.bench.settings import load_bench
from orchestrator.checks import Check, CheckName, Outcome, passed, warned
from orchestrator.clock.virtual import run_virtual
from orchestrator.preflight.instrument_checks import folder_check, versions_check
from orchestrator.rack.slow_checks import SlowChecks
from orchestrator.store.disk_space import FLOOR_BYTES
from simulators.neware.settings import Quirks
from tests.bench_files import bench_file
from tests.cycler_rig import CyclerRig
from tests.rig import CHANNEL, Rig, open_rig

# As a client of 2025 tells it (reference neware-ct4008, section 4.1), with its machines in another order.
NEW = """<bts><cmd>getdevinfo_resp</cmd><client version="BTS Client 2025.11.24(R3) (64)"/>
<serverip count="1"><server ip="127.0.0.1" port="3306" version="BTSServer(R3)-8.0.0.390" devCount="2">
<dev ip="10.0.0.2" devid="22" zwjVersion="4S_8.0.5.14" xwjCount="1"><xwj id="1" xwjVersion="XWJ_2" xwjGuid="b"/></dev>
<dev ip="10.0.0.1" devid="21" zwjVersion="4S_8.0.5.13" xwjCount="2"><xwj id="1" xwjVersion="XWJ_1" xwjGuid="a"/>
<xwj id="2" xwjVersion="XWJ_1" xwjGuid="c"/></dev></server></serverip>
<middle count="1"><channel ip="127.0.0.1" devtype="27" devid="21" subdevid="1" Channelid="1">true</channel></middle>
</bts>"""


def told(reply: str) -> str:
    """Give the versions in a reply to getdevinfo."""
    return versions(wire.parse(reply.encode())[1])


def test_versions_are_one_line_that_no_order_of_machines_changes() -> None:
    """Generation, client, server, machines and units; a reply without them gives nothing, a wild one few letters."""
    assert told(NEW) == (
        "devtype 27; BTS Client 2025.11.24(R3) (64); server BTSServer(R3)-8.0.0.390; "
        "middle machine 21: 4S_8.0.5.13 with XWJ_1; middle machine 22: 4S_8.0.5.14 with XWJ_2"
    )
    assert told("<bts><cmd>getdevinfo_resp</cmd><middle/></bts>") == ""
    wild = f'<bts><cmd>getdevinfo_resp</cmd><client version="a&#10;b&#9;{"c" * 5000}"/></bts>'
    assert told(wild) == f"a b {'c' * 196}"


async def test_instrument_is_compared_with_what_was_commissioned() -> None:
    """Not commissioned: the line to write is told, and read back it passes; another client of the vendor's warns."""
    async with open_rig(quirks=Quirks(client_version="BTS Client 8.0.0.478")) as rig:
        unknown = versions_check(rig.tester, PreflightSettings())
        assert (unknown.outcome, "devtype 27; BTS Client 8.0.0.478" in unknown.sentence) == (Outcome.NOT_ASKED, True)
        table = unknown.to_do.partition("[preflight] ")[2].removesuffix(" into it")
        settings = PreflightSettings.model_validate(tomllib.loads(table))
        assert versions_check(rig.tester, settings).outcome is Outcome.PASS
    async with open_rig(quirks=Quirks(client_version="BTS Client 8.0.1.492")) as rig:
        changed = versions_check(rig.tester, settings)
    assert (changed.outcome, "'devtype 27; BTS Client 8.0.0.478' was commissioned" in changed.sentence) == (
        Outcome.WARN,
        True,
    )


async def test_instrument_without_versions_is_not_asked(cycler_rig: CyclerRig, tmp_path: Path) -> None:
    """The potentiostat's program shows none; a CT-4008 that is not connected has told none yet."""
    assert "tells no versions" in versions_check(cycler_rig.cycler, PreflightSettings()).sentence
    closed = closed_tester_of(load_bench(bench_file(tmp_path)), CHANNEL)
    assert "when it is connected" in versions_check(closed, PreflightSettings()).sentence


def test_versions_of_an_instrument_that_is_not_there_are_refused(tmp_path: Path) -> None:
    """A misspelt name would never be compared."""
    with pytest.raises(SettingsError, match=r"preflight\.versions: there is no instrument 'ct4009' here"):
        load_bench(bench_file(tmp_path, '[preflight]\nversions = {ct4009 = "devtype 27"}\n'))


async def test_folder_of_step_files_is_tried(rig: Rig) -> None:
    """Nothing is left behind; the room on its disk is judged to the byte, and a disk that cannot be asked fails."""
    before = set(rig.tester.folder.iterdir())

    def away(_: Path) -> int:
        raise OSError(112, "Host is down")

    assert folder_check(rig.tester, lambda _: FLOOR_BYTES).outcome is Outcome.PASS
    full = folder_check(rig.tester, lambda _: FLOOR_BYTES - 1)
    assert (full.is_failed, "free space on that disk" in full.to_do) == (True, True)
    assert "Host is down" in folder_check(rig.tester, away).sentence
    assert set(rig.tester.folder.iterdir()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder in which not even root writes")
async def test_folder_that_is_missing_or_read_only_fails(cycler_rig: CyclerRig, tmp_path: Path) -> None:
    """A share that is not connected, and one that takes nothing; one that is made may be missing."""
    bench = load_bench(bench_file(tmp_path))
    for folder, words in ((tmp_path / "share", "is no folder"), (Path("/proc"), "nothing can be written into /proc")):
        settings = bench.tester[0].model_copy(update={"step_files": folder})
        check = folder_check(closed_tester_of(bench.model_copy(update={"tester": (settings,)}), CHANNEL))
        assert (check.is_failed, words in check.sentence) == (True, True)
        assert "its share connected" in check.to_do
    assert folder_check(cycler_rig.cycler).outcome is Outcome.PASS


def test_share_that_hangs_holds_one_thread_and_is_told_as_late() -> None:
    """In real time, as threads are: asked twice it is one question, and its answer is told once it is there."""
    goes_on, asked = threading.Event(), []

    def hangs() -> Check:
        asked.append(1)
        goes_on.wait(10)
        return passed(CheckName.FOLDER, "there")

    def late(within_s: float) -> Check:
        return Check(CheckName.FOLDER, Outcome.FAIL, f"late by {within_s:g}")

    async def twice() -> list[Check]:
        checks = SlowChecks()
        told = [*await checks.make({"share": (hangs, late)}, 0.01), *await checks.make({"share": (hangs, late)}, 0.01)]
        goes_on.set()
        return told + await checks.make({"share": (hangs, late)}, 10)

    assert [check.sentence for check in asyncio.run(twice())] == ["late by 0.01", "late by 0.01", "there"]
    assert len(asked) == 1


def test_quick_check_is_never_late_in_a_loop_that_runs_fast() -> None:
    """In a loop of a thousand times the speed, real milliseconds of a thread are many of its seconds."""

    class FastLoop(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return 1500.0 * super().time()

    def slowly() -> Check:
        time.sleep(0.05)
        return passed(CheckName.FOLDER, "there")

    asked = {"share": (slowly, lambda _: warned(CheckName.FOLDER, "late"))}
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        assert [check.sentence for check in runner.run(SlowChecks().make(asked, 20.0))] == ["there"]


def test_stop_does_not_wait_for_a_share_that_hangs() -> None:
    """A run that is called off gets no more checks than are made."""
    goes_on = threading.Event()

    def hangs() -> Check:
        goes_on.wait(10)
        return passed(CheckName.FOLDER, "there")

    async def called_off() -> list[Check]:
        asked = {"share": (hangs, lambda _: warned(CheckName.FOLDER, "late"))}
        try:
            return await SlowChecks().make(asked, 20.0, lambda: True)
        finally:
            goes_on.set()

    assert asyncio.run(called_off()) == []


def test_service_ends_and_loads_programs_while_shares_hang() -> None:
    """As many shares as a pool has threads would keep its other work waiting, and the end of the loop for as long."""
    goes_on = threading.Event()

    def hangs() -> Check:
        goes_on.wait(30)
        return passed(CheckName.FOLDER, "there")

    async def hung() -> str:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        asked = {f"share {number}": (hangs, lambda _: warned(CheckName.FOLDER, "late")) for number in range(3)}
        await SlowChecks().make(asked, 0.01)
        return await asyncio.wait_for(asyncio.to_thread(lambda: "loaded"), 10)

    assert asyncio.run(hung()) == "loaded"
    assert not goes_on.is_set()
    goes_on.set()


def test_quick_checks_take_no_virtual_time() -> None:
    """The clock of a simulated rack stands still while a thread looks."""

    async def look() -> float:
        there = passed(CheckName.FOLDER, "there")
        assert await SlowChecks().make({"share": (lambda: there, lambda _: warned(CheckName.FOLDER, ""))}, 1.0) == [
            there
        ]
        return asyncio.get_running_loop().time()

    assert run_virtual(look()) == 0.0
