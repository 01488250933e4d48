"""The form of a cell's file: its fields, and the text that they make.

An area may be given as the diameter of a disc, a mass as a loading; where both are given and differ, that is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import pi

from protocols.cell import Cell, CellKind
from protocols.yaml_document import as_scalar

KINDS = tuple(kind.value for kind in CellKind)
# Of each field its key in the file and the unit that is taken where none is typed.
AMOUNTS = {
    "area": ("area", "cm2"),
    "mass": ("active_mass", "mg"),
    "capacity": ("nominal_capacity", "mAh"),
    "thickness": ("electrolyte_thickness", "um"),
    "conductivity": ("electrolyte_conductivity", "S/cm"),
    "conductivity_at": ("electrolyte_conductivity_at", "degC"),
    "temperature": ("temperature", "degC"),
}
LINES = {"working": "working_electrode", "counter": "counter_electrode", "electrolyte": "electrolyte"}
CAPACITY_UNITS = ("mAh", "mAh/cm2", "mAh/g")
FIELDS = ("name", "kind", "diameter", "loading", "capacity_unit", *AMOUNTS, *LINES, "more")
_LONGEST, _LONGEST_MORE = 200, 20_000
# Two ways of saying one size may differ so much: the last figure of what was rounded.
_ALIKE = 0.005
_IN_CM2 = {"cm2": 1.0, "mm2": 0.01}
_IN_MG = {"mg": 1.0, "g": 1000.0, "ug": 0.001}


@dataclass(frozen=True, slots=True)
class TwoSizes:
    """Two fields that say one size otherwise: their names, and what the second would be by the first."""

    first: str
    second: str
    would_be: str


@dataclass(frozen=True, slots=True)
class CellForm:
    """What a person has filled in, by field."""

    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, str]) -> CellForm:
        """Read a form; what does not belong to it is left out."""
        longest = {"more": _LONGEST_MORE}
        return cls({name: given.get(name, "").strip()[: longest.get(name, _LONGEST)] for name in FIELDS})

    @classmethod
    def of_cell(cls, cell: Cell, name: str) -> CellForm:
        """Return the form of a cell's file, under a name."""
        values = dict.fromkeys(FIELDS, "") | {"name": name, "kind": cell.kind.value}
        for one, (key, _) in AMOUNTS.items():
            given = getattr(cell, key)
            values[one] = "" if given is None else str(given)
        values |= {one: getattr(cell, key) for one, key in LINES.items()}
        values["more"] = "\n".join(f"{key}: {' '.join(text.split())}" for key, text in cell.metadata.items())
        return cls(values)

    def __getitem__(self, name: str) -> str:
        """Return the value of a field; empty for one that was not filled in."""
        return self.values.get(name, "")

    @property
    def text(self) -> str:
        """The text of the file that the fields make."""
        lines = [f"name: {as_scalar(self['name'])}", f"kind: {as_scalar(self['kind'] or KINDS[-1])}"]
        amounts = {name: self[name] for name in AMOUNTS}
        if not amounts["area"] and (area := self._area_cm2):
            amounts["area"] = f"{area:.6g} cm2"
        if not amounts["mass"] and (mass := self._mass_mg):
            amounts["mass"] = f"{mass:.6g} mg"
        units = {name: unit for name, (_, unit) in AMOUNTS.items()}
        if self["capacity_unit"] in CAPACITY_UNITS:
            units["capacity"] = self["capacity_unit"]
        for name, (key, _) in AMOUNTS.items():
            if value := amounts[name]:
                told = value if _number(value) is None else f"{value} {units[name]}"
                lines.append(f"{key}: {as_scalar(told.replace('²', '2').replace('µ', 'u').replace('°C', 'degC'))}")
        lines += [f"{key}: {as_scalar(self[name] or 'not said')}" for name, key in LINES.items()]
        lines += self._more()
        return "\n".join(lines) + "\n"

    def contradictions(self) -> Iterator[TwoSizes]:
        """Yield the sizes that are given in two ways and differ."""
        area, by_diameter = _amount(self["area"], _IN_CM2), self._area_cm2
        if area and by_diameter and abs(area - by_diameter) > _ALIKE * area:
            yield TwoSizes("diameter", "area", f"{by_diameter:.4g} cm²")
        mass, by_loading = _amount(self["mass"], _IN_MG), self._mass_mg
        if mass and by_loading and abs(mass - by_loading) > _ALIKE * mass:
            yield TwoSizes("loading", "mass", f"{by_loading:.4g} mg")

    @property
    def _area_cm2(self) -> float | None:
        diameter_mm = _number(self["diameter"].removesuffix("mm"))
        return pi / 4 * (diameter_mm / 10) ** 2 if diameter_mm else None

    @property
    def _mass_mg(self) -> float | None:
        """The mass by the loading."""
        loading = _number(self["loading"].replace("²", "2").removesuffix("mg/cm2"))
        area = _amount(self["area"], _IN_CM2) or self._area_cm2
        return loading * area if loading and area else None

    def _more(self) -> Iterator[str]:
        told = [line.strip() for line in self["more"].splitlines() if line.strip()]
        if told:
            yield "metadata:"
        for line in told:
            key, _, value = line.partition(":")
            yield f"  {as_scalar(key.strip())}: {as_scalar(value.strip())}"


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < 1e12 or -300 < found < 0 else None


def _amount(text: str, units: Mapping[str, float]) -> float | None:
    """Return an amount in the first of the units; None where it has none of them."""
    plain = text.replace("²", "2").replace("µ", "u")
    for unit, factor in units.items():
        if plain.endswith(unit) and (found := _number(plain.removesuffix(unit).strip())) is not None:
            return found * factor
    return _number(plain)
