"""Simulated ovens that differ in every open point, and what must be found of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.commissioning.draws import Flips, Switches, misses
from benchmarks.commissioning.resistor import Operator
from drivers.oven.opening import ovens_of
from drivers.oven.settings import LinkSettings, OvenSettings
from drivers.transport.line import Lines, StreamLine, Streams
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.oven import questions
from orchestrator.commissioning.oven_hands import OvenHands
from orchestrator.commissioning.oven_setup import OvenSetup
from orchestrator.commissioning.oven_simulated import AtSimulatedOven
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress
from orchestrator.commissioning.questions import Asked, Outcome
from simulators.memory_streams import connect_memory
from simulators.oven.controller import ControllerQuirks, SimulatedController, controller_table
from simulators.oven.hands import HandsAtOven
from simulators.oven.line import LineQuirks, OvenLine
from simulators.oven.oven import OvenQuirks, SimulatedOven

EUROTHERM, OMRON = "eurotherm-3216", "omron-e5cc"
_UNITS = {EUROTHERM: 32, OMRON: 33}
WARMEST_DEGC = 40.0
SAFE_DEGC = 25.0
_LOW_DEGC, _HIGH_DEGC = -10.0, 85.0

SWITCHES: Switches = {
    "model": (EUROTHERM, OMRON),
    "decimals": (0, 1, 2),
    "floats": ("high", "low", "none"),
    "mode": ("there", "absent", "another"),
    "hole": (None, 0, 0x8000),
    "parity": ("N", "E", "O"),
    "reply_delay_s": (0.02, 0.4, 1.5),
    "refused_code": (4, 6),
    "pv_on_sensor_break": ("rail", "stale"),
    "tells_sensor_break": (True, False),
    "alarm_is_told": (True, False),
    "power_on_degc": (None, 21.0),
    "set_point": ("stored", "volatile"),
    "remote_timeout_s": (None, 40.0),
    "reads_refresh_remote": (False, True),
    "stands_by_after_s": (None, 60.0),
    "high_degc": (300.0, 70.0),
}
"""Every open point of an oven's controller, and how it may be."""


class LoggedOven(SimulatedOven):
    """An oven that remembers the highest set point that was ordered, and the hottest air."""

    highest_order_degc = hottest_degc = -999.0

    def advance(self) -> None:
        """Note the air."""
        super().advance()
        self.hottest_degc = max(self.hottest_degc, self.heat.air_degc)

    def order(self, degc: float, *, volatile: bool) -> None:
        """Note a local set point."""
        self.highest_order_degc = max(self.highest_order_degc, degc)
        super().order(degc, volatile=volatile)

    def order_remote(self, degc: float) -> None:
        """Note a remote set point."""
        self.highest_order_degc = max(self.highest_order_degc, degc)
        super().order_remote(degc)


@dataclass
class OvenAtHand:
    """One oven with its line, built of points; ``settings`` are those of the bench file, before it is commissioned."""

    points: Mapping[str, Any]
    oven: LoggedOven = field(init=False)
    controller: SimulatedController = field(init=False)
    line: OvenLine = field(init=False)
    settings: OvenSettings = field(init=False)

    def __post_init__(self) -> None:
        """Build it in the running loop's time."""
        it = self.points
        model = it["model"]
        quirks = OvenQuirks(
            decimals=it["decimals"],
            low_degc=-40.0,
            high_degc=it["high_degc"],
            pv_on_sensor_break=it["pv_on_sensor_break"],
            tells_sensor_break=it["tells_sensor_break"],
            alarm_is_told=it["alarm_is_told"],
            power_on_degc=it["power_on_degc"],
            remote_timeout_s=it["remote_timeout_s"],
            reads_refresh_remote=it["reads_refresh_remote"],
            stands_by_after_s=None if falls_back(it) else it["stands_by_after_s"],
            writing_needs_enabling=controller_table(model).writing_needs_enabling,
        )
        self.oven = LoggedOven(asyncio.get_running_loop().time, quirks=quirks)
        no_register = frozenset({199}) if it["mode"] == "absent" else frozenset()
        self.controller = SimulatedController(
            model,
            self.oven,
            quirks=ControllerQuirks(it["hole"], it["refused_code"], no_register, low_word_first=it["floats"] == "low"),
        )
        self.controller.has_float_area &= it["floats"] != "none"
        if model == EUROTHERM and it["mode"] == "another":
            self.controller.registers[199] = ("constant 7", "word")
        self.line = OvenLine([self.controller], LineQuirks(reply_delay_s=it["reply_delay_s"]))
        self.settings = OvenSettings(
            name="oven",
            model=model,
            link=LinkSettings(port="memory", unit=_UNITS[model], parity="N"),
            low_degc=_LOW_DEGC,
            high_degc=_HIGH_DEGC,
            safe_degc=SAFE_DEGC,
            set_point=it["set_point"],
            poll_period_s=10.0,
        )

    def lines_of(self, link: LinkSettings) -> Lines:
        """Return the line, silent to another parity than its own."""

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(4096):
                pass
            writer.close()

        async def connect() -> Streams:
            return connect_memory(self.line.handle if link.parity == self.points["parity"] else deaf)

        async def lines() -> list[StreamLine]:
            return [StreamLine(link.where, connect)]

        return lines

    def hands(self, person: Person) -> OvenHands:
        """Return the hands of a commissioning at it; no question is asked yet."""
        return OvenHands(
            self.settings,
            lambda changed: ovens_of([changed], wall_time, self.lines_of)[0],
            person,
            WARMEST_DEGC,
            wall_time,
        )

    async def commissioned(
        self, person: Person | None = None, only: Sequence[str] = (), before: Sequence[Asked] = ()
    ) -> list[Asked]:
        """Put every question, or some behind answers ``before``, with a person who does what is asked for."""
        hands = HandsAtOven(self.oven)
        operator = AtSimulatedOven(person or Operator(), hands.do, hands.state)
        there = self.hands(operator)
        progress = Progress(None, OvenSetup("oven", "oven", "oven", 0.0, 0.0, WARMEST_DEGC))
        for one in before:
            progress.keep(one)
        try:
            return await commission(questions(WARMEST_DEGC), there, operator, progress, wall_time, only)
        finally:
            await there.close()


