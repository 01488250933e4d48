"""Questions to a CT-4008 on voltages and currents: the resistor, below zero, cutoffs, held voltages, ranges."""

from __future__ import annotations

import math

from drivers.errors import Refused
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.questions import Found, Outcome, Setting
from orchestrator.commissioning.tester_hands import TesterHands
from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, ConstantVoltage, Rest, Until

_AT_REST_V = 0.02
"""More than the offset of any channel and less than any cell that is worth protecting."""
_TOLERANCE = 0.1
_TINY = 0.05
_OPEN = 1000.0
_FULL_AFTER_S = 20.0
_PROVEN = 0.95
# The channel's usual lower end where it cannot go below zero (section 1.2).
_FAMILY_LOW_V = 0.025


async def resistor(hands: TesterHands) -> Found:
    """Read the voltage at rest, then pass a tiny current, and the whole one only if it saw the declared resistor."""
    live_v = (await hands.look()).voltage_v
    if abs(live_v) > _AT_REST_V:
        return _no_resistor(live_v, {"rest_v": live_v})
    first = await hands.run([Rest(Until(time_s=5.0)), ConstantCurrent(_TINY * hands.most_a, Until(time_s=5.0))])
    at_rest, tiny = first.settled(1), first.settled(2)
    evidence: dict[str, Fact] = {}
    if at_rest is None or tiny is None:
        return Found(Outcome.WRONG, f"a tiny current ended as {first.state.value}: is the holder empty?")
    evidence |= {"rest_v": at_rest[0], "tiny_v": tiny[0], "tiny_a": tiny[1]}
    if abs(at_rest[0]) > _AT_REST_V:
        return _no_resistor(at_rest[0], evidence)
    if (wrong := _wrong(hands, *tiny)) is not None:
        return Found(Outcome.WRONG, wrong, evidence)
    second = await hands.run([ConstantCurrent(hands.most_a, Until(time_s=10.0))])
    whole = second.settled(1)
    if whole is None:
        return Found(Outcome.WRONG, f"the current ended as {second.state.value} within 3 s", evidence)
    evidence |= {"whole_v": whole[0], "whole_a": whole[1]}
    if (wrong := _wrong(hands, *whole)) is not None:
        return Found(Outcome.WRONG, wrong, evidence)
    ohm = whole[0] / whole[1]
    facts = {"resistance_ohm": float(f"{ohm:.5g}")}
    return Found(Outcome.FOUND, f"{ohm:.5g} ohm; a charge is positive in current and voltage", evidence, facts)


def _no_resistor(at_rest_v: float, evidence: dict[str, Fact]) -> Found:
    said = f"{at_rest_v:.3f} V at rest: that is no resistor; take the cell out"
    return Found(Outcome.WRONG, said, evidence)


def _wrong(hands: TesterHands, voltage_v: float, current_a: float) -> str | None:
    """Say why a reading is not that of the declared resistor under a charge; None where it is."""
    if current_a <= 0:
        return f"a charge reads {current_a * 1000:.4g} mA: it must be positive; nothing here may be trusted"
    if voltage_v < 0:
        return f"a charge of the resistor reads {voltage_v:.4g} V: the sense leads are exchanged; turn them"
    ohm = voltage_v / current_a
    if ohm > _OPEN * hands.ohm:
        return f"{ohm:.2g} ohm where {hands.ohm:g} ohm were declared: the holder is empty, or a lead is off"
    if abs(ohm / hands.ohm - 1) > _TOLERANCE:
        return f"{ohm:.4g} ohm where {hands.ohm:g} ohm were declared: look at the resistor and its contacts"
    return None


