"""The terms of the Battery Data Format, ontology 1.3.0, as data: labels, machine names, types, and which are required.

The released package batterydf 0.1.0 knows 27 of them, some under older labels; this table is what our files are written
and checked by.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ONTOLOGY_VERSION = "1.3.0"
BASE_ADDRESS = "https://w3id.org/battery-data-alliance/ontology/battery-data-format#"


class Obligation(StrEnum):
    """Whether a table must have a column, should have it, or may."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    OPTIONAL = "optional"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True)
class BdfTerm:
    """One column of BDF. ``is_count``: whole numbers from 0; ``is_text``: neither is a number.

    ``least`` is the lowest value that the ontology allows, None where any will do.
    """

    name: str
    label: str
    obligation: Obligation = Obligation.OPTIONAL
    is_count: bool = False
    is_text: bool = False
    least: float | None = None


def _amounts(prefix: str, label: str, kinds: tuple[str, ...]) -> list[BdfTerm]:
    """Return the capacities and energies of one scope.

    Capacities of one direction and their sums are never negative; energies are, where a voltage is below zero.
    """
    return [
        BdfTerm(
            f"{prefix}{kind}_{quantity.lower()}_{unit.lower()}",
            f"{label}{kind.title()} {quantity} / {unit}",
            least=0.0 if quantity == "Capacity" and kind != "net" else None,
        )
        for quantity, unit in (("Capacity", "Ah"), ("Energy", "Wh"))
        for kind in kinds
    ]


_BOTH_WAYS = ("charging", "discharging")
_ALL_WAYS = (*_BOTH_WAYS, "net", "cumulative")
_ABSOLUTE_ZERO_DEGC = -273.15

_TERMS = (
    BdfTerm("test_time_second", "Test Time / s", Obligation.REQUIRED, least=0.0),
    BdfTerm("voltage_volt", "Voltage / V", Obligation.REQUIRED),
    BdfTerm("current_ampere", "Current / A", Obligation.REQUIRED),
    BdfTerm("unix_time_second", "Unix Time / s", Obligation.RECOMMENDED, least=0.0),
    BdfTerm("cycle_count", "Cycle Count / 1", Obligation.RECOMMENDED, is_count=True),
    BdfTerm("step_count", "Step Count / 1", Obligation.RECOMMENDED, is_count=True),
    BdfTerm(
        "ambient_temperature_celsius",
        "Ambient Temperature / degC",
        Obligation.RECOMMENDED,
        least=_ABSOLUTE_ZERO_DEGC,
    ),
    BdfTerm("record_index", "Record Index / 1", is_count=True),
    BdfTerm("step_id", "Step ID", is_text=True),
    BdfTerm("step_type", "Step Type", is_text=True),
    BdfTerm("step_time_second", "Step Time / s", least=0.0),
    BdfTerm("step_record_index", "Step Record Index / 1", is_count=True),
    *_amounts("", "", _ALL_WAYS),
    *_amounts("step_", "Step ", _ALL_WAYS),
    *_amounts("cycle_", "Cycle ", _ALL_WAYS),
    *_amounts("schedule_", "Schedule ", _BOTH_WAYS),
    BdfTerm("power_watt", "Power / W"),
    BdfTerm("internal_resistance_ohm", "Internal Resistance / ohm"),
    BdfTerm("dc_internal_resistance_ohm", "DC Internal Resistance / ohm"),
    BdfTerm("ac_internal_resistance_ohm", "AC Internal Resistance / ohm"),
    BdfTerm("surface_temperature_celsius", "Surface Temperature / degC", least=_ABSOLUTE_ZERO_DEGC),
    *(BdfTerm(f"temperature_t{n}_celsius", f"Temperature T{n} / degC", least=_ABSOLUTE_ZERO_DEGC) for n in range(1, 6)),
    BdfTerm("ambient_pressure_pa", "Ambient Pressure / Pa"),
    BdfTerm("applied_pressure_pa", "Applied Pressure / Pa"),
    BdfTerm("surface_pressure_pa", "Surface Pressure / Pa"),
    BdfTerm("frequency_hertz", "Frequency / Hz"),
    BdfTerm("real_impedance_ohm", "Real Impedance / ohm"),
    BdfTerm("imaginary_impedance_ohm", "Imaginary Impedance / ohm"),
    BdfTerm("absolute_impedance_ohm", "Absolute Impedance / ohm"),
    BdfTerm("phase_degree", "Phase / deg"),
    BdfTerm("test_time_millisecond", "Test Time / ms", Obligation.DEPRECATED),
    BdfTerm("unix_time_millisecond", "Unix Time / ms", Obligation.DEPRECATED),
    BdfTerm("step_index", "Step Index / 1", Obligation.DEPRECATED, is_count=True),
    BdfTerm("step_capacity_ah", "Step Capacity / Ah", Obligation.DEPRECATED),
    BdfTerm("step_energy_wh", "Step Energy / Wh", Obligation.DEPRECATED),
)
BY_LABEL = {term.label: term for term in _TERMS}
BY_NAME = {term.name: term for term in _TERMS}
TERMS = tuple(term for term in _TERMS if term.obligation is not Obligation.DEPRECATED)
"""The terms in force, without the five that are deprecated and never written."""


def term_of(header: str) -> BdfTerm | None:
    """Return the term that a header names, by its label or its machine name; None for a column of somebody's own."""
    return BY_LABEL.get(header) or BY_NAME.get(header)
