"""A commissioning of a CHI660E finds its signs, its amplitude, and what it does when its program dies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.commissioning.chi660e import QUESTIONS
from orchestrator.commissioning.potentiostat_hands import PotentiostatHands
from orchestrator.commissioning.procedure import commission
from orchestrator.commissioning.progress import Progress, Setup
from orchestrator.commissioning.questions import Outcome
from simulators.chi660e.launching import Launcher
from tests.commissioning_rig import CHANNEL, MOST_A, OHM, LoggedResistor, Operator
from tests.station_rig import StationRig, open_station_rig, popups

SETUP = Setup("chi660e", "chi660e", "chi660e", OHM, MOST_A)


@dataclass
class AtTheMeter(Operator):
    """A person with a meter on the leads of a simulated instrument."""

    rig: StationRig | None = None
    shows_mv: float = 100.0

    def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Say whether the leads are driven."""
        assert self.rig is not None
        return choices[0] if self.rig.bench.leads.terminals().current_a() else choices[1]

    def reads(self, question: str, unit: str) -> float | None:
        """Read the meter."""
        return self.shows_mv


@pytest.mark.parametrize("flipped", [False, True])
async def test_every_open_point_is_found(flipped: bool) -> None:
    """Signs, amplitude and the death of the program are found as they are, and no more flows than was announced."""
    resistor = LoggedResistor(OHM)
    async with open_station_rig(by_hand=True) as rig:
        signs = {"cathodic_positive": flipped, "istep_anodic_positive": flipped, "cp_negative_first_cathodic": flipped}
        rig.cfg.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in signs.items()), "utf-8")
        rig.bench.tester.swap_cell(CHANNEL, resistor)
        rig.bench.clip(CHANNEL)
        rig.bench.leads.keeps_driving = flipped
        launch = Launcher(rig.control, cfg=rig.cfg, screen=rig.cfg.with_name("screen.json"))

        def build(settings: Chi660eSettings) -> Chi660ePotentiostat:
            return Chi660ePotentiostat(settings, wall_time, launch, lambda _: popups(rig.cfg.with_name("screen.json")))

        person = AtTheMeter(rig=rig, shows_mv=100.0 if flipped else 70.7)
        hands = PotentiostatHands(rig.settings, build, person, OHM, MOST_A, wall_time)
        asked = await commission(QUESTIONS, hands, person, Progress(None, SETUP), wall_time)
    assert [one.found.concluded for one in asked if one.found.outcome is not Outcome.FOUND] == []
    assert {one.question: one.found.outcome for one in asked} == {one.name: Outcome.FOUND for one in QUESTIONS}
    facts = {name: value for one in asked for name, value in one.found.facts.items()}
    assert facts == {
        "macro_prefix": "length",
        "cathodic_current_positive": flipped,
        "istep_positive_is_charge": flipped,
        "cp_n_is_cathodic": flipped,
        "measures_1_mhz": True,
        "amplitude_is": "rms" if flipped else "peak",
        "host_loss": "rides_on" if flipped else "stops",
        "off_after_all": True,
    }
    assert 0.99 * MOST_A < resistor.most_a <= MOST_A * (1 + 1e-9)


async def test_cell_that_came_after_the_resistor_was_found_gets_no_current() -> None:
    """What goes on after an interruption stands on a resistor that may be a cell now: it is looked at each time."""
    async with open_station_rig(by_hand=True) as rig:
        launch = Launcher(rig.control, cfg=rig.cfg, screen=rig.cfg.with_name("screen.json"))

        def build(settings: Chi660eSettings) -> Chi660ePotentiostat:
            return Chi660ePotentiostat(settings, wall_time, launch, lambda _: popups(rig.cfg.with_name("screen.json")))

        person, progress = AtTheMeter(rig=rig), Progress(None, SETUP)
        resistor, cell = LoggedResistor(OHM), LoggedResistor(5.0, rest_v=3.3)
        for there, questions in ((resistor, QUESTIONS[:1]), (cell, QUESTIONS)):
            rig.bench.tester.swap_cell(CHANNEL, there)
            rig.bench.clip(CHANNEL)
            hands = PotentiostatHands(rig.settings, build, person, OHM, MOST_A, wall_time)
            await commission(questions, hands, person, progress, wall_time)
            rig.bench.clip(None)
    asked = list(progress.asked)
    assert asked[-1].question == "polarity"
    assert asked[-1].found.outcome is Outcome.UNDECIDED
    assert "that is no resistor" in asked[-1].found.concluded
    assert cell.most_a < 1e-6