async def below_zero(hands: TesterHands) -> Found:
    """Discharge the resistor, which needs a negative voltage."""
    try:
        ran = await hands.run([ConstantCurrent(-hands.most_a, Until(time_s=20.0))])
    except Refused:
        return _below(hands, False, "BTS takes no such program", {})
    reached = ran.settled(1)
    evidence: dict[str, Fact] = {"state": ran.state.value, "reached_v": 0.0 if reached is None else reached[0]}
    if reached is None or reached[0] > -0.5 * hands.most_v:
        return _below(hands, False, f"the test ended as {ran.state.value}, and the voltage did not follow", evidence)
    return _below(hands, True, f"the terminals went to {reached[0]:.4f} V", evidence)


def _below(hands: TesterHands, can: bool, said: str, evidence: dict[str, Fact]) -> Found:
    now_v = hands.unit.voltage_low_v
    wanted_v: float | None = None
    if can and now_v >= 0:
        wanted_v = -math.floor(_PROVEN * hands.most_v * 100) / 100
        said += f"; no more than {wanted_v:g} V is proven, and the datasheet may allow more"
    if not can and now_v < 0:
        wanted_v = _FAMILY_LOW_V
    unit = {"devid": hands.unit.devid, "subdevid": hands.unit.subdevid}
    settings = () if wanted_v is None else (Setting(("units", unit, "voltage_low_v"), wanted_v),)
    return Found(Outcome.FOUND, said, evidence, {"below_zero": can}, settings)


async def stop_below_zero(hands: TesterHands) -> Found:
    """Give two steps a cutoff below zero, of which the first must not reach it and the second must at once."""
    cutoff_v = -0.75 * hands.most_v
    steps = [
        ConstantCurrent(-0.5 * hands.most_a, Until(time_s=10.0, voltage_v=cutoff_v)),
        ConstantCurrent(-hands.most_a, Until(time_s=20.0, voltage_v=cutoff_v)),
    ]
    try:
        ran = await hands.run(steps)
    except Refused:
        return _cutoff(hands, "refused", "BTS takes no step file with one", {})
    short_s, long_s = ran.step_s(1), ran.step_s(2)
    evidence: dict[str, Fact] = {"before_cutoff_s": short_s, "beyond_cutoff_s": long_s, "state": ran.state.value}
    if short_s < 9.0:
        return _cutoff(hands, "otherwise", f"a step that never reaches it ends after {short_s:.1f} s", evidence)
    if long_s > 5.0:
        return _cutoff(hands, "ignored", f"a step beyond it goes on for {long_s:.1f} s", evidence)
    return _cutoff(hands, "obeyed", f"a step beyond it ends after {long_s:.1f} s", evidence)


def _cutoff(hands: TesterHands, fact: str, said: str, evidence: dict[str, Fact]) -> Found:
    unit = {"devid": hands.unit.devid, "subdevid": hands.unit.subdevid}
    works = fact == "obeyed"
    settings = () if works == hands.unit.stops_below_zero else (Setting(("units", unit, "stops_below_zero"), works),)
    return Found(Outcome.FOUND, f"a cutoff below zero is {fact}: {said}", evidence, {"stop_below_zero": fact}, settings)


async def capacity(hands: TesterHands) -> Found:
    """Give a charge a capacity that is full after 20 s of its 40 s."""
    full_ah = hands.most_a * _FULL_AFTER_S / 3600
    try:
        ran = await hands.run([ConstantCurrent(hands.most_a, Until(time_s=2 * _FULL_AFTER_S, capacity_ah=full_ah))])
    except Refused:
        return Found(Outcome.WRONG, "BTS takes no step file with a capacity: no program with one runs", {})
    lasted_s = ran.step_s(1)
    evidence: dict[str, Fact] = {"full_after_s": _FULL_AFTER_S, "lasted_s": lasted_s, "state": ran.state.value}
    if abs(lasted_s - _FULL_AFTER_S) < 2.0:
        fact, said = "obeyed", f"it ended the step after {lasted_s:.1f} s"
    elif lasted_s > 2 * _FULL_AFTER_S - 2.0:
        fact, said = "ignored", f"the step went on for {lasted_s:.1f} s"
    else:
        odd = f"the step ended after {lasted_s:.1f} s where its capacity was full after {_FULL_AFTER_S:g} s"
        return Found(Outcome.WRONG, f"{odd}: it counts otherwise", evidence, {"capacity_limit": "otherwise"})
    works = fact == "obeyed"
    unit = {"devid": hands.unit.devid, "subdevid": hands.unit.subdevid}
    settings = () if works == hands.unit.stops_at_capacity else (Setting(("units", unit, "stops_at_capacity"), works),)
    return Found(Outcome.FOUND, f"a capacity is {fact}: {said}", evidence, {"capacity_limit": fact}, settings)


