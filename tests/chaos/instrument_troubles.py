"""What may happen at the oven and at the source meters of a night; each says whether it found something to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from simulators.faults import Fault, Spoil
from simulators.oven.oven import SimulatedOven
from tests.chaos.instruments import INSIDE, SMUS, Instruments
from tests.chaos.orders import submit
from tests.chaos.plan import Happening, pick

if TYPE_CHECKING:
    from tests.chaos.night import Night

# A flipped bit and an exchanged word are told by the frame of RTU; a line of SCPI has no checksum.
_OVEN_SPOILS = (
    *(Spoil.SILENT, Spoil.CUT, Spoil.CLOSED, Spoil.GARBAGE_BEFORE, Spoil.GARBAGE_AFTER, Spoil.TWICE, Spoil.WITH_NEXT),
    *(Spoil.STALE, Spoil.FLIPPED, Spoil.BYTE_BY_BYTE, Spoil.LATE),
)
_SMU_SPOILS = (
    *(Spoil.SILENT, Spoil.CUT, Spoil.HALF, Spoil.CLOSED, Spoil.GARBAGE_BEFORE, Spoil.TWICE, Spoil.STALE),
    *(Spoil.LATE, Spoil.IN_HALVES, Spoil.BYTE_BY_BYTE),
)
_LATE_S = (0.3, 1.2, 2.5, 9.0)
# As long as an oven may take to be warm and soaked.
_LONGEST_SOAK_S = 3600.0
_LOOK_S = 1.0


def _at(night: Night) -> Instruments:
    assert night.instruments is not None
    return night.instruments


def _smu(it: Happening) -> str:
    return pick(SMUS, it.luck * 97 % 1)


# Orders and kills -----------------------------------------------------------------------------------------------------


async def submit_inside(night: Night, it: Happening) -> bool:
    """Order a run on a channel in the oven."""
    return await submit(night, replace(it, channel=pick(INSIDE, it.luck * 31 % 1)))


async def submit_smu(night: Night, it: Happening) -> bool:
    """Order a run on a source meter."""
    return await submit(night, replace(it, channel=_smu(it)))


async def _kill(night: Night, it: Happening) -> bool:
    if night.host.process is None:
        return False
    night.kill()
    await asyncio.sleep(it.luck * 7919 % 1 * 1800.0)
    night.host.start()
    return True


async def killed_in_soak(night: Night, it: Happening) -> bool:
    """Order a run in the oven, and kill the service while it is heated or soaks."""
    if not await submit_inside(night, it):
        return False
    await asyncio.sleep(it.lasts_s)
    return await _kill(night, it)


async def killed_at_set_point(night: Night, it: Happening) -> bool:
    """Kill the service just when it orders a set point."""
    oven = _at(night).oven
    await submit_inside(night, it)
    before, end_s = oven.target_degc, asyncio.get_running_loop().time() + _LONGEST_SOAK_S
    while oven.target_degc == before:
        if asyncio.get_running_loop().time() > end_s:
            return False
        await asyncio.sleep(0.05)
    await asyncio.sleep(it.luck * 13 % 1 * 0.5)
    return await _kill(night, it)


async def killed_while_driving(night: Night, it: Happening) -> bool:
    """Kill the service while a source meter drives a cell."""
    await submit_smu(night, it)
    unit = _at(night).units[_smu(it)].instrument.unit
    for _ in range(600):
        if unit.output and night.host.process is not None:
            await asyncio.sleep(it.lasts_s)
            return await _kill(night, it)
        await asyncio.sleep(_LOOK_S)
    return False


# The oven -------------------------------------------------------------------------------------------------------------


def _oven(befall: Callable[[SimulatedOven], None]) -> Callable[[Night, Happening], Awaitable[bool]]:
    async def happen(night: Night, it: Happening) -> bool:
        at = _at(night)
        with night.oven_trouble():
            befall(at.oven)
            await asyncio.sleep(it.lasts_s)
            if not at.oven.has_power:
                at.oven.restore_power()
            at.oven.mend()
        return True

    return happen


async def oven_line_spoiled(night: Night, it: Happening) -> bool:
    """Spoil some replies of the oven."""
    spoil = pick(_OVEN_SPOILS, it.luck * 7919 % 1)
    late_s, times = pick(_LATE_S, it.luck * 71 % 1), pick((1, 3, None), it.luck * 13 % 1)
    with night.oven_trouble():
        command = pick((None, "3", "6"), it.luck)
        _at(night).line.wire.spoil(Fault(spoil, command, times, late_s, at=int(it.luck * 1000) % 8))
        await asyncio.sleep(it.lasts_s)
        _at(night).line.wire.mend()
    return True


async def oven_line_dead(night: Night, it: Happening) -> bool:
    """Let the oven's line be dead for some time."""
    with night.oven_trouble():
        _at(night).cut_line("oven", is_down=True)
        await asyncio.sleep(it.lasts_s)
        _at(night).cut_line("oven", is_down=False)
    return True


