"""What an oven does with a set point: without its host, in a small step, by a thermometer, with its door open.

Reference smu-and-ovens, sections 19, 23, 27 and 28.
"""

from __future__ import annotations

import asyncio

from drivers.oven.settings import SetPointKeeping
from drivers.temperatures import OvenFault
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.oven_hands import MARGIN_K, STEP_K, OvenHands
from orchestrator.commissioning.oven_panel import CONTROLS, NO, RUN_AGAIN, YES
from orchestrator.commissioning.oven_talk import SHOWN
from orchestrator.commissioning.questions import Found, Outcome, Setting

THERMOMETER = "What does a thermometer show that stands in the middle of the oven?"
OPEN_DOOR, CLOSE_DOOR = "Open the door, wide.", "Close the door."
SILENT_S = 120.0
STEP_S = 2400.0
_STAYS_S = 600.0
_LEAST_STEP_K = 2.0
_WITHIN_K = 0.5
_NEAR_K = 0.5
_SHOWN_K = 1.0
_DOOR_S = 30.0
_DOOR_EVERY_S = 5.0
_DISAGREES_K = 5.0
_SHARE_OF_TIMEOUT = 0.5
_PART = 0.632


async def silence(hands: OvenHands) -> Found:
    """Order a set point, hang up and say nothing, then look at what it follows."""
    # Nobody writes it again: that is what is asked.
    refresh_s, hands.settings = hands.settings.refresh_s, hands.settings.model_copy(update={"refresh_s": None})
    wanted = await hands.order(await hands.other_set_point())
    await hands.close()
    await asyncio.sleep(SILENT_S)
    reading = await hands.read()
    # A remote set point stands in its register also where the controller follows it no more.
    there = reading.working_degc
    evidence: dict[str, Fact] = {"ordered_degc": wanted, "after_silence_degc": there}
    # Its status may not tell of standby: a person sees it.
    seen = NO if OvenFault.NOT_CONTROLLING in reading.faults else await hands.chooses(CONTROLS, (YES, NO))
    if seen is None:
        return Found(Outcome.UNDECIDED, "nobody has seen whether it controls after the silence", evidence)
    stops = seen == NO
    if stops and abs(there - wanted) <= _NEAR_K:
        if not await hands.does(RUN_AGAIN):
            return Found(Outcome.WRONG, "it stopped when nobody spoke, and is in standby still", evidence)
        told = f"it stops within {SILENT_S:g} s when nobody speaks to it: cells cool down when this computer dies"
        return Found(Outcome.FOUND, told, evidence, {"when_silent": "stops"})
    if abs(there - wanted) <= _NEAR_K:
        told = f"it stays at {wanted:g} degC while nobody speaks to it for {SILENT_S:g} s"
        return Found(Outcome.FOUND, told, evidence, {"when_silent": "stays"})
    facts: dict[str, Fact] = {"when_silent": "falls back", "falls_back_to_degc": there}
    told = f"it falls back to {there:g} degC within {SILENT_S:g} s when nobody speaks to it"
    if there > hands.warmest_degc:
        return Found(Outcome.WRONG, f"{told}: set that lower, at its panel", evidence, facts)
    if hands.settings.set_point is not SetPointKeeping.VOLATILE:
        return Found(Outcome.WRONG, f"{told}, although its set point is said to be stored", evidence, facts)
    return await _falls_back(hands, refresh_s, told, evidence, facts)


async def _falls_back(
    hands: OvenHands, refresh_s: float | None, told: str, evidence: dict[str, Fact], facts: dict[str, Fact]
) -> Found:
    """Find out whether readings keep a set point that is stored nowhere, else after which time it is lost."""
    # What stands in the register already would not be written.
    wanted = await hands.order(await hands.other_set_point())
    ordered_s = hands.wall_time()
    fallen = await hands.watch(lambda seen: abs(seen.working_degc - wanted) > _NEAR_K, SILENT_S)
    if fallen is None:
        told = f"{told}, and stays while it is read every {hands.settings.poll_period_s:g} s"
        return Found(Outcome.FOUND, told, evidence, {**facts, "readings_keep_it": True})
    after_s = hands.wall_time() - ordered_s
    every_s = max(1.0, round(_SHARE_OF_TIMEOUT * (after_s - hands.settings.poll_period_s), 1))
    told = f"{told}, after {after_s:.0f} s; it is written again every {every_s:g} s"
    facts |= {"readings_keep_it": False, "kept_s": round(after_s, 1), "refresh_s": every_s}
    settings = () if refresh_s == every_s else (Setting(("refresh_s",), every_s),)
    return Found(Outcome.FOUND, told, evidence, facts, settings)


