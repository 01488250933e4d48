"""What every dialect has: its table of commands, its settings after a reset, its off states, its readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulators.smu.unit import Wait
from simulators.smu.values import Arguments

Write = Callable[[Arguments], "Wait | None"]
Query = Callable[[Arguments], "Wait | str | None"]


@dataclass(frozen=True, slots=True)
class Command:
    """What a header does: written, and asked with a question mark; None where it cannot be."""

    write: Write | None = None
    query: Query | None = None


Commands = dict[str, Command]


def flag(value: bool) -> str:
    """Write ON or OFF as an answer."""
    return "1" if value else "0"
