"""The source meters of the built-in simulated bench: channels ``smu-1`` and ``smu-2``, each with a cell of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from drivers.errors import SettingsError
from drivers.interfaces import BatteryTester
from drivers.smu import SmuModel, SmuSettings, SmuUnitSettings, build_tester
from drivers.smu.opening import Connect
from orchestrator.clock.virtual import wall_time

if TYPE_CHECKING:
    from simulators.smu import SimulatedSmu

SIMULATED_SMUS: Mapping[str, SmuModel] = {"smu-1": SmuModel.KEITHLEY_2450, "smu-2": SmuModel.KEITHLEY_2400}
"""The model of each channel: one that measures one quantity and reads the other back, and one that measures both."""

_USUAL_CELL = "coated-li-li"

_INTERVAL_S = 5.0
_FASTEST_INTERVAL_S = 0.2
"""A program of weeks has a million decisions at the usual interval; near an end they are as close as at a real one."""


def smu_settings(
    resources: Mapping[str, str], interval_s: float, fastest_interval_s: float, poll_period_s: float
) -> SmuSettings:
    """Return the settings of the simulated source meters at these VISA addresses, by channel.

    A decision may be two intervals late. Nobody has to stay with a cell that is not real.
    """
    units = tuple(
        SmuUnitSettings(channel=channel, model=SIMULATED_SMUS[channel], resource=resource, serial=serial_of(channel))
        for channel, resource in resources.items()
    )
    return SmuSettings(
        name="simulated-smus",
        units=units,
        interval_s=interval_s,
        fastest_interval_s=fastest_interval_s,
        decision_timeout_s=max(1.0, 2.0 * interval_s),
        poll_period_s=poll_period_s,
        accept_unknown_host_loss=True,
    )


def serial_of(channel: str) -> str:
    """Return the serial number of a simulated source meter."""
    return str(4_000_000 + int(channel.rpartition("-")[2]))


def simulated_smu_settings(poll_period_s: float = 10.0) -> SmuSettings:
    """Return the settings of the source meters of the built-in bench, at the end of byte streams in memory."""
    resources = {channel: f"memory-{channel}" for channel in SIMULATED_SMUS}
    return smu_settings(resources, _INTERVAL_S, _FASTEST_INTERVAL_S, poll_period_s)


def smu_on_a_resistor(unit: SmuUnitSettings, ohm: float) -> tuple[Connect, Callable[[str], str]]:
    """Return what connects to a simulated source meter with a resistor at its terminals, in the running loop's time.

    The second carries out a verb of the simulator's hands at it.
    """
    from simulators.cells.resistor import ResistorCell
    from simulators.memory_streams import connect_memory
    from simulators.smu import SimulatedSmu
    from simulators.smu.control import HandsAtUnits

    clock = asyncio.get_running_loop().time
    simulated = SimulatedSmu(unit.model.value, clock, ResistorCell(ohm), serial=unit.serial)
    hands = HandsAtUnits({unit.channel: simulated})

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(simulated.handle)

    return connect, lambda verb: hands.do(f"{unit.channel} {verb}")


@asynccontextmanager
async def open_simulated_smus(
    cells: Mapping[str, str], variations: Mapping[str, Mapping[str, Any]], seed: int, poll_period_s: float
) -> AsyncIterator[tuple[BatteryTester, Mapping[str, SimulatedSmu]]]:
    """Open the source meters, connected to their driver by byte streams in memory; they use the running loop's clock.

    ``cells`` names the cell model of a channel, ``variations`` what replaces parameters of it.
    """
    from simulators.cells import load_cell
    from simulators.memory_streams import connect_memory
    from simulators.smu import SimulatedSmu

    clock = asyncio.get_running_loop().time
    connects: dict[str, Connect] = {}
    units: dict[str, SimulatedSmu] = {}
    for number, (channel, model) in enumerate(SIMULATED_SMUS.items(), 1):
        own_seed = seed * 1009 + number
        try:
            cell = load_cell(cells.get(channel, _USUAL_CELL), seed=own_seed, overrides=variations.get(channel))
        except ValueError as err:
            raise SettingsError(str(err)) from err
        unit = units[channel] = SimulatedSmu(model.value, clock, cell, seed=str(own_seed), serial=serial_of(channel))

        async def connect(unit: SimulatedSmu = unit) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return connect_memory(unit.handle)

        connects[channel] = connect
    tester = build_tester(simulated_smu_settings(poll_period_s), wall_time, connects)
    try:
        await tester.open()
        yield tester, units
    finally:
        await tester.close()
