"""An oven's line under random faults: every reading is right or refused by name, every order obeyed or told."""

from __future__ import annotations

import asyncio
import random

import pytest

from drivers.errors import CannotRun, ConnectionFailed, DriverError
from simulators.faults import Fault, Spoil
from tests.oven_rig import EUROTHERM, OMRON, OvenRig

_SPOILS = [
    *(Spoil.BYTE_BY_BYTE, Spoil.LATE, Spoil.CUT, Spoil.CLOSED, Spoil.SILENT, Spoil.GARBAGE_BEFORE, Spoil.GARBAGE_AFTER),
    *(Spoil.TWICE, Spoil.WITH_NEXT, Spoil.STALE, Spoil.FLIPPED),
]


def _spoil(chance: random.Random, rig: OvenRig) -> None:
    """Spoil the next replies somehow. Nothing but a checksum tells a flipped bit, and TCP has its own."""
    spoil = chance.choice([one for one in _SPOILS if not (rig.is_tcp and one is Spoil.FLIPPED)])
    rig.line.wire.spoil(
        Fault(
            spoil,
            chance.choice([None, "3", "6", "8"]),
            times=chance.choice([1, 1, 2, 3]),
            seconds=chance.choice([0.1, 0.9, 1.1, 2.2, 4.5]),
            at=chance.randrange(-6, 8),
            filler=chance.randbytes(chance.randrange(1, 12)),
        )
    )


async def _read(rig: OvenRig) -> int:
    """Read; a value is the oven's own, or there is none. Give how many readings came."""
    try:
        reading = await rig.driver.read()
    except ConnectionFailed:
        return 0
    assert reading.temperature_degc == pytest.approx(rig.oven.shown_degc, abs=1.0)
    assert reading.target_degc == rig.oven.target_degc
    return 1


async def _order(rig: OvenRig, target_degc: float) -> int:
    """Order; what raises nothing is so, and what says that nothing was sent is as it was. Give how many were obeyed."""
    before_degc = rig.oven.target_degc
    try:
        await rig.driver.set_target(target_degc)
    except (CannotRun, ConnectionFailed):
        assert rig.oven.target_degc == before_degc
        return 0
    except DriverError:
        assert rig.oven.target_degc in {before_degc, target_degc}
        return 0
    assert rig.oven.target_degc == target_degc
    return 1


@pytest.mark.parametrize("link", [{}, {"kind": "tcp", "host": "127.0.0.1"}], ids=["rtu", "tcp"])
@pytest.mark.parametrize("model", [EUROTHERM, OMRON])
async def test_nothing_wrong_gets_through_a_line_that_fails_at_random(model: str, link: dict[str, str]) -> None:
    """Faults A01, A04 to A06, A07, A08, A12 at random: no wrong value, no order that is not told; then all is well."""
    chance = random.Random(f"{model} {link}")
    rig = OvenRig((model,), link=link, reconnect_first_s=0.1, reconnect_longest_s=0.5, most_writes_per_day=10_000)
    await rig.driver.open()
    read = obeyed = 0
    for _ in range(80):
        if chance.random() < 0.3:
            _spoil(chance, rig)
        if chance.random() < 0.6:
            read += await _read(rig)
        else:
            obeyed += await _order(rig, chance.choice([30.0, 40.5, 60.0, 77.7]))
        await asyncio.sleep(chance.choice([0.05, 1.0, 5.0]))
    assert min(read, obeyed) > 5
    rig.line.wire.mend()
    await asyncio.sleep(10.0)
    assert await _read(rig) == await _order(rig, 50.0) == 1
    await rig.close()
