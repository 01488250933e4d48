"""Active materials as they stand in the line ``working_electrode`` of a cell's file, with what a gram of each holds.

A band goes from what the poorest usual electrode gives, its mass with binder and carbon, to what the material holds in
theory. It serves to find a mass and a capacity that contradict each other, and for nothing else.

>>> [material.name for material in materials("NMC or LNMO on Al foil")]
['NMC', 'LNMO']
>>> held("NMC").low_mah_per_g, held("NMC").high_mah_per_g
(70, 285)
>>> materials("Li foil")
()
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Material:
    """An active material: how it is written, what a gram holds in mAh from poorest to theory, and the source."""

    name: str
    written: re.Pattern[str]
    low_mah_per_g: float
    high_mah_per_g: float
    source: str


def _material(name: str, written: str, low: float, high: float, source: str) -> Material:
    return Material(name, re.compile(written, re.IGNORECASE), low, high, source)


MATERIALS = (
    _material(
        "NMC",
        r"\b(nmc|ncm)\d*\b|LiNi[\d.xy]*(Mn|Co)[\d.xy]*(Co|Mn)",
        70,
        285,
        "layered NMC holds 275 to 280 mAh/g in theory, 150 to 220 to 4.3 V",
    ),
    _material("NCA", r"\bnca\d*\b|LiNi[\d.xy]*Co[\d.xy]*Al", 70, 285, "NCA holds 279 mAh/g in theory, 180 to 200 used"),
    _material("LCO", r"\blco\b|LiCoO2", 60, 280, "LiCoO2 holds 274 mAh/g in theory, 140 to 190 used"),
    _material(
        "Li-rich", r"\b(lmr|llo|li-rich|lithium-rich)\b", 100, 380, "Li-rich layered oxides give 200 to 300 mAh/g"
    ),
    _material("LNMO", r"\blnmo\b|LiNi0?\.5Mn1\.5O4", 50, 152, "LiNi0.5Mn1.5O4 holds 147 mAh/g between 4 and 5 V"),
    _material("LMO", r"\blmo\b|LiMn2O4", 40, 155, "LiMn2O4 holds 148 mAh/g in theory, 100 to 120 used"),
    _material(
        "LFP", r"\blm?fp\b|LiFePO4", 80, 180, "LFP holds 170 mAh/g, of a mass with binder and carbon 80 and more"
    ),
    _material("NVP", r"\bnvp\b|Na3V2\(?PO4", 40, 125, "Na3V2(PO4)3 holds 117 mAh/g in theory"),
    _material("LTO", r"\blto\b|Li4Ti5O12", 70, 180, "Li4Ti5O12 holds 175 mAh/g"),
    _material("hard carbon", r"\bhard carbon\b", 80, 550, "hard carbons give 200 to 450 mAh/g"),
    _material("graphite", r"\b(graphite|mcmb)\b", 120, 390, "graphite holds 372 mAh/g (LiC6)"),
    _material("silicon", r"\b(si|silicon|siox?)\b", 120, 4300, "Li4.4Si holds 4200 mAh/g, a blend less"),
    _material("sulfur", r"\b(sulfur|sulphur|s/c|s8)\b", 200, 1700, "sulfur holds 1672 mAh/g"),
)


def materials(text: str) -> tuple[Material, ...]:
    """Give the materials that a line of text names."""
    return tuple(material for material in MATERIALS if material.written.search(text))


def held(text: str) -> Material | None:
    """Give what a gram of the materials of a line holds, of all of them together; None where it names none."""
    found = materials(text)
    if not found:
        return None
    low, high = min(one.low_mah_per_g for one in found), max(one.high_mah_per_g for one in found)
    name, source = ", ".join(one.name for one in found), "; ".join(one.source for one in found)
    return Material(name, found[0].written, low, high, source)
