"""Kinds of cells and what follows from a kind when a recipe does not say otherwise: limits, check block, shorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from protocols.current_sign import Direction
from protocols.program import ShortPolicy


class CellKind(StrEnum):
    """What sits in the can. For `OTHER` nothing is assumed: a recipe must give its limits."""

    LI_LI = "li-li"
    LFP = "lfp"
    LI_CU = "li-cu"
    OTHER = "other"


Band = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class KindDefaults:
    """Defaults of one kind: bands in volts as (low, high), resistances in ohm, capacity in ampere-hours per gram.

    ``symmetric``: the cell rests at 0 V, so charging ends above and discharging below zero, and its charge is what the
    recipe sets; ``open_circuit``: where a healthy cell lies before a run; ``specific_capacity``: of the active
    material, for the charge ceiling.
    """

    host: Band | None = None
    tester: Band | None = None
    absolute: Band | None = None
    symmetric: bool = False
    check_block: bool = False
    resistance_window: Band | None = None
    open_circuit: Band | None = None
    short_policy: ShortPolicy = ShortPolicy.TRIP
    specific_capacity: Decimal | None = None


def _band(low: str, high: str) -> Band:
    return Decimal(low), Decimal(high)


DEFAULTS: Mapping[CellKind, KindDefaults] = MappingProxyType(
    {
        CellKind.LI_LI: KindDefaults(
            host=_band("-0.55", "0.55"),
            tester=_band("-0.60", "0.60"),
            absolute=_band("-1.0", "1.0"),
            symmetric=True,
            check_block=True,
            resistance_window=_band("10", "1500"),
            open_circuit=_band("-0.1", "0.1"),
            short_policy=ShortPolicy.COMPLETE,
        ),
        CellKind.LFP: KindDefaults(
            host=_band("2.7", "4.1"),
            tester=_band("2.5", "4.2"),
            absolute=_band("2.0", "4.3"),
            open_circuit=_band("2.8", "3.6"),
            specific_capacity=Decimal("0.170"),
        ),
        CellKind.LI_CU: KindDefaults(),
        CellKind.OTHER: KindDefaults(),
    }
)

# The kinds, by their names in programs, that rest at 0 V.
SYMMETRIC = frozenset(kind.value for kind, defaults in DEFAULTS.items() if defaults.symmetric)


def on_wrong_side(
    direction: Direction, volts: float | Decimal, others: Sequence[float | Decimal], symmetric: bool
) -> bool:
    """Tell whether a step that goes to ``volts`` would be over before it began.

    ``others`` are the voltages that steps of the other direction go to; a ``symmetric`` cell rests at 0 V.
    """
    up = direction is Direction.CHARGE
    if symmetric:
        return volts <= 0 if up else volts >= 0
    return bool(others) and (volts <= min(others) if up else volts >= max(others))
