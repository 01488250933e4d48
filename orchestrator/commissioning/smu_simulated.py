"""The person at a simulated source meter that is commissioned: its leads and its switch are worked for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator.commissioning import smu_leads as leads
from orchestrator.commissioning.people import CANNOT, DONE, Person, StandIn

_VERBS: Mapping[str, tuple[str, ...]] = {
    leads.LEAD_OFF: ("open sense lead",),
    leads.LEAD_ON: ("close sense lead",),
    leads.RESISTOR_OFF: ("pull out",),
    leads.RESISTOR_ON: ("put back",),
    leads.METER: ("ohmmeter",),
    leads.METER_AFTER_POWER_ON: ("cut power", "restore power", "ohmmeter"),
}


class AtSimulatedMeter(StandIn):
    """A person whose fingers and ohmmeter are the simulator's own; ``do`` carries out a verb of its hands."""

    def __init__(self, person: Person, do: Callable[[str], str]) -> None:
        super().__init__(person)
        self._do = do

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Do at the simulated instrument what is asked for."""
        told = [self._do(verb) for verb in _VERBS.get(question, ())]
        answer = CANNOT if not told else DONE if told[-1] == "ok" else told[-1]
        self.tell(f"{question} At the simulated one: {answer}.")
        return answer

    async def reads(self, question: str, unit: str) -> float | None:
        """Read nothing: no number is asked for here."""
        return None
