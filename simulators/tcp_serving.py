"""Serves a simulated instrument over TCP in real or scaled time, for clients in any language."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from simulators.bench import CellEntry, SimulatedBench, cell_seed, read_entries
from simulators.cells import load_cell
from simulators.chi660e.control_socket import BenchControl
from simulators.faults import Fault
from simulators.holders import Holders
from simulators.listening import listening
from simulators.mux.server import SimulatedMux
from simulators.neware.settings import Quirks
from simulators.neware.vendor_tests import start_everywhere
from simulators.oven.beside import OvenBeside, oven_beside
from simulators.smu.serve import build_mixed
from simulators.smu.server import SimulatedSmu

_CATCH_UP_S = 0.5
"""How often the rack is brought to now when nobody asks, so that no question finds weeks to be computed."""


@dataclass(frozen=True, slots=True)
class ChiBeside:
    """A CHI660E beside the rack: the ports of its control socket and of its switch (0: a free one; None: no switch).

    Its leads are on the cell of ``channel``, or on nothing. What announces is called with ``host:port``.
    """

    port: int = 0
    channel: str | None = None
    switch_port: int | None = None
    announce: Callable[[str], None] = lambda address: None
    announce_switch: Callable[[str], None] = lambda address: None


@dataclass(frozen=True, slots=True)
class SmusBeside:
    """Source meters beside the rack, ``smu-1`` and so on, by their models, each at a port of its own.

    ``announce`` is called with the ``host:port`` of each in turn.
    """

    models: tuple[str, ...]
    announce: Callable[[str], None] = lambda address: None


@dataclass(frozen=True, slots=True)
class VendorTests:
    """Tests that nobody started through the API; ``folder`` gets their step files. Some may have faults."""

    folder: Path
    with_faults: bool = False


async def serve_ct4008(
    host: str = "127.0.0.1",
    port: int = 502,
    units: int = 1,
    speed: float = 1.0,
    seed: int = 1,
    negative_voltage: bool = False,
    cells_file: str | Path | None = None,
    announce: Callable[[str], None] = lambda address: None,
    idle_exit_s: float | None = None,
    chi: ChiBeside | None = None,
    clock: tuple[float, float] | None = None,
    faults: Sequence[Fault] = (),
    empty_holders: bool = False,
    oven: OvenBeside | None = None,
    smus: SmusBeside | None = None,
    vendor: VendorTests | None = None,
    aux_temperature: str = "",
    cell: str = "",
) -> None:
    """Serve a CT-4008 until cancelled, or until it has had no connection for ``idle_exit_s``.

    ``speed`` is simulated seconds per real second, port 0 picks a free one, and ``announce`` is called with
    ``host:port`` once clients can connect. ``chi`` puts a CHI660E beside the rack. ``clock`` is what other processes
    know the time by: its first second (unix) and when that was by this machine's monotonic clock; else both are now.
    ``faults`` spoil the wire from the beginning, in their order; their seconds are real ones. ``empty_holders``: only
    the channels of ``cells_file`` begin with cells, and ``mount`` at the CHI660E's control socket puts others in.
    ``oven`` is around the cells of its places; ``smus`` are source meters by the same clock; ``vendor`` tests are
    started already. ``aux_temperature``: how an input at each cell shows; ``cell``: what is in all other channels.
    """
    epoch_unix_s, start_s = _checked(clock, speed)
    entries: dict[str, CellEntry] = {} if cells_file is None else read_entries(cells_file)
    clock_s = partial(_rack_time_s, start_s, speed)
    cells = {channel: entry.build(cell_seed(seed, channel)) for channel, entry in entries.items()}
    meters = build_mixed(smus.models if smus else (), clock_s, cells, seed, speed, empty_holders=empty_holders)
    bench = SimulatedBench(
        clock=clock_s,
        epoch_unix_s=epoch_unix_s,
        units=units,
        cells={channel: cell for channel, cell in cells.items() if channel not in meters},
        seed=seed,
        negative_voltage=negative_voltage,
        speed=speed,
        empty_holders=empty_holders,
        quirks=Quirks(aux_temperature=aux_temperature),
    )
    _put_into_others(bench, cell, cells, seed)
    _begin(bench, faults, vendor)
    async with AsyncExitStack() as stack:
        clients: list[_Clients] = [rack := await stack.enter_async_context(listening(bench.handle, host, port))]
        announce(rack.address)
        bench.leads.others.update(meters)
        if chi is not None:
            holders = Holders(bench.tester, seed, entries, meters)
            clients.append(await stack.enter_async_context(_beside(bench, chi, holders)))
        if oven is not None:
            clients.append(await stack.enter_async_context(oven_beside(oven, bench.tester, clock_s, speed)))
        if smus is not None:
            clients += [await stack.enter_async_context(_meter(meter, host, smus)) for meter in meters.values()]
        await _until_idle(idle_exit_s, clients, [bench.tester.advance, *(meter.catch_up for meter in meters.values())])


def _checked(clock: tuple[float, float] | None, speed: float) -> tuple[float, float]:
    """Return a rack's first second (unix) and when that is by this machine's monotonic clock. Raises ValueError."""
    if not speed > 0.0:
        raise ValueError(f"speed is {speed}, expected simulated seconds per real second above 0")
    return (time.time(), asyncio.get_running_loop().time()) if clock is None else clock


def _put_into_others(bench: SimulatedBench, cell: str, named: Collection[str], seed: int) -> None:
    """Put a cell of one model, or a resistor, into each channel that has none of its own; "": into none."""
    for channel in bench.tester.channels.keys() - set(named) if cell else ():
        bench.tester.swap_cell(channel, load_cell(cell, seed=cell_seed(seed, channel)))


def _begin(bench: SimulatedBench, faults: Sequence[Fault], vendor: VendorTests | None) -> None:
    """Do what is done to a rack before anybody is connected: spoil its wire, start others' tests."""
    for fault in faults:
        bench.wire.spoil(fault)
    if vendor is not None:
        start_everywhere(bench.tester, vendor.folder, with_faults=vendor.with_faults)