async def step(hands: OvenHands) -> Found:
    """Order a small step, and follow it to its end."""
    first = await hands.temperature()
    target = _stepped(hands, first)
    if (rises_k := target - first) < _LEAST_STEP_K:
        told = f"it is {first:g} degC warm, too near to {hands.warmest_degc:g}: let it cool, then ask this again"
        return Found(Outcome.UNDECIDED, told, {"temperature_degc": first})
    await hands.order(target)
    began_s = hands.wall_time()
    most, part_s, within_s = first, 0.0, 0.0
    while (now_s := hands.wall_time() - began_s) < STEP_S:
        temperature = await hands.temperature()
        most = max(most, temperature)
        if not part_s and temperature >= first + _PART * rises_k:
            part_s = now_s
        within_s = (within_s or now_s) if abs(temperature - target) <= _WITHIN_K else 0.0
        if within_s and now_s - within_s >= _STAYS_S:
            break
        await asyncio.sleep(hands.settings.poll_period_s)
    evidence: dict[str, Fact] = {"from_degc": first, "to_degc": target, "highest_degc": most}
    if not part_s or not within_s:
        told = f"it does not stay within {_WITHIN_K:g} K of {target:g} degC in {STEP_S / 60:.0f} min"
        return Found(Outcome.UNDECIDED, told, evidence)
    shown, there = await hands.reads(SHOWN, "degC"), await hands.temperature()
    evidence |= {"shown_degc": "nothing" if shown is None else shown, "on_the_wire_degc": there}
    if shown is not None and abs(shown - there) > _SHOWN_K:
        told = f"{there:g} degC on the wire where {shown:g} are shown, and they agreed before: it is scaled otherwise"
        return Found(Outcome.WRONG, told, evidence)
    facts: dict[str, Fact] = {
        "time_constant_s": round(part_s, 1),
        "settles_s": round(within_s, 1),
        "overshoot_k": round(max(0.0, most - target), 2),
    }
    told = (
        f"a step of {rises_k:.1f} K: two thirds after {part_s:.0f} s, within {_WITHIN_K:g} K after {within_s:.0f} s, "
        f"{facts['overshoot_k']:g} K too far"
    )
    return Found(Outcome.FOUND, told, evidence, facts)


def _stepped(hands: OvenHands, first: float) -> float:
    """Return a step above a temperature, as far as the stated one allows."""
    return float(round(min(first + STEP_K, hands.warmest_degc - MARGIN_K)))


async def thermometer(hands: OvenHands) -> Found:
    """Compare the oven's own temperature with that of a thermometer inside."""
    beside = await hands.probe() if hands.probe is not None else await hands.reads(THERMOMETER, "degC")
    own = await hands.temperature()
    if beside is None:
        return Found(Outcome.UNDECIDED, "no thermometer was read", {"own_degc": own})
    off_k = round(own - beside, 2)
    evidence: dict[str, Fact] = {"own_degc": own, "thermometer_degc": beside}
    told = f"the oven shows {own:g} degC, a thermometer in it {beside:g}"
    outcome = Outcome.FOUND if abs(off_k) <= _DISAGREES_K else Outcome.WRONG
    return Found(outcome, told, evidence, {"oven_by_thermometer_k": off_k})


async def door(hands: OvenHands) -> Found:
    """Warm it up a little, let a person open the door for half a minute, and see how that shows."""
    first = await hands.temperature()
    # Warm from the step, it is not made warmer.
    target = await hands.order(_stepped(hands, min(first, hands.coldest_degc)))
    warm = await hands.watch(lambda seen: (seen.temperature_degc or -999.0) >= target - _SHOWN_K, STEP_S / 2)
    if warm is None or warm.temperature_degc is None:
        return Found(Outcome.UNDECIDED, f"it does not warm up to {target:g} degC")
    if not await hands.does(OPEN_DOOR, CLOSE_DOOR):
        return Found(Outcome.UNDECIDED, "the door was not opened")
    least = warm.temperature_degc
    until_s = hands.wall_time() + _DOOR_S
    while hands.wall_time() < until_s:
        await asyncio.sleep(_DOOR_EVERY_S)
        least = min(least, await hands.temperature())
    if not await hands.does(CLOSE_DOOR):
        return Found(Outcome.WRONG, "its door is open still")
    drop_k = round(warm.temperature_degc - least, 2)
    told = f"an open door takes {drop_k:g} K off {warm.temperature_degc:g} degC within {_DOOR_S:g} s"
    return Found(Outcome.FOUND, told, {"lowest_degc": least}, {"door_drop_k": drop_k})
