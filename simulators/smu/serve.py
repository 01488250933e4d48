"""Serves simulated source meters to any client: over TCP, one port a unit, or one of them as a serial port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from simulators.cells import load_cell
from simulators.cells.model import CellModel
from simulators.faults import Fault
from simulators.listening import listening
from simulators.mux.terminal import PseudoTerminal
from simulators.smu.control import HandsAtUnits
from simulators.smu.server import SerialLine, SimulatedSmu
from simulators.smu.settings import Quirks

_CATCH_UP_S = 0.5
"""How often cells are brought to now when nobody asks, so that no question finds weeks to be computed."""

_SEED_STEP = 1009
_FIRST_SERIAL = 4_000_000


@dataclass(frozen=True, slots=True)
class SmuOptions:
    """What is served: ``channels`` equal units with a cell each, of the cell models in turn.

    ``speed`` is simulated seconds in a real one. ``control`` is the port of the hands, None for none.
    """

    model: str = "keithley-2450"
    cells: tuple[str, ...] = ("coated-li-li",)
    channels: int = 1
    speed: float = 1.0
    seed: int = 1
    control: int | None = None
    baud: int = 9600


def build_units(
    options: SmuOptions, clock: Callable[[], float], quirks: Quirks | None = None, *, line: SerialLine | None = None
) -> dict[str, SimulatedSmu]:
    """Build the units by their names, ``smu-1`` and so on, with serial numbers from 4000001.

    A ValueError names a wrong model or cell.
    """
    if not options.speed > 0.0:
        raise ValueError(f"speed is {options.speed}, expected simulated seconds per real second above 0")
    units = {}
    for number in range(1, options.channels + 1):
        seed = options.seed * _SEED_STEP + number
        cell = load_cell(options.cells[(number - 1) % len(options.cells)], seed=seed)
        units[f"smu-{number}"] = SimulatedSmu(
            options.model,
            clock,
            cell,
            seed=str(seed),
            quirks=quirks,
            speed=options.speed,
            line=line,
            serial=str(_FIRST_SERIAL + number),
        )
    return units


def build_mixed(
    models: Sequence[str],
    clock: Callable[[], float],
    cells: Mapping[str, CellModel],
    seed: int,
    speed: float,
    *,
    empty_holders: bool = False,
) -> dict[str, SimulatedSmu]:
    """Build units of several models by their names, with the cells that are given for them, else the usual one.

    ``empty_holders`` leaves the usual ones beside their holders.
    """
    units = {}
    for number, model in enumerate(models, 1):
        name, own_seed = f"smu-{number}", seed * _SEED_STEP + number
        cell = cells.get(name) or load_cell(SmuOptions().cells[0], seed=own_seed)
        units[name] = SimulatedSmu(
            model, clock, cell, seed=str(own_seed), speed=speed, serial=str(_FIRST_SERIAL + number)
        )
        if empty_holders and name not in cells:
            units[name].instrument.unit.stage.touch(lambda leads: leads.pull_out())
    return units


async def serve_smu(
    options: SmuOptions,
    host: str = "127.0.0.1",
    port: int = 5025,
    announce: Callable[[str], None] = lambda address: None,
    announce_control: Callable[[str], None] = lambda address: None,
    terminal: Path | None = None,
    quirks: Quirks | None = None,
    faults: Sequence[Fault] = (),
) -> None:
    """Serve the units until cancelled, at ports that follow each other; port 0 picks a free one for each.

    ``announce`` is called with ``host:port`` of each unit in turn, or with the path of ``terminal`` where one unit is
    to be a serial port instead. ``faults`` spoil the wire of every unit from the beginning.
    """
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    line = None if terminal is None else SerialLine(options.baud)
    units = build_units(options, lambda: (loop.time() - start_s) * options.speed, quirks, line=line)
    async with AsyncExitStack() as stack:
        for number, unit in enumerate(units.values()):
            for fault in faults:
                unit.wire.spoil(fault)
            if terminal is not None:
                await stack.enter_async_context(PseudoTerminal(terminal, unit.handle))
                announce(str(terminal))
                break
            listener = await stack.enter_async_context(listening(unit.handle, host, port and port + number))
            announce(listener.address)
        if options.control is not None:
            hands = HandsAtUnits(units)
            control = await stack.enter_async_context(listening(hands.handle, "127.0.0.1", options.control))
            announce_control(control.address)
        while True:
            for unit in units.values():
                unit.catch_up()
            await asyncio.sleep(_CATCH_UP_S)
