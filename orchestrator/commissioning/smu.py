"""The questions to a source meter on a resistor (reference smu-and-ovens, section 27)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning import smu_leads as leads
from orchestrator.commissioning import smu_line as line
from orchestrator.commissioning.questions import Found, Outcome, Question, Setting
from orchestrator.commissioning.smu_hands import AT_REST_V, READINGS, TINY, TOLERANCE, SourceHands

_ROOM = 1.5


async def identity(hands: SourceHands) -> Found:
    """Connect, which identifies it, and see that its output is off."""
    await hands.source.open()
    reading = await hands.source.read()
    if reading.output_on:
        return Found(Outcome.WRONG, "its output is on: see who uses it, and switch it off", {"output_on": True})
    versions = await hands.source.ask("*IDN?")
    told = f"{hands.source.name} answers with its serial number, output off"
    return Found(Outcome.FOUND, told, {"output_on": False}, {"versions": versions})


async def resistor(hands: SourceHands) -> Found:
    """Read the voltage at no current, then a twentieth of the current, then the whole."""
    evidence: dict[str, Fact] = {}
    rest_v = await hands.rest_v()
    evidence["rest_v"] = rest_v
    if abs(rest_v) > AT_REST_V:
        return Found(Outcome.WRONG, f"{rest_v:.3f} V at rest: that is no resistor; take the cell off", evidence)
    ohm = 0.0
    for name, part in (("tiny", TINY), ("whole", 1.0)):
        volts, amperes, reading = await hands.measured(hands.current(part * hands.most_a))
        evidence |= {f"{name}_v": volts, f"{name}_a": amperes}
        if reading.at_limit or amperes <= 0:
            return Found(Outcome.WRONG, f"{amperes:.3g} A flow where a charge was ordered: is a lead off?", evidence)
        if volts < 0:
            return Found(
                Outcome.WRONG, "a charge reads a negative voltage: leads are exchanged, or its sign is", evidence
            )
        ohm = volts / amperes
        if abs(ohm / hands.ohm - 1) > TOLERANCE:
            said = f"{ohm:.4g} ohm where {hands.ohm:g} ohm were declared: look at the resistor and the leads"
            return Found(Outcome.WRONG, said, evidence)
    facts: dict[str, Fact] = {"resistance_ohm": float(f"{ohm:.5g}")}
    return Found(Outcome.FOUND, f"{ohm:.5g} ohm; a charge is positive in current and voltage", evidence, facts)


async def sink(hands: SourceHands) -> Found:
    """Pass a discharge."""
    volts, amperes, _ = await hands.measured(hands.current(-hands.most_a))
    works = amperes < 0 and abs(volts / -hands.most_v - 1) <= TOLERANCE
    evidence: dict[str, Fact] = {"voltage_v": volts, "current_a": amperes}
    said = f"a discharge reads {volts:.4g} V and {amperes:.4g} A"
    return Found(Outcome.FOUND if works else Outcome.WRONG, said, evidence, {"below_zero": works})


async def limit(hands: SourceHands) -> Found:
    """Order a current that needs twice the voltage of the limit."""
    limit_v = 0.5 * hands.most_v
    volts, amperes, reading = await hands.measured(hands.current(hands.most_a, limit_v))
    evidence: dict[str, Fact] = {"limit_v": limit_v, "voltage_v": volts, "current_a": amperes, "told": reading.at_limit}
    if abs(volts) > limit_v * 1.05 + 0.01:
        return Found(Outcome.WRONG, f"{volts:.4g} V at a limit of {limit_v:.4g} V: nothing limits it", evidence)
    said = (
        f"the limit of {limit_v:.4g} V holds it at {volts:.4g} V, and it {'says' if reading.at_limit else 'hides'} so"
    )
    return Found(Outcome.FOUND, said, evidence, {"limit_acts": True, "limit_is_told": reading.at_limit})


async def reading_time(hands: SourceHands) -> Found:
    """Take the time of readings in a row, the first with whatever zero it takes."""
    await hands.on(hands.current(TINY * hands.most_a), hands.reading_s(2 * READINGS))
    loop = asyncio.get_running_loop()
    times = [loop.time()]
    async with hands.within():
        for _ in range(2 * READINGS):
            await hands.source.read()
            times.append(loop.time())
    longest_s = max(after - before for before, after in pairwise(times))
    wanted_s = hands.tester.interval_s
    facts: dict[str, Fact] = {"reading_time_s": round(longest_s, 3)}
    told = f"a reading takes {longest_s:.3f} s at most; one is wanted every {wanted_s:g} s"
    if longest_s < wanted_s:
        return Found(Outcome.FOUND, told, {"longest_s": round(longest_s, 4)}, facts)
    slower_s = ceil(100 * _ROOM * longest_s) / 100
    settings = [Setting(("interval_s",), slower_s)]
    if 2 * slower_s > hands.tester.decision_timeout_s:
        settings.append(Setting(("decision_timeout_s",), round(2 * slower_s, 2)))
    told = f"{told}: every {slower_s:g} s is what it can do"
    evidence: dict[str, Fact] = {"longest_s": round(longest_s, 4)}
    return Found(Outcome.FOUND, told, evidence, {**facts, "interval_s": slower_s}, tuple(settings))


QUESTIONS: Sequence[Question[SourceHands]] = (
    Question(
        "identity",
        "Is it the instrument of the bench file, and is its output off?",
        "Another one at its address must be told nothing.",
        "It is connected and identified.",
        0.0,
        0.0,
        "",
        "its serial number, and what it says of its output",
        identity,
        is_needed=True,
    ),
    Question(
        "reconnect",
        "Does it let us in again once we have hung up?",
        "Some hold on to a client that has gone until they are switched off (section 4: not certain).",
        "With the output off our connection is closed, and made again.",
        0.0,
        0.0,
        "",
        "whether it answers",
        line.reconnect,
        is_needed=True,
        lasts_s=3.0,
    ),
    Question(
        "resistor",
        "Is the declared resistor at the terminals, and do current and voltage have the sign of a charge?",
        "Everything after it passes a current for which this resistor was declared.",
        "No current, then a twentieth, then the whole is held for some readings each.",
        1.0,
        30.0,
        "",
        "voltage over current within 10 % of what was declared, no voltage at rest, and both positive",
        resistor,
        is_needed=True,
    ),
    Question(
        "sink",
        "Does it pass a discharge, below 0 V too?",
        "A charge alone cycles no cell.",
        "The negative current is held for some readings.",
        1.0,
        30.0,
        "",
        "the signs of current and voltage",
        sink,
    ),
    Question(
        "limit",
        "Does the voltage limit hold the output?",
        "It is what acts while this computer is late (section 8).",
        "The current is ordered with a limit at half of the voltage that it needs.",
        1.0,
        30.0,
        "",
        "the voltage, and whether it says that its limit acts",
        limit,
    ),
    Question(
        "reading-time",
        "How long does a reading take?",
        "A cutoff is no sharper than the readings are apart (section 12).",
        "Ten readings are taken in a row with a twentieth of the current.",
        TINY,
        60.0,
        "",
        "the longest of them",
        reading_time,
    ),
    Question(
        "open-sense",
        "What does it do with a sense lead open?",
        "A source that senses nothing may go anywhere within its limits (section 3: not certain).",
        "A person takes a sense lead off; a twentieth of the voltage is then held for some readings.",
        0.1,
        60.0,
        "",
        "whether the output rises to its limit, or the reading stands still",
        leads.open_sense,
        lasts_s=60.0,
    ),
    Question(
        "ranges",
        "Does it have each current range up to the largest current?",
        "A range that is not there is refused in the middle of a program (section 2).",
        "Nine tenths of each range are passed for some readings.",
        1.0,
        30.0,
        "units.current_ranges_a",
        "the current, and what it says of the range",
        leads.ranges,
    ),
    Question(
        "errors",
        "Does its error queue tell what it refuses?",
        "A value that is refused leaves the old one, and only the queue tells (section 1.8).",
        "With the output off a word that it does not know is sent, and a time of integration that is too long.",
        0.0,
        0.0,
        "",
        "the entries, and the time of integration behind them",
        line.errors,
        lasts_s=5.0,
    ),
    Question(
        "reading-when-off",
        "What is a reading with the output off?",
        "A number there would be taken for the cell's (section 10: not certain).",
        "With the output off a reading is asked for.",
        0.0,
        0.0,
        "",
        "an error, a number for no value, or a number",
        line.reading_when_off,
        lasts_s=5.0,
    ),
    Question(
        "second-client",
        "Is a second client accepted?",
        "A stop from another program needs one (section 4).",
        "With the output off a second connection is made.",
        0.0,
        0.0,
        "",
        "whether it is answered",
        line.second_client,
        lasts_s=5.0,
    ),
    Question(
        "off-state",
        "Is an output that is off an open circuit, also behind a power cut?",
        "Off, in its factory setting, it is a source of 0 V that drains the cell (sections 1.1 and 14).",
        "A person takes the resistor off, and looks with an ohmmeter, then switches the instrument off and on.",
        0.0,
        0.0,
        "",
        "what the ohmmeter shows",
        leads.off_state,
        lasts_s=120.0,
    ),
    Question(
        "link-loss",
        "Does the output stay on when the connection breaks?",
        "A current that flows on fills the cell to the limit (section 14).",
        "With the output on, our own connection is dropped for 5 s.",
        1.0,
        30.0,
        "",
        "what it says of its output on the next connection",
        line.link_loss,
        needs={"reconnects": True},
    ),
    Question(
        "silence",
        "Does the output stay on when nobody speaks to it?",
        "A computer that dies closes no connection (section 14).",
        "With a twentieth of the current nothing is said for 30 s.",
        TINY,
        60.0,
        "units.host_loss",
        "what it says of its output then",
        line.silence,
    ),
)
