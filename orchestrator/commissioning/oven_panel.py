"""What a person does at an oven's panel, and whether the wire tells of it.

Reference smu-and-ovens, sections 19, 20, 24, 27 and 28.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from drivers.errors import ConnectionFailed, Refused
from drivers.oven.settings import SetPointKeeping
from drivers.oven.wire import RefusedByUnit
from drivers.temperatures import OvenFault, OvenReading
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.oven_hands import OvenHands
from orchestrator.commissioning.oven_talk import SHOWN_SET_POINT
from orchestrator.commissioning.questions import Found, Outcome, Setting

STAND_BY = "Put the controller into standby (outputs off) at its panel."
RUN_AGAIN = "Let the controller control again at its panel."
TO_MANUAL = "Put the controller into manual at its panel, with an output of 0 %."
TO_AUTOMATIC = "Put the controller back to automatic at its panel."
SET_ALARM = "Set alarm 1 at the panel to a high alarm 5 K below the temperature that is shown; note what it was."
UNSET_ALARM = "Set alarm 1 back to what it was."
OPEN_SENSOR = "Pull the oven's sensor off its controller, if that can be done without touching mains."
CLOSE_SENSOR = "Put the sensor back."
POWER_CYCLE = "Switch the controller off, wait ten seconds, and switch it on again."
HIGHEST = "Up to which set point does the controller go, by its panel (set point high limit)?"
CONTROLS = "Does the controller control now, by its display?"
YES, NO = "yes", "no"
_SEEN_AFTER_S = 15.0
_BOOTS_WITHIN_S = 120.0
_PAUSE_S = 2.0
_BELOW_ZERO_DEGC = -5.0
_NEAR_K = 0.5
_HEATS_PERCENT = 1.0
_PLAUSIBLE_K = 20.0
_SHOWN = {"stale": "the last one", "rail": "at the end of its range"}
_CANNOT = Found(Outcome.UNDECIDED, "it could not be done")


async def standby(hands: OvenHands) -> Found:
    """See that it is told whether the controller controls: now, and in standby."""
    evidence: dict[str, Fact] = {}
    liars: list[str] = []
    if not await _controls(hands):
        if (seen := await hands.chooses(CONTROLS, (YES, NO))) is None:
            return Found(Outcome.UNDECIDED, "it is said not to control, and nobody has looked at its display")
        if seen == NO:
            return Found(Outcome.WRONG, "it does not control: let it control, at its panel", {"controls": False})
        liars = await _liars(hands)
        if not liars:
            told = "its status says that it does not control, and its display that it does: its map is another one"
            return Found(Outcome.WRONG, told, {"controls": True})
        evidence["not what the map says"] = ", ".join(liars)
        hands.settings = hands.settings.model_copy(update={"without": (*hands.settings.without, *liars)})
    if not await hands.does(STAND_BY, RUN_AGAIN):
        told = "standby could not be tried"
        return _with_liars(Found(Outcome.UNDECIDED, told, evidence), hands, liars)
    is_told = not await _controls(hands)
    if not await hands.does(RUN_AGAIN):
        return Found(Outcome.WRONG, "it is in standby still: let it control, at its panel", evidence)
    if not await _controls(hands):
        return Found(Outcome.WRONG, "it controls again, and is not told to", evidence)
    if not is_told and "mode" in hands.settings.registers.read and "mode" not in liars:
        liars.append("mode")
    told = "standby is told" if is_told else "standby is not told: only the temperature shows it"
    found = Found(Outcome.FOUND, told, evidence | {"told": is_told}, {"standby_is_told": is_told})
    return _with_liars(found, hands, liars)


async def _controls(hands: OvenHands) -> bool:
    """Return whether the oven is said to control, some seconds after a person did something."""
    await asyncio.sleep(_SEEN_AFTER_S)
    if hands.settings.set_point is SetPointKeeping.VOLATILE:
        # One that was given up, because nobody wrote it again, is not under control either.
        with contextlib.suppress(Refused):
            await hands.order(await hands.other_set_point())
        await asyncio.sleep(_PAUSE_S)
    return OvenFault.NOT_CONTROLLING not in (await hands.read()).faults


async def _liars(hands: OvenHands) -> list[str]:
    """Return the registers without which the oven is not said to be out of control."""
    names = [name for name, entry in hands.settings.registers.read.items() if entry.running]
    for some in [[name] for name in names] + [names]:
        reading = await (await hands.driver(without=tuple(some))).read()
        if OvenFault.NOT_CONTROLLING not in reading.faults:
            return some
    return []


def _with_liars(found: Found, hands: OvenHands, liars: list[str]) -> Found:
    """Return an answer with the setting that leaves registers out."""
    if not liars:
        return found
    without = list(dict.fromkeys((*hands.settings.without, *liars)))
    facts = {**found.facts, "without": " ".join(without)}
    told = f"{found.concluded}; {', '.join(liars)} is no such register here, and is left out"
    return Found(found.outcome, told, found.evidence, facts, (Setting(("without",), without),))


async def manual(hands: OvenHands) -> Found:
    """See that it is told when the controller is in manual."""
    if not await hands.does(TO_MANUAL, TO_AUTOMATIC):
        return _CANNOT
    is_told = not await _controls(hands)
    if not await hands.does(TO_AUTOMATIC):
        return Found(Outcome.WRONG, "it is in manual still: put it to automatic, at its panel")
    if not await _controls(hands):
        return Found(Outcome.WRONG, "it is back to automatic, and still said to be in manual", {"told": is_told})
    told = "manual is told" if is_told else "manual is not told: only the temperature shows it"
    return Found(Outcome.FOUND, told, {"told": is_told}, {"manual_is_told": is_told})


async def limits(hands: OvenHands) -> Found:
    """Let a person read the controller's own limit; the bench file's never lies above it."""
    highest = await hands.reads(HIGHEST, "degC")
    if highest is None:
        return Found(Outcome.UNDECIDED, "nobody has read the controller's own limit")
    evidence: dict[str, Fact] = {"limit_degc": highest, "high_degc": hands.settings.high_degc}
    if highest <= hands.settings.safe_degc:
        told = f"its own limit, {highest:g} degC, lies below safe_degc, {hands.settings.safe_degc:g}"
        return Found(Outcome.WRONG, told, evidence)
    settings = (Setting(("high_degc",), highest),) if highest < hands.settings.high_degc else ()
    told = f"it goes to {highest:g} degC by itself; no set point above {hands.settings.high_degc:g} is ordered"
    if highest > hands.settings.high_degc:
        told += ": lower its own limit to that, for whoever sets it by hand"
    return Found(Outcome.FOUND, told, evidence, {"own_limit_degc": highest}, settings)


async def alarm(hands: OvenHands) -> Found:
    """Let a person make the controller's alarm true."""
    if not await hands.does(SET_ALARM, UNSET_ALARM):
        return _CANNOT
    await asyncio.sleep(_SEEN_AFTER_S)
    is_told = OvenFault.ALARM in (await hands.read()).faults
    if not await hands.does(UNSET_ALARM):
        return Found(Outcome.WRONG, "its alarm 1 is still set for this trial: set it back")
    told = "an alarm of the controller is told" if is_told else "no alarm of the controller is told: our bands are all"
    return Found(Outcome.FOUND, told, {"told": is_told}, {"alarm_is_told": is_told})


