"""Bounds on time and charge for every step that passes current, beyond what a healthy cell needs.

A step is bounded by its own end conditions where it has them, and by a ceiling in each quantity where it has not:
110 % of the set charge of a Li/Li cell, 1.2 times the capacity and twice the expected time of any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from protocols.cell import Cell
from protocols.cell_kinds import DEFAULTS
from protocols.program import Ceiling

_SECONDS_PER_HOUR = Decimal(3600)
_SET_CHARGE_FACTOR = Decimal("1.1")
_CAPACITY_FACTOR = Decimal("1.2")
_TIME_FACTOR = Decimal(2)


@dataclass(frozen=True, slots=True)
class Ends:
    """What ends a step: seconds, ampere-hours, taper current in amperes.

    ``shortened``: a voltage may end the step, or lower its current, before its time has passed the full charge.
    """

    time_s: Decimal | None = None
    capacity_ah: Decimal | None = None
    taper_a: Decimal | None = None
    shortened: bool = False


def full_capacity_ah(cell: Cell) -> Decimal | None:
    """Give the charge a full cell can hold at most: by active mass where the kind tells it, else the nominal one."""
    defaults = DEFAULTS[cell.kind]
    if defaults.symmetric:
        return None
    if defaults.specific_capacity is not None and cell.active_mass is not None:
        return defaults.specific_capacity * cell.active_mass.exact
    return cell.nominal_capacity_ah


def ceiling(current_a: Decimal, ends: Ends, cell: Cell) -> tuple[Ceiling, list[str]]:
    """Give the ceiling of a step of ``current_a`` (magnitude), and the reasons why none can be given."""
    full_ah = full_capacity_ah(cell)
    capacity_ah, charge_reasons = _charge(current_a, ends, full_ah)
    time_s, time_reasons = _time(current_a, ends, full_ah, cell)
    found = Ceiling(
        time_s=None if time_s is None else float(time_s),
        capacity_ah=None if capacity_ah is None else float(capacity_ah),
    )
    return found, charge_reasons + time_reasons


def _charge(current_a: Decimal, ends: Ends, full_ah: Decimal | None) -> tuple[Decimal | None, list[str]]:
    by_time = None if ends.time_s is None else current_a * ends.time_s / _SECONDS_PER_HOUR
    most = None if full_ah is None else _CAPACITY_FACTOR * full_ah
    set_ah = ends.capacity_ah if ends.capacity_ah is not None else None if ends.shortened else by_time
    if most is not None and set_ah is not None and set_ah > most:
        seen = f"passes {float(set_ah) * 1000:.6g} mAh, more than 1.2 times the cell's capacity"
        return None, [f"{seen} ({float(most) * 1000:.6g} mAh)"]
    if ends.capacity_ah is not None:
        return None, []
    bounds = [bound for bound in (by_time and _SET_CHARGE_FACTOR * by_time, most) if bound is not None]
    if not bounds:
        return None, ["has no bound on its charge: give it a time or a capacity as well"]
    return min(bounds), []


def _time(current_a: Decimal, ends: Ends, full_ah: Decimal | None, cell: Cell) -> tuple[Decimal | None, list[str]]:
    if ends.time_s is not None:
        return None, []
    if ends.capacity_ah is not None:
        factor = _SET_CHARGE_FACTOR if DEFAULTS[cell.kind].symmetric else _TIME_FACTOR
        return factor * ends.capacity_ah * _SECONDS_PER_HOUR / current_a, []
    if full_ah is None:
        what = "the cell has no active mass or nominal capacity" if not DEFAULTS[cell.kind].symmetric else "Li/Li"
        return None, [f"has no bound on its time ({what}): give it a time or a capacity as well"]
    return _TIME_FACTOR * _tail(current_a, ends.taper_a) * full_ah * _SECONDS_PER_HOUR / current_a, []


def _tail(current_a: Decimal, taper_a: Decimal | None) -> Decimal:
    """Tell how many times longer a charge takes if all of it passes while the current decays to the taper current."""
    if taper_a is None or taper_a >= current_a:
        return Decimal(1)
    ratio = taper_a / current_a
    return max(Decimal(1), -ratio.ln() / (1 - ratio))
