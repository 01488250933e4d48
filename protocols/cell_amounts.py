"""Turns quantities per area, per mass or of the nominal capacity into those of one whole cell."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from protocols.cell import Cell
from protocols.quantities import Dimension, Quantity

_NEEDS: Mapping[Dimension, str] = MappingProxyType(
    {
        Dimension.AREAL_CURRENT: "area",
        Dimension.AREAL_CAPACITY: "area",
        Dimension.AREAL_POWER: "area",
        Dimension.SPECIFIC_CURRENT: "active_mass",
        Dimension.SPECIFIC_CAPACITY: "active_mass",
        Dimension.SPECIFIC_POWER: "active_mass",
        Dimension.RATE: "nominal_capacity",
        Dimension.CAPACITY_SHARE: "nominal_capacity",
    }
)


def needed(quantity: Quantity) -> str:
    """Give the key of a cell's file to which a quantity refers; empty for one of any cell.

    >>> from protocols.quantities import parse_quantity
    >>> needed(parse_quantity("5 mW/cm2")), needed(parse_quantity("5 mW"))
    ('area', '')
    """
    return _NEEDS.get(quantity.dimension, "")


def whole_cell(quantity: Quantity, cell: Cell) -> Decimal | None:
    """Give a quantity of a whole cell, in A, Ah, W or its own base unit; None where the cell's file lacks it."""
    needs = needed(quantity)
    if not needs:
        return quantity.exact
    factor = cell.nominal_capacity_ah if needs == "nominal_capacity" else getattr(cell, needs)
    if factor is None:
        return None
    return quantity.exact * (factor if isinstance(factor, Decimal) else factor.exact)