async def sensor_break(hands: OvenHands) -> Found:
    """Let a person open the sensor's wire, and see what is told and whether it heats."""
    address = hands.settings.registers.read["pv"].address
    before = await hands.word_at(address)
    if not await hands.does(OPEN_SENSOR, CLOSE_SENSOR):
        return _CANNOT
    await asyncio.sleep(_SEEN_AFTER_S)
    reading = await hands.read()
    raw = await hands.word_at(address)
    if not await hands.does(CLOSE_SENSOR):
        return Found(Outcome.WRONG, "its sensor is off still: put it back")
    is_told = OvenFault.SENSOR_OPEN in reading.faults
    moved_k = abs(raw - before) * (await hands.driver()).set_point_step_k
    shows = "stale" if moved_k < _PLAUSIBLE_K else "rail"
    output = reading.output_percent
    evidence: dict[str, Fact] = {
        "told": is_told,
        "moved_k": moved_k,
        "output_percent": "?" if output is None else output,
    }
    facts: dict[str, Fact] = {"sensor_break_is_told": is_told, "on_sensor_break": shows}
    if output is not None and output > _HEATS_PERCENT:
        told = f"with its sensor open it heats with {output:g} %: set its safe output to 0, at its panel"
        return Found(Outcome.WRONG, told, evidence, {**facts, "heats_on_sensor_break": True})
    whether = "told" if is_told else "not told: put a thermometer in the oven, or it looks like one that is frozen"
    facts["heats_on_sensor_break"] = False
    return Found(Outcome.FOUND, f"an open sensor is {whether}; the value is then {_SHOWN[shows]}", evidence, facts)


