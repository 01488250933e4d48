"""What is asked of an oven's controller itself: its line, its numbers, and what it answers to what it has not.

Reference smu-and-ovens, sections 18 to 20, 24, 27 and 28. What only its display shows is read from it by a person.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

from drivers.errors import ConnectionFailed, Refused
from drivers.oven.wire import RefusedByUnit
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.oven_hands import MARGIN_K, STEP_K, OvenHands
from orchestrator.commissioning.questions import Found, Outcome, Setting

SHOWN = "What temperature does the oven's display show?"
SHOWN_SET_POINT = "What set point does the oven's display show?"
_SLOW_S = 5.0
_NEAR_K = 1.0
"""A display without decimals, and half a minute between it and the wire."""
_COARSE = 0.2
"""Meanings of a number are a factor of ten apart, and an oven moves while they are tried."""
_SCALES = (1.0, 0.1, 0.01, 0.001)
_ASKED_TIMES = 20
_TIMEOUT_FACTOR = 4.0
_HOLE = 0x7FF0
"""An address that none of the known controllers has."""
_WRITING_OFF, _WRITING_ON = 0x0000, 0x0001
_WORKING_S = 10.0


async def identity(hands: OvenHands) -> Found:
    """Connect as the bench file says, else more slowly, else with another parity."""
    evidence: dict[str, Fact] = {}
    for changes in _lines(hands):
        said = ", ".join(f"{name} {value}" for name, value in changes.items()) or "as the bench file says"
        try:
            oven = await hands.driver(scale=1.0, link=changes)
        except ConnectionFailed as err:
            evidence[said] = str(err)[:300]
            continue
        evidence[said] = "answers"
        settings = tuple(Setting(("link", name), value) for name, value in changes.items())
        facts: dict[str, Fact] = {"versions": oven.identity, **changes}
        return Found(Outcome.FOUND, f"{oven.identity}, {said}", evidence, facts, settings)
    told = "nobody answers: see power, wires, unit number, baud rate, and whether Modbus is chosen at its panel"
    return Found(Outcome.WRONG, told, evidence)


def _lines(hands: OvenHands) -> Iterator[dict[str, Any]]:
    link = hands.settings.link
    yield {}
    slow = {"reply_timeout_s": max(_SLOW_S, link.reply_timeout_s)}
    if link.kind == "rtu":
        for parity in "NEO":
            if parity != link.parity:
                yield {"parity": parity}
    yield slow
    if link.kind == "rtu":
        for parity in "NEO":
            if parity != link.parity:
                yield {"parity": parity, **slow}


async def scale(hands: OvenHands) -> Found:
    """Compare the temperature on the wire with that on the display, in each way in which it may be meant."""
    shown = await hands.reads(SHOWN, "degC")
    evidence: dict[str, Fact] = {"shown_degc": "nothing" if shown is None else shown}
    if shown is None or abs(shown) < 2 * _NEAR_K:
        return Found(Outcome.UNDECIDED, "it needs a display that shows a temperature away from 0 degC", evidence)
    for changes in _meanings(hands):
        said = ", ".join(f"{name} {value}" for name, value in changes.items()) or "as the bench file says"
        try:
            found = (await (await hands.driver(**changes)).read()).temperature_degc
        except ConnectionFailed as err:
            evidence[said] = str(err)[:300]
            continue
        evidence[said] = "none" if found is None else found
        if found is None or abs(found - shown) > _COARSE * abs(shown):
            continue
        if abs(found - shown) > _NEAR_K:
            # It may have moved meanwhile.
            if (again := await hands.reads(SHOWN, "degC")) is None:
                return Found(Outcome.UNDECIDED, "its display was not read once more", evidence)
            shown = again
            found = await _temperature(hands, changes)
            evidence[f"{said}, once more"], evidence["then_shown_degc"] = found, shown
        if abs(found - shown) <= 2 * _NEAR_K:
            settings = tuple(Setting((name,), value) for name, value in changes.items())
            fixed = "; the decimals of its display must not be changed any more" if "scale" in changes else ""
            told = f"{found:g} degC on the wire where {shown:g} are shown, {said}{fixed}"
            return Found(Outcome.FOUND, told, evidence, {"fits_display": True, **changes}, settings)
    told = f"no number on the wire is the {shown:g} degC of the display: its register map is another one"
    return Found(Outcome.WRONG, told, evidence)


async def _temperature(hands: OvenHands, changes: dict[str, Any]) -> float:
    """Return the temperature on the wire, 0 K where there is none."""
    found = (await (await hands.driver(**changes)).read()).temperature_degc
    return -273.15 if found is None else found


def _meanings(hands: OvenHands) -> Iterator[dict[str, Any]]:
    """Return settings of numbers; a scale that is learnt is better than one that is written down."""
    yield {}
    yield {"word_order": "low" if hands.settings.registers.word_order == "high" else "high"}
    if hands.settings.registers.decimals is not None:
        for one in _SCALES:
            yield {"scale": one}


async def set_point(hands: OvenHands) -> Found:
    """Compare the set point on the wire with that on the display, before any is ordered, and see that it is cool."""
    shown = await hands.reads(SHOWN_SET_POINT, "degC")
    reading = await hands.read()
    there, temperature = reading.target_degc, reading.temperature_degc
    evidence: dict[str, Fact] = {"shown_degc": "nothing" if shown is None else shown, "on_the_wire_degc": there}
    if shown is None or temperature is None:
        return Found(Outcome.UNDECIDED, "nobody has read its set point", evidence)
    if abs(shown - there) > _NEAR_K:
        told = (
            f"the display shows a set point of {shown:g} degC, the register {there:g}: write a [map] with the right one"
        )
        return Found(Outcome.WRONG, told, evidence | await _shown_at(hands, shown))
    evidence["temperature_degc"] = temperature
    if max(there, temperature + STEP_K + MARGIN_K) > hands.warmest_degc:
        told = (
            f"at {temperature:g} degC, set to {there:g}, a step of {STEP_K:g} K may pass the stated "
            f"{hands.warmest_degc:g} degC: let it cool, or state more with --warmest"
        )
        return Found(Outcome.WRONG, told, evidence)
    facts: dict[str, Fact] = {"set_point_register": hands.settings.way.setpoint.address}
    return Found(Outcome.FOUND, f"the register holds the {there:g} degC of the display", evidence, facts)


async def _shown_at(hands: OvenHands, shown: float) -> dict[str, Fact]:
    """Look at which of the map's other addresses the shown set point stands."""
    factor = (await hands.driver()).set_point_step_k
    found = []
    for name, entry in hands.settings.registers.read.items():
        try:
            if abs(await hands.word_at(entry.address) * factor - shown) <= _NEAR_K:
                found.append(f"{name} at {entry.address}")
        except (ConnectionFailed, Refused):
            continue
    return {"it_stands_at": ", ".join(found) or "none of the map's registers"}


