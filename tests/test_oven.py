"""The oven's driver against the simulated controllers: reading, ordering, limits, wear, and whom it talks to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from drivers.errors import CannotRun, ConnectionFailed, NotConfirmed, Refused
from drivers.oven.settings import SetPointKeeping
from drivers.temperatures import Oven, OvenFault
from simulators.oven.oven import OvenQuirks
from tests.oven_rig import EUROTHERM, OMRON, OvenRig

_TCP = {"kind": "tcp", "host": "127.0.0.1"}


@pytest.fixture
async def oven_rig(request: pytest.FixtureRequest) -> AsyncIterator[OvenRig]:
    """Give an open driver of a Eurotherm with an oven behind it, unless a test asks for others."""
    options = dict(getattr(request, "param", {}))
    rig = OvenRig(**options)
    for driver in rig.drivers:
        await driver.open()
    yield rig
    await rig.close()


@pytest.mark.parametrize("link", [{}, _TCP], ids=["rtu", "tcp"])
@pytest.mark.parametrize("keeping", SetPointKeeping)
@pytest.mark.parametrize("model", [EUROTHERM, OMRON])
async def test_oven_goes_to_the_ordered_temperature(model: str, keeping: SetPointKeeping, link: dict[str, str]) -> None:
    """Each model, each way to order, each link: the oven holds what was ordered, and the reading says so."""
    rig = OvenRig((model,), link=link, set_point=keeping)
    driver = rig.driver
    assert isinstance(driver, Oven)
    await driver.open()
    await driver.set_target(60.0)
    await asyncio.sleep(3 * 3600)
    reading = await driver.read()
    assert reading.temperature_degc == pytest.approx(60.0, abs=0.15)
    assert (reading.target_degc, reading.working_degc) == (60.0, 60.0)
    assert reading.output_percent == pytest.approx(14.7, abs=0.3)
    assert reading.faults == frozenset()
    assert rig.oven.memory.writes == driver.stored_writes == (1 if keeping is SetPointKeeping.STORED else 0)
    await driver.close()
