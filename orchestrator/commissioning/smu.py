"""The questions to a source meter on a resistor (reference smu-and-ovens, section 27)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise

from drivers.errors import NotConfirmed
from drivers.interfaces import HostLoss
from drivers.smu import SmuSettings
from drivers.sources import Drive, Held, Source, SourceReading
from drivers.stepping.drives import look
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.bound import Bound
from orchestrator.commissioning.questions import Found, Outcome, Question, Setting

_AT_REST_V = 0.02
_REST_READINGS = 2
_TINY = 0.05
_TOLERANCE = 0.1
_AWAY_S = 5.0
_READINGS = 5


class SourceHands:
    """One source meter with a resistor at its terminals: every order goes through the bound, and ends with it off."""

    def __init__(self, source: Source, settings: SmuSettings, channel: str, ohm: float, most_a: float) -> None:
        self.source = source
        self.settings = settings.unit(channel)
        self.interval_s = settings.interval_s
        # No current, with a limit above any cell: below its voltage the source draws all it can (section 1.2).
        self.at_rest = look(settings)
        self.ohm = ohm
        self.most_a = most_a
        self.bound = Bound(0.0, ohm, 0.0, most_a)
        self._may_be_on = False

    @property
    def most_v(self) -> float:
        """The voltage of the resistor at the largest current."""
        return self.most_a * self.ohm

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take what has been found so far: nothing here rests on it."""

    def current(self, level_a: float, limit_v: float | None = None) -> Drive:
        """Return the order of a current, with a voltage limit of half as much again as the resistor needs."""
        edge_v = 1.5 * self.most_v + 0.2 if limit_v is None else limit_v
        return Drive(Held.CURRENT, level_a, edge_v, abs(level_a))

    async def on(self, drive: Drive) -> None:
        """Prepare an order and switch the output on, if the bound lets it through and nothing has a voltage at rest.

        The resistor of an earlier answer may have given way to a cell since. Raises NotConfirmed, and no current flows.
        """
        self.bound.check_drive(drive, self.bound.longest_s)
        if drive != self.at_rest and not abs(rest_v := await self.rest_v()) <= _AT_REST_V:
            raise NotConfirmed(f"{rest_v:.3f} V at rest: that is no resistor; take the cell off")
        await self.source.prepare(drive, self.interval_s)
        self._may_be_on = True
        await self.source.switch_on()

    async def rest_v(self) -> float:
        """Return the voltage at no current, output off behind it. Raises NotConfirmed where none is measured."""
        await self.on(self.at_rest)
        last = (await self.read(_REST_READINGS))[-1]
        await self.off()
        if last.voltage_v is None:
            raise NotConfirmed(f"{self.source.name} measured no voltage at no current")
        return last.voltage_v

    async def read(self, count: int = _READINGS) -> list[SourceReading]:
        """Read again and again, as often as a run does."""
        readings = []
        for _ in range(count):
            await asyncio.sleep(self.interval_s)
            readings.append(await self.source.read())
        return readings

    async def measured(self, drive: Drive) -> tuple[float, float, SourceReading]:
        """Carry an order out for some readings; return voltage, current and the last reading, output off behind it."""
        await self.on(drive)
        last = (await self.read())[-1]
        await self.off()
        if last.voltage_v is None or last.current_a is None:
            raise NotConfirmed(f"{self.source.name} measured nothing, or more than its range")
        return last.voltage_v, last.current_a, last

    async def off(self) -> None:
        """Switch the output off, and see that it is. Raises NotConfirmed."""
        if self._may_be_on:
            await self.source.switch_off()
            self._may_be_on = False


async def identity(hands: SourceHands) -> Found:
    """Connect, which identifies it, and see that its output is off."""
    await hands.source.open()
    reading = await hands.source.read()
    if reading.output_on:
        return Found(Outcome.WRONG, "its output is on: see who uses it, and switch it off", {"output_on": True})
    return Found(Outcome.FOUND, f"{hands.source.name} answers with its serial number, output off", {"output_on": False})


async def resistor(hands: SourceHands) -> Found:
    """Read the voltage at no current, then a twentieth of the current, then the whole."""
    evidence: dict[str, Fact] = {}
    rest_v = await hands.rest_v()
    evidence["rest_v"] = rest_v
    if abs(rest_v) > _AT_REST_V:
        return Found(Outcome.WRONG, f"{rest_v:.3f} V at rest: that is no resistor; take the cell off", evidence)
    ohm = 0.0
    for name, part in (("tiny", _TINY), ("whole", 1.0)):
        volts, amperes, reading = await hands.measured(hands.current(part * hands.most_a))
        evidence |= {f"{name}_v": volts, f"{name}_a": amperes}
        if reading.at_limit or amperes <= 0:
            return Found(Outcome.WRONG, f"{amperes:.3g} A flow where a charge was ordered: is a lead off?", evidence)
        if volts < 0:
            return Found(Outcome.WRONG, "a charge reads a negative voltage: the sense leads are exchanged", evidence)
        ohm = volts / amperes
        if abs(ohm / hands.ohm - 1) > _TOLERANCE:
            said = f"{ohm:.4g} ohm where {hands.ohm:g} ohm were declared: look at the resistor and the leads"
            return Found(Outcome.WRONG, said, evidence)
    facts: dict[str, Fact] = {"resistance_ohm": float(f"{ohm:.5g}")}
    return Found(Outcome.FOUND, f"{ohm:.5g} ohm; a charge is positive in current and voltage", evidence, facts)


async def sink(hands: SourceHands) -> Found:
    """Pass a discharge."""
    volts, amperes, _ = await hands.measured(hands.current(-hands.most_a))
    works = amperes < 0 and abs(volts / -hands.most_v - 1) <= _TOLERANCE
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
    """Take the time of readings in a row."""
    await hands.on(hands.current(_TINY * hands.most_a))
    loop = asyncio.get_running_loop()
    times = [loop.time()]
    for _ in range(2 * _READINGS):
        await hands.source.read()
        times.append(loop.time())
    longest_s = max(after - before for before, after in pairwise(times))
    fits = longest_s < hands.interval_s
    said = f"a reading takes {longest_s:.3f} s at most; one is wanted every {hands.interval_s:g} s"
    outcome = Outcome.FOUND if fits else Outcome.WRONG
    return Found(outcome, said, {"longest_s": round(longest_s, 4)}, {"reading_time_s": round(longest_s, 3)})


async def link_loss(hands: SourceHands) -> Found:
    """Drop the connection with the output on, and look at it on a new one."""
    await hands.on(hands.current(hands.most_a))
    await hands.read(2)
    await hands.source.close()
    await asyncio.sleep(_AWAY_S)
    await hands.source.open()
    stays = (await hands.source.read()).output_on
    said = f"the output {'stays on' if stays else 'goes off'} when the connection breaks"
    stops = not stays and hands.settings.host_loss is not HostLoss.STOPS
    unit = {"channel": hands.settings.channel}
    settings = (Setting(("units", unit, "host_loss"), HostLoss.STOPS.value),) if stops else ()
    return Found(Outcome.FOUND, said, {"output_on_after": stays}, {"output_stays_on": stays}, settings)


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
        _TINY,
        60.0,
        "",
        "the longest of them",
        reading_time,
    ),
    Question(
        "link-loss",
        "Does the output stay on when the connection breaks?",
        "A current that flows on fills the cell to the limit (section 14).",
        "With the output on, our own connection is dropped for 5 s.",
        1.0,
        30.0,
        "units.host_loss",
        "what it says of its output on the next connection",
        link_loss,
    ),
)
