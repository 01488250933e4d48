"""The recipes that people order, sound and with a slip, and what stands in each channel."""

from __future__ import annotations

from drivers.neware import stepfile
from protocols.loading import load_cell, parse_recipe
from protocols.resolve import resolve
from simulators.neware.schedule import Schedule, UnitRatings
from simulators.neware.stepfile import read_schedule
from tests.orders.plan import CHANNELS, pick

CELL_OF = {"li-li": "coated-li-li", "lfp": "coated-lfp"}
KIND_OF = {channel: "lfp" if n > 4 else "li-li" for n, channel in enumerate(CHANNELS)}

_RECIPE = """\
name: {name}
title: Some short cycles
for: [{kind}]
record: {{every: 60 s}}
steps:
  - step: repeat
    times: {times}
    steps:
      - {{step: constant_current, direction: charge, current: {current}, until: {{{time}, voltage: {up}}}}}
      - {{step: constant_current, direction: discharge, current: {current}, until: {{{time}, voltage: {down}}}}}
"""
_ENDS = {"li-li": ("0.5 V", "-0.5 V"), "lfp": ("4.0 V", "2.8 V")}
_SOUND = {"li-li": ("0.2 mA/cm2", "1 mA/cm2"), "lfp": ("17 mA/g", "200 mA/g")}
# A slip of a unit each: mA for mA/g, A for mA, mA/cm2 for uA/cm2.
_SLIPS = {"li-li": ("40 mA/cm2", "12 mA", "0.05 A"), "lfp": ("17 mA", "4 A/g", "100 C")}


def recipe(name: str, kind: str, luck: float, *, slips: bool = False) -> str:
    """Give a recipe of minutes to an hour, or one that a slip of a unit has spoiled."""
    up, down = _ENDS[kind]
    chosen = pick(_SLIPS[kind] if slips else _SOUND[kind], luck)
    times, minutes = pick((1, 1, 2, 3), luck * 17 % 1), pick((4, 8, 15), luck * 31 % 1)
    return _RECIPE.format(
        name=name, kind=kind, times=times, current=chosen, time=f"time: {minutes} min", up=up, down=down
    )


def schedule(kind: str, ratings: UnitRatings) -> Schedule:
    """Give a program of half an hour that somebody starts at the tester."""
    program = resolve(parse_recipe(recipe("somebodys", kind, 0.99)), load_cell(CELL_OF[kind]))
    return read_schedule(stepfile.write(program.cycling[0], "somebody", 0.0), ratings)
