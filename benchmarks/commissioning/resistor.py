"""A resistor that keeps its own log of currents, and a person who agrees, for campaigns and tests of commissioning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.cells.resistor import ResistorCell

CHANNEL = "21-1-3"
OHM = 1000.0
MOST_A = 1e-3


class LoggedResistor(ResistorCell):
    """A resistor that remembers the largest current of either sign that went through it."""

    def __init__(self, resistance_ohm: float, rest_v: float = 0.0) -> None:
        super().__init__(resistance_ohm)
        self.rest_v = rest_v
        self.most_a = 0.0

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage, which a real cell has at rest too."""
        return super().voltage_v(current_a) + self.rest_v

    def current_a(self, voltage_v: float) -> float:
        """Return the current at a held voltage."""
        return super().current_a(voltage_v - self.rest_v)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Note the current."""
        self.most_a = max(self.most_a, abs(current_a))


@dataclass
class Operator:
    """A person who agrees to everything but what is ``declined``, and keeps what was said."""

    name: str = "ada"
    declined: Sequence[str] = ()
    said: list[str] = field(default_factory=list)

    def tell(self, sentence: str) -> None:
        """Keep a sentence."""
        self.said.append(sentence)

    def agrees(self, question: str) -> bool:
        """Agree unless it is declined."""
        return not any(name in question for name in self.declined)

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Take the first."""
        return choices[0]

    async def reads(self, question: str, unit: str) -> float | None:
        """Read nothing."""
        return None
