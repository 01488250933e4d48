"""What every dialect has: its table of commands, its settings after a reset, its off states, its readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simulators.smu.ranges import Model
from simulators.smu.setup import Setup
from simulators.smu.unit import OffAction, Unit, Wait
from simulators.smu.values import Arguments

Write = Callable[[Arguments], "Wait | None"]
Query = Callable[[Arguments], "Wait | str | None"]


@dataclass(frozen=True, slots=True)
class Command:
    """What a header does: written, and asked with a question mark; None where it cannot be."""

    write: Write | None = None
    query: Query | None = None


Commands = dict[str, Command]


class Dialect(Protocol):
    """The commands of one make, around one unit."""

    commands: Commands


class DialectRules(Protocol):
    """What a make's units do before any command comes."""

    def reset(self, model: Model) -> Setup:
        """Return the settings after ``*RST``."""

    def off(self, unit: Unit) -> OffAction:
        """Return what the output does when it is off."""

    def write_error(self, number: int, text: str) -> str:
        """Write one entry of the error queue."""


def flag(value: bool) -> str:
    """Write ON or OFF as an answer."""
    return "1" if value else "0"
