"""The form with which a person starts a test: its fields, and the order that they are.

A cell is typed or scanned by the name on it. What is known by that name is ordered as it was; a new name needs facts:
those of a cell that is known, or a cell file made of the fields for a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import pi
from typing import Any

from protocols.yaml_document import as_scalar

NEW, LIKE = "new", "like"
"""Choices of facts: the fields of a new cell, and those of the cell of the run to repeat."""
SET = "set:"
_WAS = "was:"
_CONFIRM = "confirm:"
# In a name of a field, the keys that take the same value.
_AND = "|"
_LONGEST = 200
_TEXTS = ("recipe", "cell", "facts", "label", "channel", "like", "like_recipe", "word", "second_person")
_HIDDEN = ("key", "check_id", "fields_of")
NEW_CELL = ("kind", "diameter", "area", "mass", "capacity", "working", "counter", "electrolyte")
"""The fields of a new cell, each ``new_`` in the form."""
_AMOUNTS = (("area", "area", "cm2"), ("mass", "active_mass", "mg"), ("capacity", "nominal_capacity", "mAh"))
_LINES = (
    ("working", "working_electrode"),
    ("counter", "counter_electrode"),
    ("electrolyte", "electrolyte"),
)


@dataclass(frozen=True, slots=True)
class LaunchForm:
    """What a person has filled in. ``sets`` are changed values by the keys that take them, ``new`` those of a new cell.

    ``like`` is an earlier run, whose files are ordered where ``recipe`` is still its ``like_recipe``. ``word`` says of
    a channel with a used cell: ``mounted``, the cell of this order is there now, or ``same``. ``confirms`` are the
    values that a person has named, by the number of the doubt.
    """

    recipe: str = ""
    cell: str = ""
    facts: str = ""
    label: str = ""
    channel: str = ""
    like: str = ""
    like_recipe: str = ""
    word: str = ""
    second_person: str = ""
    key: str = ""
    check_id: str = ""
    fields_of: str = ""
    sets: Mapping[str, str] = field(default_factory=dict)
    new: Mapping[str, str] = field(default_factory=dict)
    confirms: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, str]) -> LaunchForm:
        """Read a form, or the query of an address that fills it in; what does not belong to it is left out."""
        told = {name: value.strip()[:_LONGEST] for name, value in given.items()}
        texts = {name: told.get(name, "") for name in (*_TEXTS, *_HIDDEN)}
        sets = {}
        if texts["fields_of"] in ("", texts["recipe"]):
            # The values of another recipe, which was chosen before, are no values of this one.
            for name, value in told.items():
                keys = name.removeprefix(SET)
                if name.startswith(SET) and value and value != told.get(f"{_WAS}{keys}", ""):
                    sets[keys] = value
        new = {name: told.get(f"new_{name}", "") for name in NEW_CELL}
        confirms = {
            int(name.removeprefix(_CONFIRM)): value
            for name, value in told.items()
            if name.startswith(_CONFIRM) and name.removeprefix(_CONFIRM).isdecimal() and value
        }
        return cls(**texts, sets=sets, new=new, confirms=confirms)

    @property
    def is_as_in_like(self) -> bool:
        """Whether the recipe is the one of the earlier run, to the letter."""
        return bool(self.like) and self.recipe in ("", self.like_recipe)

    def set_value(self, keys: Sequence[str]) -> str | None:
        """Return what is set for the keys of a field; None where nothing is."""
        return self.sets.get(_AND.join(keys))

    def order(self, known: Collection[str]) -> dict[str, Any]:
        """Return the order that the form is, without its person; ``known`` are the names of cells with facts."""
        order: dict[str, Any] = {"recipe": "" if self.is_as_in_like else self.recipe, "channel": self.channel}
        order["like"] = self.like
        order |= self._cell(known)
        order["set"] = [f"{key}={value}" for keys, value in self.sets.items() for key in keys.split(_AND)]
        if self.word == "mounted":
            order["mounted"] = order.get("label") or order.get("cell") or self.cell
        order["same_cell"] = self.word == "same"
        return {name: value for name, value in order.items() if value}

    def is_new_name(self, known: Collection[str]) -> bool:
        """Return whether the name that was typed is that of no cell yet."""
        return bool(self.cell) and self.cell not in known

    def _cell(self, known: Collection[str]) -> dict[str, Any]:
        label = self.label or self.cell
        if not self.is_new_name(known) and self.facts in ("", self.cell):
            return {"cell": self.cell, "label": label}
        if self.facts == NEW:
            return {"cell_yaml": self.cell_file(), "cell_file": f"{_word(self.cell)}.yaml", "label": label}
        if self.facts == LIKE and self.like:
            return {"label": label}
        # Without facts the service says that nobody knows a cell of this name.
        return {"cell": self.facts or self.cell, "label": label}

    def cell_file(self) -> str:
        """Return the text of the cell file that the fields of a new cell make."""
        lines = [f"name: {as_scalar(_word(self.cell))}", f"kind: {as_scalar(self.new.get('kind') or 'other')}"]
        amounts = {name: self.new.get(name, "") for name, _, _ in _AMOUNTS}
        if not amounts["area"] and (diameter_mm := _number(self.new.get("diameter", ""))):
            amounts["area"] = f"{pi / 4 * (diameter_mm / 10) ** 2:.4f}"
        for name, key, unit in _AMOUNTS:
            if amounts[name]:
                value = amounts[name] if amounts[name][-1].isalpha() else f"{amounts[name]} {unit}"
                lines.append(f"{key}: {as_scalar(value)}")
        lines += [f"{key}: {as_scalar(self.new.get(name) or 'not said')}" for name, key in _LINES]
        return "\n".join(lines) + "\n"


def field_name(keys: Sequence[str]) -> str:
    """Return the name of the form's field for the keys that take its value."""
    return f"{SET}{_AND.join(keys)}"


def was_name(keys: Sequence[str]) -> str:
    """Return the name of the hidden field that tells what the value was."""
    return f"{_WAS}{_AND.join(keys)}"


def confirms(typed: str, value: str) -> bool:
    """Return whether a person has named a value: its number, with its unit or without, however it is spaced.

    >>> confirms("90.9c", "90.9 C"), confirms("90.9", "90.9 C"), confirms("9.09 C", "90.9 C")
    (True, True, False)
    """
    wanted, given = "".join(value.split()).casefold(), "".join(typed.split()).casefold()
    number = value.partition(" ")[0].casefold()
    return bool(given) and given.replace("²", "2").replace("µ", "u") in {wanted, number}


def _word(name: str) -> str:
    """Return a name as a cell file may have it."""
    letters = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.-") else "-" for letter in name)
    return letters[:64] or "cell"


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("mm"))
    except ValueError:
        return None
