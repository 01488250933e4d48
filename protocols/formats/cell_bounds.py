"""Leaves out ends of steps that only repeat the bounds at which cellrig stops a run of a cell.

A tester is told them as ends, because it knows no others; read back as ends they would let the test go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from protocols.cell import Cell, Ends
from protocols.formats.file_contents import Doc, Note
from protocols.program import Ceiling
from protocols.quantities import Dimension, QuantityError, parse_quantity

# Files have a few decimals, a bound is a quotient.
_SAME = Decimal("1e-6")
# Half of the last decimal of a current in mA: a bound was reckoned from the current before it was rounded.
_ROUNDED_A = Decimal("5e-10")
_TIME, _CAPACITY = "time", "capacity"


def without_bounds(steps: Sequence[Doc], cell: Cell) -> tuple[list[Doc], list[Note]]:
    """Give the steps without ends that only repeat the bounds of the cell, and a note on each."""
    found: list[Doc] = []
    notes: list[Note] = []
    for n, step in enumerate(steps, 1):
        where = f"steps[{n}]"
        if step["step"] == "repeat":
            inner, told = without_bounds(step["steps"], cell)
            found.append(step | {"steps": inner})
            notes += [Note(f"{where}.{one.where}", one.what, is_lost=False) for one in told]
            continue
        kept = _own_ends(step, cell) if "direction" in step else None
        found.append(step if kept is None else step | {"until": kept})
        if kept is not None:
            gone = " and ".join(
                str(step["until"][key]) for key in (_TIME, _CAPACITY) if key not in kept and key in step["until"]
            )
            notes.append(
                Note(where, f"its end at {gone} is the bound of the cell: cellrig stops the run there", is_lost=False)
            )
    return found, notes


def _own_ends(step: Doc, cell: Cell) -> Doc | None:
    """Give the ends of a step without those that are bounds; None where none is."""
    until = step["until"]
    current_a = _amount(step.get("current", step.get("current_limit")))
    if current_a is None:
        return None
    for keys in ((_TIME, _CAPACITY), (_CAPACITY,), (_TIME,)):
        gone = [key for key in keys if key in until]
        kept = {key: text for key, text in until.items() if key not in gone}
        if len(gone) == len(keys) and kept and _is_bound(step, kept, gone, current_a, cell):
            return kept
    return None


def _is_bound(step: Doc, kept: Doc, gone: Sequence[str], current_a: Decimal, cell: Cell) -> bool:
    ends = Ends(
        _amount(kept.get(_TIME)),
        _amount(kept.get(_CAPACITY)),
        _amount(kept.get("current")),
        shortened="voltage" in step or "voltage" in kept,
    )
    bound, reasons = cell.ceiling(current_a, ends)
    if reasons:
        return False
    same = _SAME + _ROUNDED_A / current_a
    return all(
        any(_is_same(one, _amount(step["until"][key]), same) for one in _bounds(bound, key, step, current_a))
        for key in gone
    )


def _bounds(bound: Ceiling, key: str, step: Doc, current_a: Decimal) -> list[float | None]:
    """Give what an end may repeat: the bound, or the time in which a constant current passes the charge of it."""
    if key == _CAPACITY:
        return [bound.capacity_ah]
    if bound.capacity_ah is None or step["step"] == "constant_voltage":
        return [bound.time_s]
    return [bound.time_s, float(Decimal(bound.capacity_ah) * 3600 / current_a)]


def _is_same(bound: float | None, written: Decimal | None, same: Decimal) -> bool:
    return bound is not None and written is not None and abs(Decimal(bound) - written) <= same * written


def _amount(text: object) -> Decimal | None:
    """Give a quantity in A, Ah or s; None for one that a cell must tell."""
    if text is None:
        return None
    try:
        quantity = parse_quantity(text)
    except QuantityError:
        # The recipe that is made of it is refused with its place.
        return None
    absolute = quantity.dimension in (Dimension.CURRENT, Dimension.CHARGE, Dimension.TIME)
    return quantity.exact if absolute else None
