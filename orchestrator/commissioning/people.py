"""The operator of a commissioning: asked only what the wire cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Person(Protocol):
    """Somebody at the instrument. Each answer is theirs; None where they cannot tell.

    What they read or do takes them minutes, in which the instrument is looked after.
    """

    @property
    def name(self) -> str:
        """The name that stands beside every answer."""

    def tell(self, sentence: str) -> None:
        """Show a sentence."""

    def agrees(self, question: str) -> bool:
        """Ask for a yes before something is done."""

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Ask which of some answers is right; the first is what a voltmeter with a voltage on it says."""

    async def reads(self, question: str, unit: str) -> float | None:
        """Ask what a display shows, in a unit."""


DONE, CANNOT = "done", "cannot"


class Chooses(Protocol):
    """A person, or hands that look after an instrument while a person is asked."""

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Ask which of some answers is right."""


async def does(person: Chooses, deed: str, undo: str = "") -> bool:
    """Ask a person to do something and return whether it was done.

    Where they do not know, it may have been: they are asked to ``undo`` it.
    """
    answer = await person.chooses(deed, (DONE, CANNOT))
    if answer is None and undo:
        await person.chooses(undo, (DONE, CANNOT))
    return answer == DONE


class StandIn:
    """A person at a simulated instrument, who still agrees to each question; what is done for them a kind adds."""

    def __init__(self, person: Person) -> None:
        self._person = person

    @property
    def name(self) -> str:
        """The name of the person."""
        return self._person.name

    def tell(self, sentence: str) -> None:
        """Show a sentence."""
        self._person.tell(sentence)

    def agrees(self, question: str) -> bool:
        """Ask the person for a yes."""
        return self._person.agrees(question)


class ReadsForThem(StandIn):
    """A person at a simulated instrument: the simulated meters are read for them, and what they show is said."""

    def __init__(self, person: Person, shows_voltage: Callable[[], bool], ac_mv: Callable[[], float]) -> None:
        super().__init__(person)
        self._shows_voltage = shows_voltage
        self._ac_mv = ac_mv

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Look at the simulated voltmeter."""
        answer = choices[0] if self._shows_voltage() else choices[1]
        self.tell(f"{question} The simulated meter says: {answer}.")
        return answer

    async def reads(self, question: str, unit: str) -> float | None:
        """Read the simulated true-rms meter, which has kept its largest value."""
        shown = self._ac_mv()
        self.tell(f"{question} The simulated meter says: {shown:.4g} {unit}.")
        return shown