@asynccontextmanager
async def _meter(meter: SimulatedSmu, host: str, smus: SmusBeside) -> AsyncIterator[_Clients]:
    """Put a source meter beside the rack."""
    async with listening(meter.handle, host, 0) as listener:
        smus.announce(listener.address)
        yield listener


async def _until_idle(
    idle_exit_s: float | None, clients: Sequence[_Clients], advances: Sequence[Callable[[], None]]
) -> None:
    """Bring all instruments to now from time to time, until nobody has been connected for so long."""
    loop = asyncio.get_running_loop()
    used_s = loop.time()
    while idle_exit_s is None or loop.time() - used_s < idle_exit_s:
        used_s = loop.time() if any(each.connected for each in clients) else used_s
        for advance in advances:
            advance()
        await asyncio.sleep(_CATCH_UP_S)


def _rack_time_s(start_s: float, speed: float) -> float:
    """Return the rack's time: it began at ``start_s`` of the loop's."""
    return (asyncio.get_running_loop().time() - start_s) * speed


class _Clients(Protocol):
    """Something that clients are connected to, or not."""

    @property
    def connected(self) -> bool:
        """Whether there are any."""


@asynccontextmanager
async def _beside(bench: SimulatedBench, chi: ChiBeside, holders: Holders) -> AsyncIterator[_Clients]:
    """Put a CHI660E beside the rack, and the switch that brings cells to it."""
    channels = [*bench.tester.channels, *bench.leads.others]
    if chi.channel is not None and chi.channel not in channels:
        raise ValueError(f"no channel {chi.channel}; there are {', '.join(channels)}")
    bench.clip(chi.channel)
    control = BenchControl(bench.leads, holders=holders)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(control.close)
        chi.announce(await control.start(chi.port))
        if chi.switch_port is not None:
            mux = SimulatedMux(len(channels), lambda port: bench.clip(channels[port - 1] if port else None))
            listener = await stack.enter_async_context(listening(mux.handle, "127.0.0.1", chi.switch_port))
            chi.announce_switch(listener.address)
        yield control
