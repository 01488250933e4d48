"""Slips that make a sound recipe unsafe, each seeded into recipes of every kind: which of them are refused.

A slip is refused where the recipe does not load or resolve,
where plausibility asks a person, or where the program is not proven. Whether one that was accepted could hurt is judged
by a cell of its own (``tests/slips/ideal_cell.py``) that obeys the program with no host beside it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from protocols.errors import RecipeError, ResolveError
from protocols.loading import load_cell, parse_recipe
from protocols.plausibility import plausibility
from protocols.program import Program
from protocols.proof import CounterExample, prove
from protocols.resolve import resolve
from tests.slips.ideal_cell import harm
from tests.slips.recipe_maker import CELLS, Doc, made_recipe, text_of

Slip = Callable[[Doc, Random], Doc | None]


class Caught(StrEnum):
    """What refuses a slip; the last two are of those that nothing refuses."""

    READING = "reading"
    RESOLVING = "resolving"
    PLAUSIBILITY = "a person is asked"
    PROOF = "proof"
    HARMLESS = "accepted, harmless"
    MISSED = "accepted, could hurt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One slip in one recipe: what became of it, and the harm that it could do."""

    slip: str
    seed: int
    caught: Caught
    why: str
    text: str


def outcome(name: str, seed: int) -> Outcome | None:
    """Seed one slip into one recipe; None where that recipe has nothing that the slip could change."""
    draw = Random(f"{name} {seed}")
    sound = made_recipe(seed)
    slipped = SLIPS[name](copy.deepcopy(sound), draw)
    if slipped is None or slipped == sound:
        return None
    text = text_of(slipped)
    caught, why = judged(text, sound["for"][0], program_of(text_of(sound), sound["for"][0]))
    return Outcome(name, seed, caught, why, text)


def program_of(text: str, kind: str) -> Program:
    """Give the program of a recipe for the shipped cell of a kind."""
    return resolve(parse_recipe(text), load_cell(CELLS[kind]))


def judged(text: str, kind: str, meant: Program) -> tuple[Caught, str]:
    """Tell what refuses a recipe, or how it could hurt a cell that obeys it; ``meant`` is the program without slip."""
    try:
        program = program_of(text, kind)
    except RecipeError as err:
        return Caught.READING, str(err)
    except ResolveError as err:
        return Caught.RESOLVING, str(err)
    found = prove(program)
    if isinstance(found, CounterExample):
        return Caught.PROOF, str(found)
    if sentences := plausibility(program).sentences:
        return Caught.PLAUSIBILITY, sentences[0]
    hurt = harm(program, meant)
    return (Caught.MISSED, hurt) if hurt else (Caught.HARMLESS, "")


# The slips. Each changes one thing in a document, or gives None where there is nothing of that kind.


def _steps(steps: list[Doc]) -> Iterator[tuple[list[Doc], int, Doc]]:
    for index, step in enumerate(steps):
        yield steps, index, step
        if step["step"] == "repeat":
            yield from _steps(step["steps"])


def _powered(doc: Doc) -> list[Doc]:
    return [step for _, _, step in _steps(doc["steps"]) if "direction" in step]


def _direction(doc: Doc, draw: Random) -> Doc | None:
    step = draw.choice(_powered(doc))
    step["direction"] = "discharge" if step["direction"] == "charge" else "charge"
    return doc


def _places(doc: Doc, *keys: str) -> list[tuple[Doc, str]]:
    """Give every place of a quantity under one of these keys, in steps that pass current."""
    return [(part, key) for step in _powered(doc) for part in (step, step["until"]) for key in keys if key in part]


def _replaced(*keys: str, unit: str, by: str | Callable[[re.Match[str]], str]) -> Slip:
    def slip(doc: Doc, draw: Random) -> Doc | None:
        places = [(part, key) for part, key in _places(doc, *keys) if re.search(unit, part[key])]
        if not places:
            return None
        part, key = draw.choice(places)
        part[key] = re.sub(unit, by, part[key], count=1)
        return doc

    return slip


def _scaled(factor: float, *keys: str) -> Slip:
    def slip(doc: Doc, draw: Random) -> Doc | None:
        places = _places(doc, *keys)
        if not places:
            return None
        part, key = draw.choice(places)
        number, _, unit = part[key].partition(" ")
        part[key] = f"{float(number) * factor:.12g} {unit}"
        return doc

    return slip


def _without_end(doc: Doc, draw: Random) -> Doc | None:
    until = draw.choice(_powered(doc))["until"]
    del until[draw.choice(sorted(until))]
    return doc


def _without_until(doc: Doc, draw: Random) -> Doc | None:
    del draw.choice(_powered(doc))["until"]
    return doc