async def hold_on_discharge(hands: TesterHands) -> Found:
    """Hold half of the negative voltage on discharge."""
    hold_v = -0.5 * hands.most_v
    step = ConstantVoltage(Direction.DISCHARGE, hold_v, Until(time_s=10.0), current_limit_a=hands.most_a)
    evidence: dict[str, Fact] = {}
    try:
        ran = await hands.run([step])
    except Refused:
        holds, said = False, "BTS takes no such program"
    else:
        reached = ran.settled(1)
        holds = reached is not None and abs(reached[0] - hold_v) < 0.05 * abs(hold_v) + 0.005
        evidence = {"asked_v": hold_v, "held_v": 0.0 if reached is None else reached[0], "state": ran.state.value}
        said = f"{evidence['held_v']:.4f} V where {hold_v:.4f} V were asked"
    unit = {"devid": hands.unit.devid, "subdevid": hands.unit.subdevid}
    same = holds == hands.unit.holds_voltage_on_discharge
    settings = () if same else (Setting(("units", unit, "holds_voltage_on_discharge"), holds),)
    return Found(Outcome.FOUND, said, evidence, {"holds_voltage_on_discharge": holds}, settings)


async def ranges(hands: TesterHands) -> Found:
    """Pass a current in each range of the bench file that the largest current reaches."""
    kept: list[list[float]] = []
    untried: list[str] = []
    evidence: dict[str, Fact] = {}
    for low_a, high_a in sorted(hands.unit.current_ranges_a):
        name = f"{high_a * 1000:g} mA"
        if low_a > hands.most_a:
            kept.append([low_a, high_a])
            untried.append(name)
            continue
        level_a = min(high_a, hands.most_a)
        try:
            ran = await hands.run([ConstantCurrent(level_a, Until(time_s=8.0))])
        except Refused:
            evidence[name] = "refused"
            continue
        kept.append([low_a, high_a])
        reached = ran.settled(1)
        if reached is None:
            evidence[name] = ran.state.value
            continue
        flowed_a = reached[0] / hands.ohm
        error = abs(reached[1] - flowed_a)
        evidence[name] = (
            f"{reached[1] * 1000:.5g} mA, {100 * error / high_a:.2g} % of full scale from the declared resistor"
        )
        if max(error, abs(flowed_a - level_a)) > _TOLERANCE * level_a:
            told = f"{name}: {reached[1] * 1000:.4g} mA are read where {level_a * 1000:.4g} mA were ordered"
            told += f" and the resistor's voltage says {flowed_a * 1000:.4g} mA: have this range calibrated"
            return Found(Outcome.WRONG, told, evidence, {"ranges_tried": len(evidence)})
    said = "; ".join(f"{name}: {words}" for name, words in evidence.items())
    said += f"; not reached by so small a current: {', '.join(untried)}" if untried else ""
    facts = {"ranges_tried": len(evidence)}
    if len(kept) == len(hands.unit.current_ranges_a) or not kept:
        return Found(Outcome.FOUND if kept else Outcome.WRONG, said or "none is reached", evidence, facts)
    unit = {"devid": hands.unit.devid, "subdevid": hands.unit.subdevid}
    return Found(Outcome.FOUND, said, evidence, facts, (Setting(("units", unit, "current_ranges_a"), kept),))
