"""Checks a whole macro before anything runs, as the program does: names, values, ranges [4.1]."""

from __future__ import annotations

import math
from collections.abc import Sequence

from simulators.chi660e.commands import COMMON, KNOWN_ANYWHERE, TECHNIQUES, Command, Takes
from simulators.chi660e.macro import Line
from simulators.chi660e.settings import Settings

FIRST_TECHNIQUE = "cv"
"""What the program shows when nobody has chosen a technique."""
_HOLD_TIMES = ("heht", "leht")


class Refused(Exception):
    """A pop-up: its title and its text, composed here (the real wording is not known) [4.6]."""

    def __init__(self, title: str, text: str) -> None:
        """Say what a person would see."""
        super().__init__(f"{title}: {text}")
        self.title = title
        self.text = text


def check(lines: Sequence[Line], settings: Settings) -> None:
    """Raise Refused for the first line that the program does not accept."""
    technique = FIRST_TECHNIQUE
    for line in lines:
        if line.name == "tech":
            technique = line.squeezed
            if technique not in TECHNIQUES:
                raise Refused("Macro Error", f"Line {line.number}: unknown technique {line.value!r}")
            continue
        command = _find(line, technique, settings)
        limits = None if command is None else command.range_in(settings.version)
        if command is None or limits is None or (line.name in _HOLD_TIMES and not settings.knows_hold_times):
            raise Refused("Macro Error", f"Line {line.number}: unknown command {line.name!r}")
        own = line.name in TECHNIQUES[technique] or line.name in COMMON
        _check_value(line, command, limits if own else (-math.inf, math.inf))


def number(line: Line) -> float:
    """Return a line's value as a number; Refused when it is none."""
    try:
        value = float(line.squeezed)
    except ValueError:
        value = math.nan
    # Python reads "1_000" and "inf", the program does not.
    if not math.isfinite(value) or "_" in line.squeezed:
        raise Refused("Macro Error", f"Line {line.number}: {line.name} needs a number, not {line.value!r}")
    return value


def _find(line: Line, technique: str, settings: Settings) -> Command | None:
    own = TECHNIQUES[technique].get(line.name)
    if own is not None or line.name in COMMON:
        return own or COMMON[line.name]
    foreign = KNOWN_ANYWHERE.get(line.name)
    return foreign if settings.foreign_parameters == "accept" else None


def _check_value(line: Line, command: Command, limits: tuple[float, float]) -> None:
    if command.takes is Takes.NOTHING:
        return
    if line.value is None:
        raise Refused("Macro Error", f"Line {line.number}: {line.name} needs {command.takes.value}")
    if command.takes is Takes.NUMBER and not limits[0] <= number(line) <= limits[1]:
        low, high = limits
        raise Refused("Warning", f"Line {line.number}: {line.name} is {line.value}, allowed {low:g} to {high:g}")
