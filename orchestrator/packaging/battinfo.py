"""The metadata of a run as JSON-LD in the terms of BattINFO (EMMO's battery domain) and schema.org.

Terms of the ontology stand only for what it has a word for that cellrig is sure of: the cell, its properties with
units, the test. All else is said in schema.org's words. No address is asked for anything; docs/package.md says whose
each term is, and where it was looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_CONTEXT = ["https://w3id.org/emmo/domain/battery/context", {"schema": "https://schema.org/"}]
# Facts of a cell: the term of the property, its unit in EMMO, and by how much a value is multiplied.
_PROPERTIES: Mapping[str, tuple[str, str, float]] = {
    "area_cm2": ("Area", "SquareCentiMetre", 1.0),
    "active_mass_mg": ("Mass", "MilliGram", 1.0),
    "nominal_capacity_ah": ("NominalCapacity", "AmpereHour", 1.0),
    "electrolyte_thickness_um": ("Thickness", "MicroMetre", 1.0),
}


def battinfo(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON-LD document of a run from the facts of its package."""
    cell: dict[str, Any] = {
        "@id": "#cell",
        "@type": "CoinCell",
        "schema:name": facts["label"] or facts["cell"],
        "schema:model": facts["cell"],
        "hasProperty": list(_properties(facts["facts"])),
    }
    return {
        "@context": _CONTEXT,
        "@id": f"#{facts['run_id']}",
        "@type": "BatteryTest",
        "schema:identifier": facts["run_id"],
        "schema:name": facts["recipe"],
        "schema:startTime": facts["ordered_utc"],
        "schema:endTime": facts["state_since_utc"],
        "schema:actionStatus": facts["state"],
        "schema:description": facts["reason"],
        "hasTestObject": cell,
        "schema:instrument": [
            {"@type": "schema:Thing", "schema:name": name, "schema:position": channel}
            for name, channel in facts["instruments"]
        ],
        "schema:agent": facts["ordered_by"],
        "schema:additionalProperty": [
            _value("programSHA256", facts["program_sha256"]),
            _value("simulated", facts["simulated"]),
            _value("softwareVersion", facts["version"]),
            *(_value("deviation", deviation) for deviation in facts["deviations"]),
        ],
    }


def _properties(facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, (term, unit, factor) in _PROPERTIES.items():
        value = facts.get(name)
        if isinstance(value, int | float):
            yield {
                "@type": [term, "ConventionalProperty"],
                "schema:name": name,
                "hasNumericalPart": {"@type": "RealData", "hasNumberValue": value * factor},
                "hasMeasurementUnit": f"https://w3id.org/emmo#{unit}",
            }


def _value(name: str, value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        inner = [_value(str(key), one) for key, one in value.items()]
        return {"@type": "schema:PropertyValue", "schema:name": name, "schema:value": inner}
    return {"@type": "schema:PropertyValue", "schema:name": name, "schema:value": value}
