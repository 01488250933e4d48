"""The values of a commissioning: a question that is put to an instrument, and what was found.

A question is a row of a table (``ct4008.QUESTIONS`` and its kin). It says what it will do before it does it, and the
largest current that it passes; what it may order is checked against that in one place, ``bound.Bound``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from drivers.errors import NotConfirmed
from orchestrator.bench.commissioned import Fact

Hands = TypeVar("Hands")


class Outcome(StrEnum):
    """The outcome of a question.

    ``WRONG``: what was seen speaks against using the instrument as it is wired and set. ``UNDECIDED``: nothing was
    learnt. ``DECLINED``: the operator did not want it asked. ``LEFT_OUT``: another answer has made it pointless.
    """

    FOUND = "found"
    UNDECIDED = "undecided"
    DECLINED = "declined"
    LEFT_OUT = "left out"
    WRONG = "wrong"


class NoResistor(NotConfirmed):
    """A look before a current has found a voltage at rest: a cell is there, and nothing more is asked."""

    def __init__(self, rest_v: float) -> None:
        super().__init__(f"{rest_v:.3f} V at rest: that is no resistor; take the cell off")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value for the bench file: the path of its key in the instrument's own table, and the value.

    A path part that is a mapping selects the table of an array whose keys have those values.
    """

    path: tuple[str | Mapping[str, Any], ...]
    value: Any

    @property
    def name(self) -> str:
        """The key as it is written in sentences."""
        return ".".join(part for part in self.path if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Found:
    """What a question has found: a sentence, evidence by name, facts to keep, and settings that follow from it."""

    outcome: Outcome
    concluded: str
    evidence: Mapping[str, Fact] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Question(Generic[Hands]):
    """One question of a commissioning.

    ``asks`` and ``why`` are sentences for people; ``does`` says in one sentence what will happen before it happens.
    ``of_most`` is the largest current as a part of the most that the operator allows (0: none flows), ``longest_s`` the
    longest time of that current. ``decides`` names the setting of the bench file, empty where only a fact is kept.
    ``concludes`` says by what it concludes. ``is_needed``: nothing after it is asked where it is not found.
    ``needs`` names facts without which it is not asked, with the value they must have. ``lasts_s``: its usual time from
    beginning to end, for the display of progress alone; 0 where it is about that of its current.
    """

    name: str
    asks: str
    why: str
    does: str
    of_most: float
    longest_s: float
    decides: str
    concludes: str
    ask: Callable[[Hands], Awaitable[Found]]
    is_needed: bool = False
    needs: Mapping[str, Fact] = field(default_factory=dict)
    lasts_s: float = 0.0

    @property
    def expected_s(self) -> float:
        """The time that it usually takes."""
        return self.lasts_s or self.longest_s

    def announcement(self, most_a: float) -> str:
        """Return what is said before anything is done."""
        if not self.of_most:
            return f"{self.does} No current flows."
        current = f"{self.of_most * most_a * 1000:.4g} mA"
        return f"{self.does} At most {current}, for at most {self.longest_s:.0f} s."


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what came of it: when, with what bound, and by whom."""

    question: str
    asks: str
    does: str
    found: Found
    most_a: float
    began_unix_s: float
    ended_unix_s: float
    by: str