async def power_on(hands: OvenHands) -> Found:
    """Order a set point, let a person switch the controller off and on, and read what is set then."""
    wanted = await hands.order(await hands.other_set_point())
    await hands.close()
    if not await hands.does(POWER_CYCLE):
        return _CANNOT
    reading = await _once_booted(hands)
    there = reading.target_degc
    is_kept = abs(there - wanted) <= _NEAR_K
    controls = OvenFault.NOT_CONTROLLING not in reading.faults
    evidence: Mapping[str, Fact] = {"ordered_degc": wanted, "after_power_on_degc": there, "controls": controls}
    facts: dict[str, Fact] = {
        "keeps_set_point": is_kept,
        "after_power_on_degc": there,
        "controls_after_power_on": controls,
    }
    if there > hands.warmest_degc:
        told = f"after a power cut it goes to {there:g} degC: set that lower at its panel"
        return Found(Outcome.WRONG, told, evidence, facts)
    told = f"after a power cut {wanted:g} degC are {'kept' if is_kept else f'gone: it goes to {there:g} degC'}"
    return Found(Outcome.FOUND, told if controls else f"{told}, and does not control", evidence, facts)


async def _once_booted(hands: OvenHands) -> OvenReading:
    """Read the oven as soon as its controller answers again."""
    until_s = hands.wall_time() + _BOOTS_WITHIN_S
    while True:
        try:
            return await hands.read()
        except ConnectionFailed:
            if hands.wall_time() >= until_s:
                raise
        await asyncio.sleep(_PAUSE_S)


async def sign(hands: OvenHands) -> Found:
    """Order a set point below zero where the bench file allows one, and let a person read the display."""
    if hands.settings.low_degc > _BELOW_ZERO_DEGC:
        told = f"low_degc is {hands.settings.low_degc:g}: no set point below zero is ever ordered"
        return Found(Outcome.LEFT_OUT, told)
    evidence: dict[str, Fact]
    own_degc = (await hands.driver()).own_limits_degc
    if own_degc is not None and own_degc[0] > _BELOW_ZERO_DEGC:
        told = f"its own limit is {own_degc[0]:g} degC: none below {max(0.0, own_degc[0]):g} degC is ordered"
        settings = (Setting(("low_degc",), max(0.0, own_degc[0])),)
        return Found(Outcome.FOUND, told, {"lowest_degc": own_degc[0]}, {"own_lowest_degc": own_degc[0]}, settings)
    try:
        await hands.order(_BELOW_ZERO_DEGC)
    except RefusedByUnit as err:
        told = f"{_BELOW_ZERO_DEGC:g} degC are refused (exception {err.code}): none below zero is ordered"
        evidence = {"exception": err.code}
        settings = (Setting(("low_degc",), 0.0),)
        return Found(Outcome.FOUND, told, evidence, {"negative_is_signed": False}, settings)
    shown = await hands.reads(SHOWN_SET_POINT, "degC")
    evidence = {"ordered_degc": _BELOW_ZERO_DEGC, "shown_degc": "nothing" if shown is None else shown}
    if shown is None:
        return Found(Outcome.UNDECIDED, "nobody has read its set point", evidence)
    if abs(shown - _BELOW_ZERO_DEGC) > _NEAR_K:
        told = f"{_BELOW_ZERO_DEGC:g} degC were ordered, and {shown:g} are shown: it writes negative numbers otherwise"
        return Found(Outcome.WRONG, told, evidence)
    return Found(Outcome.FOUND, f"{shown:g} degC is ordered and shown", evidence, {"negative_is_signed": True})
