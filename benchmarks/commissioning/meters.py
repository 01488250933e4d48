"""Simulated source meters that differ in every open point, on a resistor, and what must be found of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.commissioning.draws import Flips, Switches, misses
from benchmarks.commissioning.resistor import MOST_A, OHM, LoggedResistor, Operator
from drivers.smu import SmuModel, SmuSettings, SmuSource
from drivers.smu.links import StreamLink
from drivers.transport.line import Streams
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Asked, Outcome
from orchestrator.commissioning.smu import QUESTIONS
from orchestrator.commissioning.smu_hands import WATCH_S, SourceHands
from orchestrator.commissioning.smu_simulated import AtSimulatedMeter
from simulators.memory_streams import connect_memory
from simulators.smu import Quirks, SimulatedSmu
from simulators.smu.control import HandsAtUnits
from simulators.smu.settings import ErrorFormat, OpenSense, ReadWhenOff, SecondClient

CHANNEL = "smu-1"
_NO_SUCH_RANGE_A = 5e-4
_RANGES_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)
_BOTH = (False, True)
_OF_QUIRKS: Mapping[str, Sequence[Any]] = {
    "terminator": (b"\n", b"\r\n"),
    "error_format": (None, *ErrorFormat),
    "overflow": (None, 9.9e37, 9.91e37),
    "sense_func_current_first": _BOTH,
    "range_compliance_sets_tripped": (True, False),
    "function_change_turns_output_off": (True, False),
    "open_sense": tuple(OpenSense),
    "reset_auto_clear": _BOTH,
    "read_when_off": tuple(ReadWhenOff),
    "zero_opens_relay": _BOTH,
    "status_as_integer": _BOTH,
    "limit_follows_source_range": (True, False),
    "output_stays_on_disconnect": (True, False),
    "off_after_silence_s": (None, 12.0),
    "second_client": tuple(SecondClient),
    "comma_and_space": _BOTH,
    "blank_after_comma_in_identity": _BOTH,
    "reference_expires_s": (600.0, 0.5),
    "lead_ohm": (0.1, 1.0),
    "split_replies": _BOTH,
    "reading_more_s": (0.0, 0.22),
}
SWITCHES: Switches = {
    "model": tuple(SmuModel),
    "power_on_is_open": _BOTH,
    "has_a_range_too_many": _BOTH,
    **_OF_QUIRKS,
}
"""Every open point of a source meter that can be asked on a resistor, or that must not mislead, and how it may be."""
SET_WITHIN = 1.002
"""A unit's own error of setting; what is ordered is never above what was announced."""


class MeterAtHand:
    """One source meter with a resistor, built of points; ``cell`` takes the resistor's place."""

    def __init__(self, points: Mapping[str, Any], cell: LoggedResistor | None = None, **quirks: Any) -> None:  # noqa: ANN401 - any quirk
        """Build it in the running loop's time."""
        self.points = points
        self.resistor = cell or LoggedResistor(OHM)
        model: SmuModel = points["model"]
        chosen = Quirks(**{name: points[name] for name in _OF_QUIRKS}, **quirks)
        self.unit = SimulatedSmu(model, asyncio.get_running_loop().time, self.resistor, quirks=chosen)
        if points["power_on_is_open"]:
            off = ":OUTP:OFF:MODE HIZ" if model is SmuModel.KEYSIGHT_B2901A else ":OUTP:SMOD HIMP"
            for line in (off, "*SAV 0", ":SYST:POS SAV0"):
                for _ in self.unit.instrument.run(line):
                    pass
        ranges = (*_RANGES_A[:3], _NO_SUCH_RANGE_A, *_RANGES_A[3:]) if points["has_a_range_too_many"] else _RANGES_A
        described = {
            "channel": CHANNEL,
            "model": model,
            "resource": "TCPIP::memory::5025::SOCKET",
            "serial": self.unit.instrument.identity.split(",")[2].strip(),
            "current_ranges_a": ranges,
        }
        self.settings = SmuSettings.model_validate({"units": [described]})

    async def _connect(self) -> Streams:
        return connect_memory(self.unit.handle)

    def _link(self) -> StreamLink:
        return StreamLink(self.settings.units[0].resource, self._connect)

    @property
    def output_on(self) -> bool:
        """Whether current can flow, by the simulator itself."""
        return self.unit.instrument.unit.output

    def hands(self, person: Person) -> SourceHands:
        """Return the hands of a commissioning at it; no question is asked yet."""
        source = SmuSource(self.settings.units[0], self._link(), WATCH_S)
        return SourceHands(source, self.settings, CHANNEL, OHM, MOST_A, person, self._link)

    async def commissioned(
        self, person: Person | None = None, only: Sequence[str] = (), before: Sequence[Asked] = ()
    ) -> list[Asked]:
        """Put every question, or some behind answers ``before``, with a person who works the simulated leads."""
        hands = HandsAtUnits({CHANNEL: self.unit})
        operator = AtSimulatedMeter(person or Operator(), lambda verb: hands.do(f"{CHANNEL} {verb}"))
        there = self.hands(operator)
        progress = Progress(None, Setup("smu", "smu", CHANNEL, OHM, MOST_A))
        for one in before:
            progress.keep(one)
        try:
            return await commission(QUESTIONS, there, operator, progress, wall_time, only)
        finally:
            await there.source.close()


