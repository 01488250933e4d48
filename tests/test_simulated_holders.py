"""A served simulated rack begins with empty holders, and an order puts its own cell in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.bench.holders import SimulatedHolders
from orchestrator.bench.settings import SimulatedHoldersSettings
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import Terms
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from simulators.bench import CellEntry, read_entries
from simulators.cells.model import CellModel
from simulators.cells.varied_cell import VariedCell
from simulators.chi660e.control_socket import BenchControl
from simulators.holders import Holders
from tests.command_line import cellrig, refused
from tests.rig import CHANNEL, Rig
from tests.service_rig import OTHER, SAME, request


@asynccontextmanager
async def serving_holders(
    rig: Rig, store: Store, entries: Mapping[str, CellEntry] | None = None
) -> AsyncIterator[Service]:
    """Serve a rack whose holders are empty, with hands that put cells in."""
    tester = rig.bench.tester
    for channel in tester.channels:
        tester.pull_out_cell(channel)
    control = BenchControl(rig.bench.leads, holders=Holders(tester, 1, entries))
    hands = await control.start()
    cells = {channel: entry.words for channel, entry in (entries or {}).items()}
    holders = SimulatedHolders(SimulatedHoldersSettings(hands=hands, cells=cells))
    service = Service(store, [rig.tester], holders=holders)
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(10)
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.wait({task})
        await control.close()


def held(rig: Rig, channel: str) -> CellModel:
    """Give the cell that is in a holder."""
    assert not rig.bench.tester.is_empty(channel)
    return rig.bench.tester.channels[channel].cell


def named(name: str, kind: str, channel: str = CHANNEL) -> RunRequest:
    """Give an order for a cell of this name and kind; its currents are those of a Li/Li cell."""
    asked = request(channel, cycles=1, half_cycle_s=60.0)
    return replace(asked, program=replace(asked.program, cell=replace(asked.program.cell, name=name, kind=kind)))


async def test_each_cell_that_is_ordered_is_in_its_holder_and_the_same_cell_stays(rig: Rig, store: Store) -> None:
    """A new cell is fresh, of its own model; the next test of the same cell finds it as old as it is."""
    async with serving_holders(rig, store) as service:
        run = service.submit(request(cycles=1, half_cycle_s=60.0), "ada")
        await asyncio.sleep(2000)
        assert store.run(run.run_id).state is RunState.COMPLETED
        first = held(rig, CHANNEL)
        assert rig.bench.tester.is_empty(OTHER)
        service.submit(request(cycles=1, half_cycle_s=60.0), "ada", SAME)
        await asyncio.sleep(2000)
        assert held(rig, CHANNEL) is first
        other = service.submit(request(cycles=1, half_cycle_s=60.0), "ada", Terms(mounted=CHANNEL))
        await asyncio.sleep(2000)
        assert held(rig, CHANNEL) is not first
        service.submit(named("bare-li-li", "li-li", OTHER), "ada")
        await asyncio.sleep(100)
        assert type(held(rig, OTHER)) is type(first)
        assert {store.run(it).state for it in ("R000002", other.run_id)} == {RunState.COMPLETED}
    told = [event.message for event in store.events() if event.kind == EventKind.CELL_MOUNTED]
    fresh = [message for message in told if message.startswith("a fresh simulated cell")]
    assert fresh == [f"a fresh simulated cell, coated-li-li, is in {CHANNEL}"] * 2 + [
        f"a fresh simulated cell, bare-li-li, is in {OTHER}"
    ]


async def test_a_rack_that_was_started_anew_gets_the_same_cell_again(rig: Rig, store: Store) -> None:
    """What the store says is mounted is gone with its rack: the next test of it finds no empty holder, and says so."""
    async with serving_holders(rig, store) as service:
        service.submit(request(cycles=1, half_cycle_s=60.0), "ada")
        await asyncio.sleep(2000)
    async with serving_holders(rig, store) as service:
        run = service.submit(request(cycles=1, half_cycle_s=60.0), "ada", SAME)
        await asyncio.sleep(2000)
        assert store.run(run.run_id).state is RunState.COMPLETED
    assert "gone with the rack that had it" in " ".join(event.message for event in store.events(run.run_id))


async def test_a_file_of_cells_says_what_an_order_gets(rig: Rig, store: Store, tmp_path: Path) -> None:
    """Its channels get its cells whatever is ordered, fresh ones each time; elsewhere each kind needs a model."""
    path = tmp_path / "cells.toml"
    path.write_text(f'["{CHANNEL}"]\nmodel = "bare-li-li"\n["{CHANNEL}".overrides.short]\nohm = 900.0\n', "utf-8")
    async with serving_holders(rig, store, read_entries(path)) as service:
        with pytest.raises(CommandRefused, match=f"no simulated cell is of kind other, .* {OTHER}: name one"):
            service.submit(named("mine", "other", OTHER), "ada")
        run = service.submit(named("mine", "other"), "ada")
        await asyncio.sleep(100)
        first = held(rig, CHANNEL)
        assert isinstance(first, VariedCell)
        await service.stop(run.run_id, "ada")
        service.submit(named("mine", "other"), "ada", Terms(mounted=CHANNEL))
        await asyncio.sleep(100)
        assert isinstance(held(rig, CHANNEL), VariedCell)
        assert held(rig, CHANNEL) is not first
    assert "bare-li-li (varied)" in " ".join(event.message for event in store.events(run.run_id))


async def test_hands_that_do_not_answer_start_nothing(rig: Rig, store: Store) -> None:
    """A run fails with the reason instead of driving an empty holder; a channel that works gets no other cell."""
    async with serving_holders(rig, store) as service:
        service.submit(request(cycles=1, half_cycle_s=60.0), "ada")
        await asyncio.sleep(300)
        with pytest.raises(ValueError, match=f"channel {CHANNEL} works: no cell"):
            Holders(rig.bench.tester, 1).mount(CHANNEL, "bare-li-li", fresh=True)
    gone = SimulatedHolders(SimulatedHoldersSettings(hands="127.0.0.1:9"))
    service = Service(store, [rig.tester], holders=gone)
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(10)
    run = service.submit(request(OTHER, cycles=1), "ada")
    await asyncio.sleep(300)
    assert store.run(run.run_id).state is RunState.FAILED
    assert "no cell can be put into" in store.run(run.run_id).reason
    task.cancel()
    await asyncio.wait({task})


def test_serve_whose_port_is_taken_leaves_nothing_behind(tmp_path: Path) -> None:
    """No store, no token, no lock, and of a simulated rack no process, bench file or folder."""
    bench = tmp_path / "bench.toml"
    bench.write_text(
        '[[tester]]\nport = 1\nstep_files = "."\nstep_files_on_bts_pc = "."\n[[tester.units]]\ndevid = 21\n'
        "subdevid = 1\nvoltage_low_v = -5.0\n",
        encoding="utf-8",
    )
    store = tmp_path / "lab" / "cellrig.db"
    store.parent.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for what in (("--simulate",), ("--bench", bench)):
            result = cellrig("serve", *what, "--store", store, "--port", port)
            refused(result, 2, f"cannot listen at 127.0.0.1:{port}", "try --port")
            assert list(store.parent.iterdir()) == []
    refused(cellrig("serve", "--bench", bench, "--store", store, "--speed", 10), 2, "are for --simulate")
