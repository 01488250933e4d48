"""The person before a simulated oven that is commissioned, whose eyes and fingers are the simulator's own hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.commissioning import oven_heat as heat
from orchestrator.commissioning import oven_panel as panel
from orchestrator.commissioning import oven_talk as talk
from orchestrator.commissioning.people import CANNOT, DONE, Person, StandIn

_SHOWS: Mapping[str, str] = {
    talk.SHOWN: "shown_degc",
    talk.SHOWN_SET_POINT: "shown_target_degc",
    panel.HIGHEST: "limit_degc",
    heat.THERMOMETER: "air_degc",
}
_VERBS: Mapping[str, tuple[str, ...]] = {
    panel.STAND_BY: ("stand by",),
    panel.RUN_AGAIN: ("run",),
    panel.TO_MANUAL: ("manual 0",),
    panel.TO_AUTOMATIC: ("automatic",),
    panel.SET_ALARM: ("alarm 10",),
    panel.UNSET_ALARM: ("no alarm",),
    panel.OPEN_SENSOR: ("break sensor",),
    panel.CLOSE_SENSOR: ("mend",),
    panel.POWER_CYCLE: ("cut power", "restore power"),
    heat.OPEN_DOOR: ("open door",),
    heat.CLOSE_DOOR: ("close door",),
}


class AtSimulatedOven(StandIn):
    """A person before a simulated oven: its display is read, and its panel and door are worked, for them.

    ``do`` carries out a verb of the simulated hands, ``state`` tells the truth about the oven, as these hands do.
    """

    def __init__(self, person: Person, do: Callable[[str], str], state: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(person)
        self._do = do
        self._state = state

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Do at the simulated oven what is asked for, or say whether it controls."""
        if question == panel.CONTROLS:
            answer = panel.YES if self._state()["controls"] else panel.NO
        else:
            told = [self._do(verb) for verb in _VERBS.get(question, ())]
            answer = DONE if told and set(told) == {"ok"} else CANNOT
        self.tell(f"{question} At the simulated oven: {answer}.")
        return answer

    async def reads(self, question: str, unit: str) -> float | None:
        """Read the simulated display."""
        shown: float | None = self._state()[_SHOWS[question]] if question in _SHOWS else None
        self.tell(f"{question} The simulated oven says: {shown} {unit}.")
        return shown