def _swapped(doc: Doc, draw: Random) -> Doc | None:
    pairs = [(steps, index) for steps, index, _ in _steps(doc["steps"]) if index + 1 < len(steps)]
    if not pairs:
        return None
    steps, index = draw.choice(pairs)
    steps[index], steps[index + 1] = steps[index + 1], steps[index]
    return doc


def _left_out(doc: Doc, draw: Random) -> Doc | None:
    places = [(steps, index) for steps, index, step in _steps(doc["steps"]) if "direction" in step and len(steps) > 1]
    if not places:
        return None
    steps, index = draw.choice(places)
    del steps[index]
    return doc


def _doubled(doc: Doc, draw: Random) -> Doc | None:
    places = [(steps, index) for steps, index, step in _steps(doc["steps"]) if "direction" in step]
    steps, index = draw.choice(places)
    steps.insert(index, copy.deepcopy(steps[index]))
    return doc


def _widened(*layers: str) -> Slip:
    def slip(doc: Doc, draw: Random) -> Doc | None:
        by = draw.choice([0.6, 1.0, 2.0])
        usual: dict[str, tuple[float, float]] = {
            "li-li": (-0.55, 0.55), "lfp": (2.7, 4.1), "li-cu": (-0.5, 3.3)
        }  # fmt: skip
        low, high = usual[doc["for"][0]]
        wide = {
            layer: {"low": f"{low - by - more:g} V", "high": f"{high + by + more:g} V"}
            for more, layer in ((0.0, "host"), (0.1, "tester"), (0.2, "absolute"))
            if layer in layers
        }
        doc["limits"] = {**doc.get("limits", {}), **wide}
        # A cutoff that the wide limits let through, as somebody who widens them would want it.
        places = _places(doc, "voltage")
        part, key = draw.choice(places)
        volts = float(part[key].split()[0])
        part[key] = f"{high + by - 0.05:g} V" if volts > (low + high) / 2 else f"{low - by + 0.05:g} V"
        return doc

    return slip


def _outside_loop(doc: Doc, draw: Random) -> Doc | None:
    """Indent the last step of a loop wrongly: it runs once, behind the loop."""
    loops = [(steps, index) for steps, index, step in _steps(doc["steps"]) if step["step"] == "repeat"]
    places = [(steps, index) for steps, index in loops if len(steps[index]["steps"]) > 1]
    if not places:
        return None
    steps, index = draw.choice(places)
    steps.insert(index + 1, steps[index]["steps"].pop())
    return doc


SLIPS: dict[str, Slip] = {
    "sign: direction": _direction,
    "sign: voltage": _replaced("voltage", unit=r"^(-?)([\d.]+)", by=lambda m: m[2] if m[1] else f"-{m[2]}"),
    "unit: mA for uA, A for mA": _replaced("current", unit=r"\bmA", by="A"),
    "unit: mA/cm2 for mA": _replaced("current", unit=r"mA$", by="mA/cm2"),
    "unit: mA for mA/cm2 or mA/g": _replaced("current", unit=r"mA/\w+", by="mA"),
    "unit: mA/g for mA/cm2": _replaced("current", unit=r"mA/cm2", by="mA/g"),
    "unit: mA/cm2 for mA/g": _replaced("current", unit=r"mA/g", by="mA/cm2"),
    "unit: C for mA/g": _replaced("current", unit=r"mA/g", by="C"),
    "unit: h for min": _replaced("time", unit="min", by="h"),
    "unit: Ah for mAh": _replaced("capacity", unit="mAh", by="Ah"),
    "unit: mV for V": _replaced("voltage", unit=" V", by=" mV"),
    "point: current x 10": _scaled(10, "current"),
    "point: current x 100": _scaled(100, "current"),
    "unit: W for mW": _replaced("power", unit="mW", by="W"),
    "unit: mW for mW/cm2 or W/g": _replaced("power", unit=r"m?W/\w+", by="mW"),
    "unit: ohm for kohm": _replaced("resistance", unit="kohm", by="ohm"),
    "point: power x 100": _scaled(100, "power"),
    "point: resistance / 100": _scaled(0.01, "resistance"),
    "point: voltage x 10": _scaled(10, "voltage"),
    "point: time x 10": _scaled(10, "time"),
    "point: charge x 10": _scaled(10, "capacity"),
    "end: one left out": _without_end,
    "end: all left out": _without_until,
    "order: two steps swapped": _swapped,
    "order: a step left out": _left_out,
    "order: a step twice": _doubled,
    "order: a step outside its loop": _outside_loop,
    "limits: host widened": _widened("host"),
    "limits: host and tester widened": _widened("host", "tester"),
    "limits: all widened": _widened("host", "tester", "absolute"),
}