async def oven_set_by_hand(night: Night, it: Happening) -> bool:
    """Let somebody choose another set point at the panel, and take it back later."""
    at = _at(night)
    with night.oven_trouble():
        before, at.by_hand_degc = at.oven.target_degc, pick((20.0, 40.0, 55.0, 70.0), it.luck)
        at.oven.set_at_panel(at.by_hand_degc)
        await asyncio.sleep(it.lasts_s)
        if at.oven.target_degc == at.by_hand_degc:
            # Back to what it was, by hand as well.
            at.by_hand_degc = before
            at.oven.set_at_panel(before)
    return True


# The source meters ----------------------------------------------------------------------------------------------------


async def smu_line_spoiled(night: Night, it: Happening) -> bool:
    """Spoil one reply of a source meter, some, or all."""
    unit = _at(night).units[_smu(it)]
    spoil, times = pick(_SMU_SPOILS, it.luck * 7919 % 1), pick((1, 1, 3, None), it.luck * 13 % 1)
    with night.link_trouble():
        command = pick((None, ":OUTP?", ":OUTP"), it.luck)
        unit.wire.spoil(Fault(spoil, command, times, pick(_LATE_S, it.luck * 71 % 1), at=int(it.luck * 1000) % 12))
        await asyncio.sleep(it.lasts_s)
        unit.wire.mend()
    return True


async def smu_line_dead(night: Night, it: Happening) -> bool:
    """Let a source meter's line be dead for some time."""
    with night.link_trouble():
        _at(night).cut_line(_smu(it), is_down=True)
        await asyncio.sleep(it.lasts_s)
        _at(night).cut_line(_smu(it), is_down=False)
    return True


async def smus_swapped(night: Night, it: Happening) -> bool:
    """Let each source meter stand at the other's address for some time."""
    if _at(night).is_swapped:
        return False
    with night.link_trouble():
        _at(night).swap(is_swapped=True)
        await asyncio.sleep(it.lasts_s)
        _at(night).swap(is_swapped=False)
    return True


async def smu_loses_power(night: Night, it: Happening) -> bool:
    """Take the power from a source meter for some time."""
    unit = _at(night).units[_smu(it)]
    if not unit.instrument.unit.powered:
        return False
    with night.link_trouble():
        unit.cut_power()
        await asyncio.sleep(it.lasts_s)
        unit.restore_power()
    return True


async def _by_hand(night: Night, it: Happening, line: str) -> bool:
    unit = _at(night).units[_smu(it)].instrument
    if not unit.unit.powered or not unit.unit.output:
        return False
    with night.link_trouble():
        try:
            unit.set_by_hand(line)
        except ValueError:
            return False  # in the range that is set it takes no such level
        await asyncio.sleep(30.0)
    return True


async def smu_pressed(night: Night, it: Happening) -> bool:
    """Press the output button while it is on."""
    return await _by_hand(night, it, ":OUTP OFF")


async def smu_turned(night: Night, it: Happening) -> bool:
    """Turn the level knob while the output is on."""
    return await _by_hand(night, it, ":SOUR:CURR 1E-5")


TABLE: dict[str, Callable[[Night, Happening], Awaitable[bool]]] = {
    "submit for the oven": submit_inside,
    "submit to a source meter": submit_smu,
    "service killed in a soak": killed_in_soak,
    "service killed at a set point": killed_at_set_point,
    "service killed while a source meter drives": killed_while_driving,
    "oven's line spoiled": oven_line_spoiled,
    "oven's line dead": oven_line_dead,
    "oven loses power": _oven(SimulatedOven.cut_power),
    "oven's door open": _oven(SimulatedOven.open_door),
    "oven's heater stuck": _oven(SimulatedOven.stick_heater),
    "oven's heater open": _oven(SimulatedOven.open_heater),
    "oven's sensor broken": _oven(SimulatedOven.break_sensor),
    "oven's sensor frozen": _oven(SimulatedOven.freeze_sensor),
    "oven set by hand": oven_set_by_hand,
    "source meter's line spoiled": smu_line_spoiled,
    "source meter's line dead": smu_line_dead,
    "source meters swapped": smus_swapped,
    "source meter loses power": smu_loses_power,
    "source meter's output pressed": smu_pressed,
    "source meter's level turned": smu_turned,
}