async def order(hands: OvenHands) -> Found:
    """Order a set point next to the temperature, read it back, and let a person read the display."""
    wanted = await hands.other_set_point()
    evidence: dict[str, Fact] = {"ordered_degc": wanted}
    try:
        await hands.order(wanted)
    except RefusedByUnit as err:
        told = f"it takes no set point (exception {err.code}): allow writing by communication at its panel"
        return Found(Outcome.WRONG, told, evidence | {"exception": err.code})
    shown = await hands.reads(SHOWN_SET_POINT, "degC")
    await asyncio.sleep(_WORKING_S)
    working = (await hands.read()).working_degc
    evidence |= {"shown_degc": "nothing" if shown is None else shown, "working_degc": working}
    if shown is None:
        return Found(Outcome.UNDECIDED, "nobody has read its set point", evidence)
    if abs(shown - wanted) > 0.5 * _NEAR_K:
        told = f"{wanted:g} degC were ordered and read back, and its display shows {shown:g}: that is another register"
        return Found(Outcome.WRONG, told, evidence)
    ramps = abs(working - wanted) > 0.5 * _NEAR_K
    told = f"{wanted:g} degC ordered, read back and shown{'; a ramp of its own holds it back' if ramps else ''}"
    return Found(Outcome.FOUND, told, evidence, {"takes_set_points": True, "has_own_ramp": ramps})


async def reply_time(hands: OvenHands) -> Found:
    """Ask one register again and again."""
    loop = asyncio.get_running_loop()
    address, longest_s = hands.settings.registers.read["pv"].address, 0.0
    await hands.word_at(address)
    for _ in range(_ASKED_TIMES):
        began_s = loop.time()
        await hands.word_at(address)
        longest_s = max(longest_s, loop.time() - began_s)
    now_s, wanted_s = hands.settings.link.reply_timeout_s, math.ceil(10 * _TIMEOUT_FACTOR * longest_s) / 10
    # A wait that was only raised to find anybody is brought to what it needs.
    changes = wanted_s > now_s or (now_s == _SLOW_S and wanted_s < now_s)
    facts: dict[str, Fact] = {"reply_s": round(longest_s, 3), **({"reply_timeout_s": wanted_s} if changes else {})}
    settings = (Setting(("link", "reply_timeout_s"), wanted_s),) if changes else ()
    told = f"the slowest of {_ASKED_TIMES} replies took {longest_s:.3f} s; {now_s:g} s are waited for one"
    return Found(Outcome.FOUND, told, {"longest_s": round(longest_s, 4)}, facts, settings)


async def hole(hands: OvenHands) -> Found:
    """Read a register that there is not."""
    try:
        answer = f"value {await hands.word_at(_HOLE)}"
    except RefusedByUnit as err:
        answer = f"exception {err.code}"
    except ConnectionFailed:
        answer = "silence"
    told = f"a register that it has not is answered by {answer}"
    return Found(Outcome.FOUND, told, {"answer": answer}, {"hole_reply": answer})


async def refused(hands: OvenHands) -> Found:
    """Forbid writing, order the present set point once more, and allow writing again."""
    way = hands.settings.way
    if not any(one.command == _WRITING_ON for one in way.prepare):
        return Found(Outcome.LEFT_OUT, "its register map has no command that forbids writing")
    there = (await hands.read()).target_degc
    (word,) = await hands.ask(hands.settings.registers.read_function, way.setpoint.address, 1)
    await hands.ask(6, 0, 0, _WRITING_OFF)
    try:
        await hands.ask(way.function, way.setpoint.address, 0, word)
        answer = "taken"
    except RefusedByUnit as err:
        answer = f"exception {err.code}"
    finally:
        await hands.ask(6, 0, 0, _WRITING_ON)
    told = f"with writing forbidden the set point of {there:g} degC, which is there already, is answered by {answer}"
    return Found(Outcome.FOUND, told, {"answer": answer}, {"write_refused": answer})
