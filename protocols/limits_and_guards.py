"""The limits and guards of a segment: what a recipe says of them, in the values of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from protocols.cell import DEFAULTS, Band, CellKind
from protocols.current_sign import Direction
from protocols.program import Guards, Limits, VoltageBand
from protocols.recipe_fields import GuardsBlock
from protocols.recipe_steps import PoweredRecipeStep

_INSIDE_HOST = Decimal("0.05")  # where a recipe has no cutoff: this part of the host band's width inside its end
_LAYER_FACTORS = (Decimal("1.05"), Decimal("1.10"), Decimal("1.20"))


def voltage_band(band: Band) -> VoltageBand:
    """Give a band of decimal volts as a program has it."""
    return VoltageBand(float(band[0]), float(band[1]))


def outermost(host: Band, steps: Sequence[PoweredRecipeStep]) -> Band:
    """Give the lowest and highest cutoff of steps inside the host's limits; where there is none, just inside these."""
    lowest, highest = host
    inside = _INSIDE_HOST * (highest - lowest)
    low, high = lowest + inside, highest - inside
    for step in steps:
        end = step.target
        if end is None or not lowest < end.exact < highest:
            continue
        if step.direction is Direction.CHARGE:
            high = max(high, end.exact)
        else:
            low = min(low, end.exact)
    return low, high


def limits_of(bands: Mapping[str, Band], largest_a: Decimal) -> Limits:
    """Give the three layers of limits: volts as they are said, amperes from the largest current of the program."""
    host, tester, absolute = (voltage_band(band) for band in bands.values())
    amperes = [float(factor * largest_a) for factor in _LAYER_FACTORS]
    return Limits(host, tester, absolute, amperes[0], amperes[1], amperes[2])


def guards_of(block: GuardsBlock, kind: CellKind, check_ohm: Band | None, rest_v: Band | None) -> Guards:
    """Give the guards of a segment.

    ``check_ohm``: what its contact check must find, None without one; ``rest_v``: where the cell rests before it.
    """
    return Guards(
        early_cutoff_fraction=block.early_cutoff.fraction,
        early_cutoff_in_a_row=block.early_cutoff.in_a_row,
        resistance_low_ohm=float(check_ohm[0]) if check_ohm else None,
        resistance_high_ohm=float(check_ohm[1]) if check_ohm else None,
        short_ratio=block.short.ratio,
        short_in_a_row=block.short.in_a_row,
        short_policy=block.short.policy or DEFAULTS[kind].short_policy,
        open_circuit=voltage_band(rest_v) if rest_v else None,
        early_cutoff_off=not block.early_cutoff.active,
        short_off=not block.short.active,
        changes=block.changes,
        trouble=block.trouble.guards(),
    )
