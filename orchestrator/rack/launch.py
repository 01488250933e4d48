"""Starts one run and sees it to its end: what ``cellrig run`` does, free of any terminal."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import CannotRun
from drivers.interfaces import BatteryTester
from orchestrator.bench.opening import channel_problems, open_bench, open_station, station_on
from orchestrator.bench.settings import load_bench
from orchestrator.bench.simulated import (
    SIMULATED_CHI,
    SIMULATED_CHI_CELL,
    SimulatedRack,
    open_simulated_cycler,
    open_simulated_rack,
    open_simulated_station,
)
from orchestrator.bench.station import Station, station_problems
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, Listener, RunUpdate
from orchestrator.rack.lock import owning
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.store import open_store
from protocols.cell import Cell
from protocols.program import Program
from protocols.recipe import Recipe
from protocols.resolve import resolve


@dataclass(frozen=True, slots=True)
class Launch:
    """A run to make: on a bench file's instruments, or (``bench`` None) on the simulated rack in virtual time."""

    recipe: Recipe
    cell: Cell
    channel: str
    bench: Path | None = None
    cell_model: str | None = None
    seed: int = 1


def checked_program(recipe: Recipe, cell: Cell, bench: Path | None, channel: str) -> Program:
    """Resolve a recipe and hold it against the channel. Raises ResolveError, SettingsError or CannotRun."""
    program = resolve(recipe, cell)
    reasons = channel_problems(program, bench, channel)
    if bench is not None:
        reasons += station_problems(program, station_on(load_bench(bench)), channel, attended=False)
    if reasons:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        raise CannotRun(f"{recipe.name} must not run on channel {channel}:\n{listed}")
    return program


def launch(order: Launch, store: Path, listener: Listener) -> RunUpdate:
    """Run it and give where it ended. Everything recorded is in the store, also after Ctrl-C (KeyboardInterrupt).

    Raises AlreadyOwned when a bench's instruments are another process's.
    """
    program = checked_program(order.recipe, order.cell, order.bench, order.channel)
    request = RunRequest(program, order.channel, order.cell.name)
    if order.bench is not None:
        return asyncio.run(_on_bench(order.bench, request, store, listener))
    model = order.cell_model or _model_of(order.cell)
    holder = SIMULATED_CHI_CELL if order.channel == SIMULATED_CHI else order.channel
    rack = SimulatedRack({holder: model}, order.seed)
    return run_virtual(_on_rack(rack, request, store, listener))


def _model_of(cell: Cell) -> str:
    """Name the model in the simulated channel: the cell's own, else the coated one of its kind."""
    from orchestrator.bench.simulated import simulated_models

    return cell.name if cell.name in simulated_models() else f"coated-{cell.kind.value}"


async def _on_bench(bench: Path, request: RunRequest, store: Path, listener: Listener) -> RunUpdate:
    async with contextlib.AsyncExitStack() as stack:
        # One owner for a store and its instruments: a service that has them is asked to do the run (faults E08).
        instance = await stack.enter_async_context(owning(store))
        instance.tell("")
        station = await stack.enter_async_context(open_station(load_bench(bench)))
        tester = await stack.enter_async_context(open_bench(bench, request.channel, station))
        return await _supervised(tester, station, request, store, listener)


async def _on_rack(rack: SimulatedRack, request: RunRequest, store: Path, listener: Listener) -> RunUpdate:
    async with contextlib.AsyncExitStack() as stack:
        tester, simulated = await stack.enter_async_context(open_simulated_rack(rack))
        station = None
        if request.channel == SIMULATED_CHI:
            tester = await stack.enter_async_context(open_simulated_cycler(simulated, rack.poll_period_s))
        elif len(request.program.segments) > 1:
            station = await stack.enter_async_context(open_simulated_station(simulated))
        return await _supervised(tester, station, request, store, listener)


async def _supervised(
    tester: BatteryTester, station: Station | None, request: RunRequest, store: Path, listener: Listener
) -> RunUpdate:
    with open_store(store) as opened:
        (run,) = await Supervisor(opened, tester, Bus([listener]), station).run([request])
        return run.update()
