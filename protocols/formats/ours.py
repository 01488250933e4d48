"""The formats of recipes that come with cellrig, by name; each is loaded when it is used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from protocols.formats.file_contents import ReadRecipe, Written
from protocols.formats.recipe_format import RecipeFormat

if TYPE_CHECKING:
    from protocols.formats.plan import Plan


def _module(name: str) -> ModuleType:
    return import_module(f"protocols.formats.{name}")


def _format(name: str, ending: str, about: str, writing: str, reading: str = "") -> RecipeFormat:
    def write(plan: Plan, unix_s: float) -> Written:
        written: Written = _module(writing).write(plan, unix_s)
        return written

    def read(data: bytes) -> ReadRecipe:
        found: ReadRecipe = _module(reading).read(data)
        return found

    def knows(data: bytes) -> bool:
        return bool(_module(reading).knows(data))

    if not reading:
        return RecipeFormat(name, ending, about, write)
    return RecipeFormat(name, ending, about, write, read, knows)


OURS = {
    one.name: one
    for one in (
        _format(
            "neware-xml",
            ".xml",
            "step file of Neware's BTS 8: the tester's own program",
            "neware_writing",
            "neware_reading",
        ),
        _format(
            "unicycler",
            ".json",
            "protocol of aurora-unicycler: Neware, BioLogic, tomato, PyBaMM, BattINFO",
            "unicycler_writing",
            "unicycler_reading",
        ),
        _format("pybamm", ".txt", "steps of a PyBaMM experiment, for simulations", "pybamm_writing", "pybamm_reading"),
        _format(
            "battinfo",
            ".jsonld",
            "test protocol in JSON-LD in the terms of BattINFO, for archives",
            "battinfo_protocol",
        ),
    )
}