def usual(**changed: Any) -> Flips:  # noqa: ANN401 - points of any kind
    """Return the first of each point, and ``changed`` ones."""
    return {name: values[0] for name, values in SWITCHES.items()} | changed


def falls_back(points: Mapping[str, Any]) -> bool:
    """Return whether the set point that is ordered is one that is lost while nobody speaks."""
    is_remote = points["model"] == EUROTHERM and points["set_point"] == "volatile"
    return is_remote and points["remote_timeout_s"] is not None


def expected_facts(points: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a commissioning must find."""
    is_eurotherm = points["model"] == EUROTHERM
    hole = "exception 2" if points["hole"] is None else f"value {(points['hole'] ^ 0x8000) - 0x8000}"
    facts: dict[str, Any] = {
        "hole_reply": hole,
        "sensor_break_is_told": points["tells_sensor_break"],
        "on_sensor_break": points["pv_on_sensor_break"],
        "heats_on_sensor_break": False,
        "alarm_is_told": points["alarm_is_told"],
        "manual_is_told": True,
        "standby_is_told": not is_eurotherm or points["mode"] == "there",
        "keeps_set_point": points["set_point"] == "stored" and points["power_on_degc"] is None,
        "own_limit_degc": points["high_degc"],
        "negative_is_signed": True,
        "when_silent": "stays" if points["stands_by_after_s"] is None else "stops",
    }
    if falls_back(points):
        facts |= {"when_silent": "falls back", "readings_keep_it": points["reads_refresh_remote"]}
    if not is_eurotherm:
        facts["write_refused"] = f"exception {points['refused_code']}"
    return facts


def expected_settings(points: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a commissioning must write, by the last part of their names."""
    is_eurotherm = points["model"] == EUROTHERM
    settings: dict[str, Any] = {}
    if points["parity"] != "N":
        settings["link.parity"] = points["parity"]
    if points["high_degc"] < _HIGH_DEGC:
        settings["high_degc"] = points["high_degc"]
    if is_eurotherm and points["floats"] == "low":
        settings["word_order"] = "low"
    if is_eurotherm and points["floats"] == "none":
        settings["scale"] = 10.0 ** -points["decimals"]
    if is_eurotherm and points["mode"] != "there":
        settings["without"] = ["mode"]
    return settings


def written(asked: Sequence[Asked]) -> dict[str, Any]:
    """Return the settings that follow from answers, those of time left out, which are measured."""
    found = {setting.name: setting.value for one in asked for setting in one.found.settings}
    return {name: value for name, value in found.items() if name not in ("link.reply_timeout_s", "refresh_s")}


def wrong_of(points: Mapping[str, Any], asked: Sequence[Asked]) -> list[str]:
    """Return what of the points was not found, or wrongly, or would be written wrong."""
    nothing = dict.fromkeys(written(asked))
    wrong = misses(asked, expected_facts(points), nothing | expected_settings(points))
    return wrong + [
        f"{one.question}: {one.found.concluded}"
        for one in asked
        if one.found.outcome not in (Outcome.FOUND, Outcome.LEFT_OUT)
    ]


async def missed(flips: Flips) -> tuple[list[str], float]:
    """Commission one oven; return what was not found or is left set otherwise, and the hottest that its air was."""
    there = OvenAtHand(flips)
    asked = await there.commissioned()
    wrong = wrong_of(flips, asked)
    if len(asked) < len(questions(WARMEST_DEGC)):
        wrong.append(f"it ends behind {asked[-1].question}")
    if there.oven.highest_order_degc > WARMEST_DEGC:
        wrong.append(f"{there.oven.highest_order_degc:g} degC were ordered")
    # Where nobody speaks any more, a remote set point runs out, and the stored one counts.
    is_safe = there.oven.target_degc == SAFE_DEGC or (there.oven.remote_has_failed and falls_back(flips))
    if not is_safe or there.oven.is_standby:
        wrong.append(f"it is left at {there.oven.target_degc:g} degC")
    return wrong, there.oven.hottest_degc
