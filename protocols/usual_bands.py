"""The bands in which values of coin cells usually lie, for each kind of cell, each with the source that it comes from.

The bands are wide on purpose: they let pass what laboratories do (C/200 to 20 C, cells of 0.2 cm2, thick electrodes)
and stop what a slip of a unit makes of it. "Our judgement" says that no text is behind a number but the wish to stop
factors of a hundred and more. A bench may put others in their place (``replaced``), with its own sources.

>>> usual(CellKind.LFP)[Judged.C_RATE].high
20.0
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from protocols.cell import CellKind

_SLACK = 1e-6  # a value on the edge of a band is inside, whatever rounding made of it


class Judged(StrEnum):
    """A quantity that has a usual band; the value is its name in settings and JSON."""

    CURRENT = "current_ma"
    CURRENT_DENSITY = "current_density_ma_per_cm2"
    SPECIFIC_CURRENT = "specific_current_ma_per_g"
    C_RATE = "c_rate"
    STEP_CHARGE = "step_charge_mah_per_cm2"
    AREA = "area_cm2"
    ACTIVE_MASS = "active_mass_mg"
    NOMINAL_CAPACITY = "nominal_capacity_mah"
    LOADING = "loading_mg_per_cm2"
    AREAL_CAPACITY = "areal_capacity_mah_per_cm2"
    SPECIFIC_CAPACITY = "specific_capacity_mah_per_g"
    ELECTROLYTE_THICKNESS = "electrolyte_thickness_um"
    ELECTROLYTE_CONDUCTIVITY = "electrolyte_conductivity_ms_per_cm"
    AMPLITUDE = "amplitude_mv"
    SCAN_RATE = "scan_rate_mv_per_s"

    @property
    def unit(self) -> str:
        """The unit of its numbers."""
        return _UNITS[self]


_UNITS = {
    Judged.CURRENT: "mA",
    Judged.CURRENT_DENSITY: "mA/cm2",
    Judged.SPECIFIC_CURRENT: "mA/g",
    Judged.C_RATE: "C",
    Judged.STEP_CHARGE: "mAh/cm2",
    Judged.AREA: "cm2",
    Judged.ACTIVE_MASS: "mg",
    Judged.NOMINAL_CAPACITY: "mAh",
    Judged.LOADING: "mg/cm2",
    Judged.AREAL_CAPACITY: "mAh/cm2",
    Judged.SPECIFIC_CAPACITY: "mAh/g",
    Judged.ELECTROLYTE_THICKNESS: "um",
    Judged.ELECTROLYTE_CONDUCTIVITY: "mS/cm",
    Judged.AMPLITUDE: "mV",
    Judged.SCAN_RATE: "mV/s",
}


@dataclass(frozen=True, slots=True)
class UsualBand:
    """Where a quantity usually lies, both ends included, and a sentence on where that is known from."""

    low: float
    high: float
    source: str

    def holds(self, value: float) -> bool:
        """Tell whether a value lies inside."""
        return self.low * (1 - _SLACK) <= value <= self.high * (1 + _SLACK)


KindBands = Mapping[Judged, UsualBand]
UsualBands = Mapping[CellKind, KindBands]

_ANY_CELL: dict[Judged, UsualBand] = {
    Judged.AREA: UsualBand(
        0.03, 5.0, "a disc in a CR2032 has 2 to 19 mm, 0.03 to 2.8 cm2; larger coin and Swagelok cells stay below 5 cm2"
    ),
    Judged.ELECTROLYTE_THICKNESS: UsualBand(
        1.0, 5000.0, "thin films have a few um, separators 10 to 25 um, glass fibre and pellets 0.3 to 2 mm"
    ),
    Judged.ELECTROLYTE_CONDUCTIVITY: UsualBand(
        0.0001,
        100.0,
        "polymers have 0.001 mS/cm when cold and 1 when warm, liquid electrolytes 1 to 20, the best sulfides 30 (our "
        "judgement)",
    ),
    Judged.AMPLITUDE: UsualBand(
        0.5,
        50.0,
        "impedance asks for a linear answer: 5 to 10 mV are usual, noise begins below 1 mV, and kT/e is 26 mV",
    ),
    Judged.SCAN_RATE: UsualBand(
        0.001, 1000.0, "battery electrodes are swept at 0.01 to 10 mV/s; 1 V/s is for double layers (our judgement)"
    ),
}

# By Faraday's law: 26.80 Ah/mol over 6.94 g/mol. A hundredth more for weighing.
_LI_MAH_PER_G = 3900.0
_LI_HOLDS = "Li holds 3861 mAh/g, and no cell more than its lithium"

_LI_LI: dict[Judged, UsualBand] = {
    Judged.CURRENT: UsualBand(0.0005, 28.0, "10 mA/cm2 on the largest disc of a CR2032, 2.8 cm2"),
    Judged.CURRENT_DENSITY: UsualBand(
        0.005,
        10.0,
        "Li/Li cells are cycled at 0.05 to 10 mA/cm2, cold solid electrolytes down to 0.01; targets for Li metal are a "
        "few mA/cm2 (Albertus et al., Nature Energy 3 (2018) 16)",
    ),
    Judged.STEP_CHARGE: UsualBand(
        0.0,
        60.0,
        "Li holds 206 mAh/cm2 in 1 mm, so this strips 0.3 mm of foil; 0.1 to 20 mAh/cm2 a half-cycle is usual",
    ),
    Judged.AREAL_CAPACITY: UsualBand(0.0, 210.0, "Li foil of 1 mm holds 206 mAh/cm2"),
    Judged.LOADING: UsualBand(0.0, 110.0, "Li foil of 1 mm weighs 53 mg/cm2, and a cell has two"),
    Judged.SPECIFIC_CAPACITY: UsualBand(0.0, _LI_MAH_PER_G, _LI_HOLDS),
}

_LFP: dict[Judged, UsualBand] = {
    Judged.CURRENT: UsualBand(
        0.00005, 40.0, "C/200 of 0.01 mAh to 10 C of the largest usual electrode of a CR2032, 2 cm2 with 2 mAh/cm2"
    ),
    Judged.ACTIVE_MASS: UsualBand(
        0.05, 70.0, "0.2 cm2 with 0.25 mg/cm2 to the largest disc of a CR2032 with 25 mg/cm2"
    ),
    Judged.NOMINAL_CAPACITY: UsualBand(0.008, 12.0, "0.05 to 70 mg of LFP with 170 mAh/g"),
    Judged.CURRENT_DENSITY: UsualBand(
        0.001, 20.0, "C/200 of a thin electrode to 10 C of 2 mAh/cm2; Li metal is seldom driven above 10 mA/cm2"
    ),
    Judged.SPECIFIC_CURRENT: UsualBand(0.4, 3600.0, "C/200 of 80 mAh/g to 20 C of 180 mAh/g"),
    Judged.C_RATE: UsualBand(
        0.004,
        20.0,
        "LFP is cycled at C/100 to 10 C; above 20 C only thin electrodes full of carbon work (Kang and Ceder, Nature "
        "458 (2009) 190)",
    ),
    Judged.LOADING: UsualBand(
        0.2, 40.0, "coin cells have 1 to 25 mg/cm2 of LFP, thin ones 0.3, thick ones 40 (our judgement)"
    ),
    Judged.AREAL_CAPACITY: UsualBand(
        0.03,
        7.0,
        "0.2 to 40 mg/cm2 of LFP with 170 mAh/g; laboratory coin cells have less than 2 mAh/cm2 as a rule, cars 5 "
        "(Frith et al., Nature Commun. 14 (2023) 420)",
    ),
    Judged.SPECIFIC_CAPACITY: UsualBand(
        80.0,
        180.0,
        "LFP holds 170 mAh/g (Padhi et al., J. Electrochem. Soc. 144 (1997) 1188); 120 to 165 are measured, 80 and "
        "more of a mass with binder and carbon",
    ),
}

_LI_CU: dict[Judged, UsualBand] = {
    Judged.CURRENT: UsualBand(0.0005, 28.0, "10 mA/cm2 on the largest disc of a CR2032, 2.8 cm2"),
    Judged.CURRENT_DENSITY: UsualBand(
        0.005,
        10.0,
        "plating on Cu is done at 0.05 to 10 mA/cm2; 0.5 mA/cm2 is the common test (Adams et al., Adv. Energy Mater. 8 "
        "(2018) 1702097)",
    ),
    Judged.STEP_CHARGE: UsualBand(
        0.0, 60.0, "0.1 to 10 mAh/cm2 are plated as a rule; 60 mAh/cm2 is Li of 0.3 mm, as much as a foil"
    ),
    Judged.AREAL_CAPACITY: UsualBand(0.01, 60.0, "the Li that is plated or kept as a reservoir, at most as a foil"),
    Judged.LOADING: UsualBand(0.0, 110.0, "plated Li weighs 0.26 mg/mAh; Li foil of 1 mm weighs 53 mg/cm2"),
    Judged.SPECIFIC_CAPACITY: UsualBand(0.0, _LI_MAH_PER_G, _LI_HOLDS),
}

_OTHER: dict[Judged, UsualBand] = {
    Judged.ELECTROLYTE_CONDUCTIVITY: UsualBand(
        0.0001, 1000.0, "cold polymers have 0.001 mS/cm, organic liquids 1 to 20, KOH and H2SO4 in water 600 to 800"
    ),
    Judged.CURRENT: UsualBand(0.00005, 60.0, "C/200 of 0.01 mAh to 20 mA/cm2 on the largest disc of a CR2032, 2.8 cm2"),
    Judged.ACTIVE_MASS: UsualBand(
        0.02, 100.0, "a thin film on 0.2 cm2 to a thick oxide on the largest disc of a CR2032"
    ),
    Judged.NOMINAL_CAPACITY: UsualBand(
        0.005, 40.0, "a thin film on 0.2 cm2 to 15 mAh/cm2 on the largest disc of a CR2032"
    ),
    Judged.CURRENT_DENSITY: UsualBand(
        0.001, 20.0, "C/200 of a thin electrode to 10 C of 2 mAh/cm2 or 5 C of 4 mAh/cm2 (our judgement)"
    ),
    Judged.SPECIFIC_CURRENT: UsualBand(
        0.1, 10000.0, "C/200 of 20 mAh/g to 50 C of 200 mAh/g; silicon at 2 C passes 7000 mA/g"
    ),
    Judged.C_RATE: UsualBand(
        0.004, 30.0, "cells are cycled at C/100 to 10 C; only titanate and thin films go beyond 20 C"
    ),
    Judged.LOADING: UsualBand(0.05, 60.0, "0.1 mg/cm2 of a thin film to 50 mg/cm2 of a thick oxide (our judgement)"),
    Judged.AREAL_CAPACITY: UsualBand(
        0.01,
        15.0,
        "laboratory coin cells have less than 2 mAh/cm2 as a rule, cars 5 (Frith et al., Nature Commun. 14 (2023) "
        "420), thick electrodes 10",
    ),
    Judged.SPECIFIC_CAPACITY: UsualBand(
        20.0,
        4300.0,
        "from activated carbon (25 to 40 mAh/g) to silicon (Li4.4Si, 4200); layered oxides have 140 to 220",
    ),
}

BANDS: UsualBands = MappingProxyType(
    {
        CellKind.LI_LI: MappingProxyType(_ANY_CELL | _LI_LI),
        CellKind.LFP: MappingProxyType(_ANY_CELL | _LFP),
        CellKind.LI_CU: MappingProxyType(_ANY_CELL | _LI_CU),
        CellKind.OTHER: MappingProxyType(_ANY_CELL | _OTHER),
    }
)


def usual(kind: str, bands: UsualBands = BANDS) -> KindBands:
    """Give the bands of a kind; those of ``other`` for a kind that has none."""
    return bands[CellKind(kind)] if kind in bands else bands[CellKind.OTHER]


def replaced(bands: UsualBands, own: UsualBands) -> UsualBands:
    """Give the bands with those of a bench in the place of theirs."""
    return MappingProxyType({kind: MappingProxyType({**there, **own.get(kind, {})}) for kind, there in bands.items()})


def outside(values: Mapping[Judged, float], bands: KindBands) -> dict[Judged, UsualBand]:
    """Give the bands that values lie outside of; a bare current is judged only where the cell's area is not known."""
    skipped = {Judged.CURRENT} if Judged.CURRENT_DENSITY in values else set()
    return {
        judged: bands[judged]
        for judged, value in values.items()
        if judged in bands and judged not in skipped and not bands[judged].holds(value)
    }
