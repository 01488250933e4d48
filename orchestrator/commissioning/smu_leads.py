"""What a source meter does at its terminals: ranges, an open sense lead, and what off means.

Reference smu-and-ovens, sections 1, 3, 9, 14, 27 and 28. A person moves leads while the output is off.
"""

from __future__ import annotations

from drivers.errors import CannotRun, DriverError, NotConfirmed, Refused
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.people import CANNOT, does
from orchestrator.commissioning.questions import Found, NoResistor, Outcome
from orchestrator.commissioning.smu_hands import AT_REST_V, TINY, TOLERANCE, SourceHands

LEAD_OFF = "Take the sense lead off at the resistor's HI side."
LEAD_ON = "Put the sense lead back."
RESISTOR_OFF = "Take the resistor off all leads."
RESISTOR_ON = "Put the resistor back on all leads."
METER = "Does an ohmmeter between HI and LO, the output off, show an open circuit?"
METER_AFTER_POWER_ON = (
    "Switch the instrument off and on, and wait until it has started. What does the ohmmeter show now?"
)
OPEN, CONDUCTS = "open", "conducts"
_OF_RANGE = 0.9
_OFF_BY = 0.05
_OPEN_SENSE = 2 * TINY


async def ranges(hands: SourceHands) -> Found:
    """Pass nine tenths of each current range, up to the whole current."""
    evidence: dict[str, Fact] = {}
    unit = hands.settings
    wanted = [full for full in unit.facts.current_ranges_a if unit.smallest_range_a <= full]
    reached = [full for full in wanted if full <= hands.most_a * (1 + _OFF_BY)]
    missing: list[float] = []
    for full in reached:
        level = min(_OF_RANGE * full, hands.most_a)
        try:
            _, amperes, reading = await hands.measured(hands.current(level))
        except NoResistor:
            raise
        except (Refused, CannotRun, NotConfirmed) as err:
            evidence[f"{full:g} A"] = str(err)[:200]
            missing.append(full)
            await hands.off()
            continue
        evidence[f"{full:g} A"] = amperes
        if reading.at_limit or abs(amperes / level - 1) > _OFF_BY:
            told = f"{amperes:.4g} A flow in the range of {full:g} A where {level:.4g} were ordered"
            return Found(Outcome.WRONG, told, evidence)
    there = [full for full in reached if full not in missing]
    facts: dict[str, Fact] = {"current_ranges": ", ".join(f"{full:g} A" for full in there)}
    beyond = "; those above were not tried" if len(reached) < len(wanted) else ""
    if not missing:
        return Found(Outcome.FOUND, f"it takes {facts['current_ranges']}{beyond}", evidence, facts)
    kept = [full for full in unit.facts.current_ranges_a if full not in missing]
    told = f"it has no range of {', '.join(f'{full:g} A' for full in missing)}{beyond}"
    return Found(Outcome.FOUND, told, evidence, facts, (hands.setting("current_ranges_a", kept),))


async def open_sense(hands: SourceHands) -> Found:
    """Hold a small voltage with a sense lead off: its current limit, a tenth of the largest, holds what it does."""
    if not hands.settings.four_wire:
        return Found(Outcome.LEFT_OUT, "it is wired by two leads")
    rest_v = await hands.rest_v()
    if abs(rest_v) > AT_REST_V:
        return Found(Outcome.WRONG, f"{rest_v:.3f} V at rest: that is no resistor; take the cell off")
    if not await does(hands.person, LEAD_OFF, LEAD_ON):
        return Found(Outcome.UNDECIDED, "no lead was taken off")
    level_v, limit_a = TINY * hands.most_v, _OPEN_SENSE * hands.most_a
    try:
        await hands.on(hands.voltage(level_v, limit_a), hands.reading_s(), is_looked_at=True)
        last = (await hands.read())[-1]
        await hands.off()
    except DriverError as err:
        seen = "not measured"
        evidence: dict[str, Fact] = {"error": str(err)[:200]}
    else:
        shown_v = last.voltage_v if last.voltage_v is not None else 0.0
        flows_a = last.current_a if last.current_a is not None else 0.0
        evidence = {"level_v": level_v, "voltage_v": shown_v, "current_a": flows_a}
        stands = abs(shown_v - level_v) > TOLERANCE * level_v
        seen = "rises" if last.at_limit else "stuck" if stands else "not seen"
    await hands.off()
    if not await does(hands.person, LEAD_ON):
        return Found(Outcome.WRONG, "its sense lead is off still: put it back", evidence)
    volts, amperes, _ = await hands.measured(hands.current(TINY * hands.most_a))
    if abs(volts / amperes / hands.ohm - 1) > TOLERANCE:
        told = f"{volts / amperes:.4g} ohm with the lead back: look at the leads"
        return Found(Outcome.WRONG, told, evidence)
    words = {
        "rises": "the output rises to its limit",
        "stuck": "the reading stands still",
        "not seen": "nothing shows it: look at the sense leads before each cell",
        "not measured": "it does not measure",
    }
    return Found(Outcome.FOUND, f"with a sense lead open {words[seen]}", evidence, {"open_sense": seen})


async def off_state(hands: SourceHands) -> Found:
    """Let a person look with an ohmmeter at an output that is off, then at one that was switched off and on."""
    if not await does(hands.person, RESISTOR_OFF, RESISTOR_ON):
        return Found(Outcome.UNDECIDED, "the resistor was not taken off")
    off = await hands.person.chooses(METER, (OPEN, CONDUCTS, CANNOT))
    evidence: dict[str, Fact] = {"off": off or "not said"}
    if off == CONDUCTS:
        told = "an output that is off conducts: it drains a cell; no cell may be connected to it"
        return Found(Outcome.WRONG, told, evidence, {"off_is_open": False})
    await hands.source.close()
    powered = await hands.person.chooses(METER_AFTER_POWER_ON, (OPEN, CONDUCTS, CANNOT))
    evidence["after_power_on"] = powered or "not said"
    await hands.source.open()
    if (await hands.source.read()).output_on:
        hands.may_be_on()
        return Found(Outcome.WRONG, "its output is on once it has power", evidence)
    if not await does(hands.person, RESISTOR_ON):
        return Found(Outcome.WRONG, "the resistor is not back: put it back", evidence)
    if off != OPEN or powered not in (OPEN, CONDUCTS):
        return Found(Outcome.UNDECIDED, "nobody has looked with an ohmmeter", evidence)
    facts: dict[str, Fact] = {"off_is_open": True, "power_on_is_open": powered == OPEN}
    told = "off is an open circuit"
    if powered == CONDUCTS:
        told += ", but not behind a power cut: it then drains a cell until it is asked; store high impedance as its "
        told += "power-on setup"
    return Found(Outcome.FOUND, told, evidence, facts)
