"""Runs one program from start to end for ``cellrig run``, independent of any terminal."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path

from drivers.errors import CannotRun
from orchestrator.bench.holders import holders_on
from orchestrator.bench.opening import open_station, open_tester_of, station_on
from orchestrator.bench.settings import BenchSettings
from orchestrator.bench.simulated import (
    SIMULATED_CHI,
    SimulatedRack,
    open_simulated_cycler,
    open_simulated_rack,
    open_simulated_station,
)
from orchestrator.bench.simulated_oven import open_simulated_oven, simulated_oven_settings
from orchestrator.bench.simulated_smus import SIMULATED_SMUS, open_simulated_smus
from orchestrator.bench.station import station_problems
from orchestrator.checks import refusals
from orchestrator.clock.ctrl_c import ended_in_order
from orchestrator.clock.scaled import run_by
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, Listener, RunUpdate
from orchestrator.preflight.alone import checks_alone
from orchestrator.preflight.instrument_checks import uncommissioned
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.left_runs import settle_left_runs
from orchestrator.rack.lock import owning
from orchestrator.rack.mounted_cells import NO_TERMS, MountedCells, Terms, Word
from orchestrator.rack.ovens import NO_OVENS, BenchOvens, Ovens, ovens_on
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.order_files import OrderFiles
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import CannotOpen, Durability, open_store
from protocols.cell import Cell
from protocols.program import Program
from protocols.recipe import Recipe
from protocols.resolve import resolve

_OVEN_POLL_S = 30.0
"""A simulated oven beside a run of days of virtual time is asked as often as the tester makes records."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A run to make: on the instruments of a bench file, or on the simulated rack in virtual time.

    ``confirmed_by`` is the person who takes on what is implausible in it, ``second_person`` another one where it lies
    far outside; no cell of a simulated rack needs a second one. ``by`` is who orders it, ``label`` the name of
    its very cell, else that of the cell's file, ``accept_voltage`` the reason why that cell is started at any voltage
    within the host's limits. On a bench, ``terms`` say which cell is on the channel; a simulated channel has no other
    cell than the order's. ``files`` are those of which recipe and cell were read.
    """

    recipe: Recipe
    cell: Cell
    channel: str
    bench: BenchSettings | SimulatedRack
    confirmed_by: str = ""
    terms: Terms = NO_TERMS
    by: str = ""
    accept_voltage: str = ""
    label: str = ""
    files: OrderFiles | None = None
    second_person: str = ""


def checked_program(order: Launch) -> Program:
    """Resolve a recipe and check it against the channel. Raises ResolveError, SettingsError or CannotRun."""
    program = resolve(order.recipe, order.cell)
    if order.accept_voltage:
        program = program.started_at_any_voltage(order.accept_voltage)
    reasons = order.bench.problems(program, order.channel)
    if isinstance(order.bench, BenchSettings):
        reasons += station_problems(program, station_on(order.bench), order.channel, attended=False)
        if sharing := order.bench.sharing_with(order.channel):
            reasons.append(
                f"channel {order.channel} and channel {', '.join(sharing)} are wired to one cell, and only a service "
                "looks at both: start 'cellrig serve', and order it there"
            )
    if reasons:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        raise CannotRun(f"{order.recipe.name} must not run on channel {order.channel}:\n{listed}")
    return program


def requested(order: Launch) -> RunRequest:
    """Give the checked and judged order of a run. Raises what ``checked_program`` does, and Implausible."""
    label = order.label or (order.cell.name if isinstance(order.bench, SimulatedRack) else "")
    request = RunRequest(
        checked_program(order),
        order.channel,
        label,
        order.confirmed_by,
        files=order.files,
        simulated=order.bench.is_simulated,
        second_person=order.second_person,
    )
    factor = order.bench.preflight.second_person_factor if isinstance(order.bench, BenchSettings) else inf
    return request.judged(order.bench.usual_bands, factor)


def untried(order: Launch) -> list[str]:
    """Return a sentence for each instrument of an order that nobody has tried on a resistor; it runs all the same."""
    bench = order.bench
    if not isinstance(bench, BenchSettings):
        return []
    program = checked_program(order)
    measuring = (bench.potentiostat, bench.multiplexer) if len(program.segments) > len(program.cycling) else ()
    around = [one for one in bench.oven if order.channel in one.places]
    beside = [*(one for one in measuring if one is not None), *around]
    return uncommissioned([bench.tester_of(order.channel), *beside], bench.checks, order.channel)


def launch(order: Launch, store: Path, listener: Listener) -> RunUpdate:
    """Run a program and return the run's end. All data are in the store, also after Ctrl-C (KeyboardInterrupt).

    Raises AlreadyOwned when a bench's instruments are another process's.
    """
    request = requested(order)
    if isinstance(order.bench, BenchSettings):
        if reasons := refusals(checks_alone(request, order.bench, store, time.time())):
            raise CannotRun("\n".join(reasons))
        return run_by(order.bench.clock, ended_in_order(on_bench(order, order.bench, request, store, listener)))
    return run_virtual(_on_rack(order.bench, request, store, listener, order.by))


async def on_bench(
    order: Launch, bench: BenchSettings, request: RunRequest, store: Path, listener: Listener
) -> RunUpdate:
    """Run a checked order on the instruments of a bench, for ``launch``. Raises CannotRun and AlreadyOwned."""
    async with contextlib.AsyncExitStack() as stack:
        # One owner for a store and its instruments: a service that has them is asked to do the run (faults E08).
        instance = await stack.enter_async_context(owning(store))
        instance.write_owner("", command="cellrig run --bench")
        station = await stack.enter_async_context(open_station(bench))
        tester = await stack.enter_async_context(open_tester_of(bench, request.channel, station))
        try:
            with open_store(store) as opened:
                await settle_left_runs(Supervisor(opened, tester, station=station), request.channel)
            admitted, word = _admitted(store, request, order.terms)
        except CannotRun:
            # Who has settled a run of a dead process is the last that knows of the oven which that one has heated.
            async with ovens_on(bench) as around:
                with open_store(store) as opened:
                    await Ovens(around, opened, [Supervisor(opened, tester)]).leave()
            raise
        ovens = await stack.enter_async_context(ovens_on(bench))
        with open_store(store) as opened:
            supervisor = Supervisor(opened, tester, Bus([listener]), station, holders_on(bench))
            in_ovens = Ovens(ovens, opened, [supervisor])
            async with in_ovens.watching():
                try:
                    (run,) = await supervisor.run([admitted], order.by, word)
                finally:
                    # Whatever ended it, Ctrl-C too: nobody looks after the oven from here on.
                    await in_ovens.rest()
            return run.update()


def _admitted(path: Path, request: RunRequest, terms: Terms) -> tuple[RunRequest, Word]:
    """Admit an order to its channel as a service does. Raises CannotRun: the cell of another run may be there."""
    with open_store(path) as store:
        cells = MountedCells(store)
        for run in cells.begun_runs(request.channel):
            if run.state is RunState.TRIPPED:
                raise CannotRun(
                    f"{run.run_id} on {request.channel} was stopped for safety: {store.run(run.run_id).reason}. Look "
                    f"at the cell, then start the service and: cellrig ack {run.run_id}"
                )
        try:
            return cells.admitted(request, terms)
        except CommandRefused as err:
            raise CannotRun(str(err)) from err


def mounted_before(order: Launch, path: Path) -> str:
    """Return the name of the cell that an ended run has left on the channel of a bench; empty when there is none."""
    if not isinstance(order.bench, BenchSettings) or not path.exists():
        return ""
    try:
        with open_store(path, read_only=True) as store:
            on = MountedCells(store).on(order.channel)
    except CannotOpen:
        # Of an older layout, or no store: the launch brings it up to date, or says what is wrong with it.
        return ""
    return on.label if on is not None and on.state.is_over else ""


async def _on_rack(rack: SimulatedRack, request: RunRequest, store: Path, listener: Listener, by: str) -> RunUpdate:
    rack = rack.polled_for(request.program)
    async with contextlib.AsyncExitStack() as stack:
        tester, simulated = await stack.enter_async_context(open_simulated_rack(rack))
        station = None
        if request.channel in SIMULATED_SMUS:
            smus = open_simulated_smus(rack.cells, rack.variations, rack.seed, rack.poll_period_s)
            tester, units = await stack.enter_async_context(smus)
            simulated.leads.others.update(units)
        if request.channel == SIMULATED_CHI:
            tester = await stack.enter_async_context(open_simulated_cycler(simulated, rack.poll_period_s))
        elif len(request.program.segments) > len(request.program.cycling):
            station = await stack.enter_async_context(open_simulated_station(simulated))
        ovens = NO_OVENS
        wants_oven = request.program.temperatures or request.program.asks_for_temperature
        if wants_oven and request.channel in simulated.tester.channels:
            settings = simulated_oven_settings([request.channel]).model_copy(update={"poll_period_s": _OVEN_POLL_S})
            oven, _ = await stack.enter_async_context(open_simulated_oven(simulated, settings))
            ovens = BenchOvens(((settings, oven),))
        with open_store(store, durability=Durability.KILLED_PROCESS) as opened:
            supervisor = Supervisor(opened, tester, Bus([listener]), station)
            supervisor.between_segments.is_attended = False
            async with Ovens(ovens, opened, [supervisor]).watching():
                (run,) = await supervisor.run([request], by)
            return run.update()