def usual(**changed: Any) -> Flips:  # noqa: ANN401 - points of any kind
    """Return a 2450 with the first of each other point, and ``changed`` ones."""
    return {name: values[0] for name, values in SWITCHES.items()} | {"model": SmuModel.KEITHLEY_2450} | changed


def expected_facts(points: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a commissioning must find."""
    reads_back = points["model"] in (SmuModel.KEITHLEY_2450, SmuModel.KEITHLEY_2460)
    sticks = "not seen" if reads_back else "stuck"
    facts: dict[str, Any] = {
        "reconnects": True,
        "below_zero": True,
        "limit_acts": True,
        "limit_is_told": True,
        "open_sense": "rises" if points["open_sense"] is OpenSense.RISES else sticks,
        "old_value_stays": True,
        "second_client": points["second_client"] is SecondClient.ACCEPTED,
        "off_is_open": True,
        # The Keysight's usual off state opens its relay too (section 9).
        "power_on_is_open": points["power_on_is_open"] or points["model"] is SmuModel.KEYSIGHT_B2901A,
        "output_stays_on": points["output_stays_on_disconnect"],
        "output_stays_on_in_silence": points["off_after_silence_s"] is None,
    }
    if points["model"] is not SmuModel.KEYSIGHT_B2901A:
        is_number = reads_back and points["read_when_off"] is ReadWhenOff.NUMBER
        facts["reads_when_off"] = "no value" if is_number else "an error"
    return facts


def expected_settings(points: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a commissioning must write, but for times, which are measured."""
    settings: dict[str, Any] = {}
    if points["has_a_range_too_many"]:
        settings["units.current_ranges_a"] = list(_RANGES_A)
    if not points["output_stays_on_disconnect"] and points["off_after_silence_s"] is not None:
        settings["units.host_loss"] = "stops"
    return settings


def wrong_of(points: Mapping[str, Any], asked: Sequence[Asked]) -> list[str]:
    """Return what of the points was not found, or wrongly, or would be written wrong."""
    nothing = dict.fromkeys(("units.current_ranges_a", "units.host_loss"))
    wrong = misses(asked, expected_facts(points), nothing | expected_settings(points))
    wrong += [
        f"{one.question}: {one.found.concluded}"
        for one in asked
        if one.found.outcome not in (Outcome.FOUND, Outcome.LEFT_OUT)
    ]
    facts = {name: value for one in asked for name, value in one.found.facts.items()}
    slower = {"interval_s"} & {setting.name for one in asked for setting in one.found.settings}
    too_slow = float(facts.get("reading_time_s", 0.0)) >= SmuSettings.model_fields["interval_s"].default
    return wrong + ([] if too_slow == bool(slower) else ["the interval does not fit the time of readings"])


async def missed(flips: Flips) -> tuple[list[str], float]:
    """Commission one source meter; return what was not found or is left on, and the largest current."""
    there = MeterAtHand(flips)
    asked = await there.commissioned()
    wrong = wrong_of(flips, asked)
    if len(asked) < len(QUESTIONS):
        wrong.append(f"it ends behind {asked[-1].question}")
    return wrong + (["its output is on"] if there.output_on else []), there.resistor.most_a
