"""A commissioning of a CHI660E looks for a cell in the place of the resistor before each measurement."""

from __future__ import annotations

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
from tests.station_rig import open_station_rig, popups

SETUP = Setup("chi660e", "chi660e", "chi660e", OHM, MOST_A)


async def test_cell_that_came_after_the_resistor_was_found_gets_no_current() -> None:
    """What goes on after an interruption stands on a resistor that may be a cell now: it is looked at each time."""
    async with open_station_rig(by_hand=True) as rig:
        launch = Launcher(rig.control, cfg=rig.cfg, screen=rig.cfg.with_name("screen.json"))

        def build(settings: Chi660eSettings) -> Chi660ePotentiostat:
            return Chi660ePotentiostat(settings, wall_time, launch, lambda _: popups(rig.cfg.with_name("screen.json")))

        person, progress = Operator(), Progress(None, SETUP)
        resistor, cell = LoggedResistor(OHM), LoggedResistor(5.0, rest_v=3.3)
        for there, questions in ((resistor, QUESTIONS[:1]), (cell, QUESTIONS)):
            rig.bench.tester.swap_cell(CHANNEL, there)
            rig.bench.clip(CHANNEL)
            hands = PotentiostatHands(rig.settings, build, person, OHM, MOST_A, wall_time)
            await commission(questions, hands, person, progress, wall_time)
            rig.bench.clip(None)
    asked = list(progress.asked)
    assert asked[-1].question == "polarity"
    assert asked[-1].found.outcome is Outcome.WRONG
    assert "that is no resistor" in asked[-1].found.concluded
    assert cell.most_a < 1e-6
