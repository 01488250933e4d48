"""The driver of source meters at an instrument by script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drivers.smu import SmuModel, SmuSource, SmuUnitSettings
from drivers.smu.links import StreamLink
from drivers.sources import Drive, Held
from tests.scpi_peer import ScpiPeer

SERIAL = "04412345"


DISCHARGE = Drive(Held.VOLTAGE, 2.8, 1.57e-4, 4.2)


IDENTITIES = {
    SmuModel.KEITHLEY_2400: f"KEITHLEY INSTRUMENTS INC.,MODEL 2400,{SERIAL},C30   Mar 17 2006",
    SmuModel.KEITHLEY_2450: f"KEITHLEY INSTRUMENTS INC.,MODEL 2450,{SERIAL},1.0.0i",
    SmuModel.KEITHLEY_2460: f"KEITHLEY INSTRUMENTS,MODEL 2460,{SERIAL},1.7",
    SmuModel.KEYSIGHT_B2901A: f"Agilent Technologies,B2901A,{SERIAL},1.2",
}


READINGS = {SmuModel.KEITHLEY_2400: "+3.3121E+00,-1.57E-04,+4.216844E+06", SmuModel.KEYSIGHT_B2901A: "3.3121,-1.57E-04"}


INTERVAL_S = 0.25


def settings(
    model: SmuModel = SmuModel.KEITHLEY_2450, resource: str = "TCPIP::memory::5025::SOCKET"
) -> SmuUnitSettings:
    """Return the settings of a source meter."""
    return SmuUnitSettings(channel="smu-1", model=model, resource=resource, serial=SERIAL)


def peer_of(model: SmuModel = SmuModel.KEITHLEY_2450) -> ScpiPeer:
    """Return an instrument by script."""
    return ScpiPeer(identity=IDENTITIES[model], reading=READINGS.get(model, "-1.57E-04,3.3121"))


def source_of(peer: ScpiPeer, model: SmuModel = SmuModel.KEITHLEY_2450) -> SmuSource:
    """Return a source at an instrument by script."""
    return SmuSource(settings(model), StreamLink("memory", peer.connect), 1.0)


@asynccontextmanager
async def discharging(peer: ScpiPeer, model: SmuModel = SmuModel.KEITHLEY_2450) -> AsyncIterator[SmuSource]:
    """Open a source whose output is on."""
    source = source_of(peer, model)
    await source.open()
    try:
        await source.prepare(DISCHARGE, INTERVAL_S)
        await source.switch_on()
        yield source
    finally:
        await source.close()


async def read_for(source: SmuSource, seconds: float) -> None:
    """Decide in time, for so long."""
    end_s = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end_s:
        await source.read()
        await asyncio.sleep(INTERVAL_S)
