"""Two entries of a bench file that lead to one tester are refused, by what the tester says of itself."""

import asyncio

from drivers.neware.client import NewareClient
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.bench.checking import check_bench
from orchestrator.bench.double_entries import double_entry
from orchestrator.bench.settings import BenchSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.memory_streams import connect_memory
from tests.rig import CHANNEL, Rig, open_rig
from tests.service_rig import request, serving, state
from tests.spoiled import SpoiledTester
from tests.toy_tester import ToySettings, ToyTester


def entry(rig: Rig, name: str, devid: int, port: int = 502) -> NewareSettings:
    """Give an entry that describes other units than the rig's own, as a bench file may."""
    folder = rig.tester._settings.step_files  # noqa: SLF001 - the rig's own folder
    return NewareSettings(
        name=name, port=port, step_files=folder, step_files_on_bts_pc=str(folder),
        units=(UnitSettings(devid=devid, subdevid=1),),
    )  # fmt: skip


def twin(rig: Rig) -> Rig:
    """Give a second tester that leads to the rig's own BTS, and describes another unit."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(rig.bench.handle)

    settings = entry(rig, "second", 22)
    client = NewareClient(connect, settings.username, settings.password, settings.reply_timeout_s)
    return Rig(SpoiledTester(settings, client, wall_time), rig.bench)


async def test_second_entry_for_one_tester_is_refused_and_the_first_goes_on(rig: Rig, store: Store) -> None:
    """One looks after the run, nothing is done through the other, and a person is told which two they are."""
    second = twin(rig)
    async with serving(rig, store, second) as service:
        await asyncio.sleep(10)
        (trouble,) = service.troubles
        assert "second and ct4008 both say that they have channel 21-1-1, 21-1-2, 21-1-3 and 5 more" in trouble
        assert service.channels().count(CHANNEL) == 1
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(200)
        assert state(run) is RunState.RUNNING
        assert (len(service.supervisors[0].runs), service.supervisors[1].runs) == (1, [])
    async with serving(rig, store, second) as service:
        await asyncio.sleep(60)
        assert [len(supervisor.runs) for supervisor in service.supervisors] == [1, 0]


async def test_bench_check_names_both_entries() -> None:
    """Over sockets, as ``cellrig bench check`` does; entries with testers of their own have no problem."""
    async with open_rig() as rig, open_rig(devid=22) as other:
        servers = [await asyncio.start_server(it.bench.handle, "127.0.0.1", 0) for it in (rig, other)]
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        try:
            for one, two, problems in ((0, 0, 2), (0, 1, 0)):
                both = (entry(rig, "first", 21, ports[one]), entry(rig, "second", 22, ports[two]))
                rows = await check_bench(BenchSettings(tester=both))
                found = [str(row["problem"]) for row in rows if row["problem"]]
                assert len(found) == problems
                assert all("first" in sentence and "second" in sentence for sentence in found)
        finally:
            for server in servers:
                server.close()


async def test_names_in_other_capitals_are_one_channel() -> None:
    """As for orders, whatever kinds the testers are; and a tester is not its own second entry."""
    one, same, other = (
        ToyTester(ToySettings(name=name, cells={channel: "coated-li-li"}), wall_time)
        for name, channel in (("one", "A1"), ("same", "a1"), ("other", "A2"))
    )
    for tester in (one, same, other):
        await tester.open()
    assert double_entry(one, [one, other]) == ""
    assert "one and same both say that they have channel A1" in double_entry(one, [one, other, same])
    assert "same and one both say that they have channel a1" in double_entry(same, [one, other, same])
