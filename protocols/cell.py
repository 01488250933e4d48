"""Coin cells as a technician knows them: their kinds, one cell's file, and the ceilings that keep a cell whole.

What a simulated cell does inside is no business of this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocols.current_sign import Direction
from protocols.field_types import FileModel, Line, Name, Text, problem
from protocols.materials import materials
from protocols.program import Ceiling, CellFacts, ShortPolicy
from protocols.quantities import Area, Capacity, Conductivity, Dimension, Length, Mass, Temperature

_SECONDS_PER_HOUR = Decimal(3600)
_SET_CHARGE_FACTOR = Decimal("1.1")
_CAPACITY_FACTOR = Decimal("1.2")
# The nominal capacity of other cells is what they give back: a first lithiation of hard carbon or silicon passes up to
# 1.45 times that (efficiencies of 70 to 90 %), a first charge of LNMO against graphite 1.3 times.
_FIRST_CYCLE_FACTOR = Decimal("1.5")
# Lithium that one stripping has left behind may come with a later one: efficiencies above 1 are seen, of 2 hardly.
_PLATED_FACTOR = Decimal(2)
_TIME_FACTOR = Decimal(2)
_LIKE_K = 5
# The disc of 10 mm for which the window of the contact check is given.
_WINDOW_CM2 = Decimal("0.7854")


class CellKind(StrEnum):
    """What sits in the can. For ``OTHER`` nothing is assumed: a recipe must give its limits."""

    LI_LI = "li-li"
    LFP = "lfp"
    LI_CU = "li-cu"
    OTHER = "other"


Band = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class KindDefaults:
    """Defaults of one kind: bands in volts as (low, high), resistances in ohm, capacity in ampere-hours per gram.

    ``symmetric``: the cell rests at 0 V, so charging ends above and discharging below zero, and its charge is what the
    recipe sets; ``open_circuit`` and ``open_circuit_charged``: where a healthy cell lies before a run, fresh or
    discharged, and charged; ``specific_capacity``: of the active material, for the charge ceiling;
    ``capacity_factor``: how many times its capacity a healthy cell may pass in one step.
    """

    host: Band | None = None
    tester: Band | None = None
    absolute: Band | None = None
    symmetric: bool = False
    check_block: bool = False
    resistance_window: Band | None = None
    open_circuit: Band | None = None
    open_circuit_charged: Band | None = None
    short_policy: ShortPolicy = ShortPolicy.TRIP
    specific_capacity: Decimal | None = None
    capacity_factor: Decimal = _CAPACITY_FACTOR


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
            # The plateau against Li lies at 3.42 V; within minutes of a charge to 4.0 V a cell still shows nearly that.
            open_circuit_charged=_band("3.3", "4.0"),
            specific_capacity=Decimal("0.170"),
        ),
        CellKind.LI_CU: KindDefaults(),
        CellKind.OTHER: KindDefaults(capacity_factor=_FIRST_CYCLE_FACTOR),
    }
)


def resistance_window(kind: CellKind, area_cm2: Decimal | None) -> Band | None:
    """Give where the contact check must find a cell of a kind: by area, where it is known, as resistances go.

    The window of the kind is that of a disc of 10 mm.
    """
    window = DEFAULTS[kind].resistance_window
    if window is None or area_cm2 is None:
        return window
    return window[0] * _WINDOW_CM2 / area_cm2, window[1] * _WINDOW_CM2 / area_cm2


def kind_defaults(kind: str) -> KindDefaults:
    """Give the defaults of a kind by its name in a program; of one that only a newer cellrig knows, those of other."""
    return DEFAULTS[CellKind(kind)] if kind in DEFAULTS else DEFAULTS[CellKind.OTHER]


# Where a symmetric cell rests, in volts.
AT_ZERO: Band = Decimal(0), Decimal(0)
# The kinds, by their names in programs, that rest at 0 V.
SYMMETRIC = frozenset(kind.value for kind, defaults in DEFAULTS.items() if defaults.symmetric)


def on_wrong_side(direction: Direction, volts: float | Decimal) -> bool:
    """Tell whether a step of a cell that rests at 0 V has its target voltage on the wrong side of it.

    Such a step would end as it begins. Of other cells the steps before tell it (``protocols.voltage_order``).
    """
    return volts <= 0 if direction is Direction.CHARGE else volts >= 0


def open_circuit_window(kind: CellKind, host: Band | None, targets: Sequence[tuple[Direction, Decimal]]) -> Band | None:
    """Give where the voltage of a cell of a kind lies before a run: from discharged to charged.

    ``host`` are the host's limits, beyond which a run is stopped at its first records: nothing narrower is assumed of a
    kind without defaults. ``targets`` are the voltages to which the recipe charges and discharges: a cell that the same
    recipe has left lies between them.
    """
    defaults = DEFAULTS[kind]
    if host is None or defaults.open_circuit is None or defaults.symmetric:
        return defaults.open_circuit or host
    charged = defaults.open_circuit_charged or defaults.open_circuit
    lows = [volts for direction, volts in targets if direction is Direction.DISCHARGE]
    highs = [volts for direction, volts in targets if direction is Direction.CHARGE]
    low = min([defaults.open_circuit[0], *lows])
    high = max([defaults.open_circuit[1], charged[1], *highs])
    return max(low, host[0]), min(high, host[1])


@dataclass(frozen=True, slots=True)
class Ends:
    """The end conditions of a step: seconds, ampere-hours, taper current in amperes.

    ``shortened``: a voltage may end the step, or lower its current, before its time has passed the full charge.
    """

    time_s: Decimal | None = None
    capacity_ah: Decimal | None = None
    taper_a: Decimal | None = None
    shortened: bool = False


class Cell(FileModel):
    """A cell file. ``nominal_capacity`` is per cell, per area (needs ``area``) or per mass (needs ``active_mass``)."""

    name: Name
    kind: CellKind
    area: Area | None = None
    active_mass: Mass | None = None
    nominal_capacity: Capacity | None = None
    working_electrode: Line
    counter_electrode: Line
    electrolyte: Line
    electrolyte_thickness: Length | None = None
    electrolyte_conductivity: Conductivity | None = None
    electrolyte_conductivity_at: Temperature | None = None
    temperature: Temperature | None = None
    metadata: Annotated[dict[Name, Text], Field(max_length=64)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _capacity_can_be_known(self) -> Self:
        if self.nominal_capacity is not None and self.nominal_capacity_ah is None:
            raise problem(
                f"nominal_capacity {self.nominal_capacity} without what it refers to", "area or active_mass as well"
            )
        return self

    @model_validator(mode="after")
    def _conductivity_is_the_cells(self) -> Self:
        given, at = self.electrolyte_conductivity, self.electrolyte_conductivity_at
        if (given is None) != (at is None):
            seen = "electrolyte_conductivity" if at is None else "electrolyte_conductivity_at"
            raise problem(f"{seen} alone", "a conductivity and the temperature at which it was measured")
        here = self.temperature
        if at is not None and here is not None and abs(at.exact - here.exact) > _LIKE_K:
            raise problem(
                f"a conductivity at {at} for a cell at {here}",
                f"the conductivity within {_LIKE_K} K of the cell's temperature, or none: it changes several % per K",
            )
        return self

    @property
    def nominal_capacity_ah(self) -> Decimal | None:
        """The nominal capacity of the whole cell in ampere-hours."""
        given = self.nominal_capacity
        if given is None or given.dimension is Dimension.CHARGE:
            return given.exact if given else None
        per = self.area if given.dimension is Dimension.AREAL_CAPACITY else self.active_mass
        return given.exact * per.exact if per else None

    def facts(self) -> CellFacts:
        """Give what a program needs to know of this cell."""
        capacity_ah = self.nominal_capacity_ah
        return CellFacts(
            name=self.name,
            kind=self.kind.value,
            area_cm2=self.area.to("cm2") if self.area else None,
            active_mass_mg=self.active_mass.to("mg") if self.active_mass else None,
            nominal_capacity_ah=None if capacity_ah is None else float(capacity_ah),
            electrolyte_thickness_um=self.electrolyte_thickness.to("um") if self.electrolyte_thickness else None,
            electrolyte_s_per_cm=self.electrolyte_conductivity.value if self.electrolyte_conductivity else None,
            electrolyte_degc=self.electrolyte_conductivity_at.value if self.electrolyte_conductivity_at else None,
            material=self._material,
        )

    @property
    def _material(self) -> str | None:
        """The materials of the working electrode of a kind that has any, or that are not those of the kind."""
        named = [material.name for material in materials(self.working_electrode)]
        own = {CellKind.OTHER: None, CellKind.LFP: "LFP"}
        if self.kind not in own or own[self.kind] in named:
            return None
        return ", ".join(named) or None

    @property
    def full_capacity_ah(self) -> Decimal | None:
        """The charge that it holds at most when full: by active mass where the kind tells it, else the nominal one."""
        defaults = DEFAULTS[self.kind]
        if defaults.symmetric:
            return None
        if defaults.specific_capacity is not None and self.active_mass is not None:
            return defaults.specific_capacity * self.active_mass.exact
        return self.nominal_capacity_ah

    def ceiling(
        self, current_a: Decimal, ends: Ends, plated_ah: Decimal | None = None, least_a: Decimal | None = None
    ) -> tuple[Ceiling, list[str]]:
        """Give the ceiling of a step of ``current_a`` (magnitude), and the reasons why none can be given.

        A step is bounded by its own end conditions where it has them, and by a ceiling in each quantity where it has
        not: 110 % of the set charge of a Li/Li cell, 1.2 or 1.5 times the capacity and twice the expected time else.
        A step that strips ``plated_ah`` from copper is bounded by twice that where its cell has no larger capacity, and
        the step no time: a cell that comes with lithium on its copper has more to strip than the program knows.
        ``least_a``: the least that its current becomes, by which it takes longest.
        """
        full_ah, most = self.full_capacity_ah, DEFAULTS[self.kind].capacity_factor
        is_smaller = full_ah is not None and plated_ah is not None and full_ah < plated_ah
        if plated_ah is not None and (is_smaller or (full_ah is None and ends.time_s is None)):
            full_ah, most = plated_ah, _PLATED_FACTOR
        capacity_ah, charge_reasons = _charge(current_a, ends, full_ah, most)
        time_s, time_reasons = _time(least_a or current_a, ends, full_ah, DEFAULTS[self.kind].symmetric)
        found = Ceiling(
            time_s=None if time_s is None else float(time_s),
            capacity_ah=None if capacity_ah is None else float(capacity_ah),
            expected_ah=None if plated_ah is None else float(plated_ah),
        )
        return found, charge_reasons + time_reasons


def _charge(
    current_a: Decimal, ends: Ends, full_ah: Decimal | None, factor: Decimal
) -> tuple[Decimal | None, list[str]]:
    by_time = None if ends.time_s is None else current_a * ends.time_s / _SECONDS_PER_HOUR
    most = None if full_ah is None else factor * full_ah
    set_ah = ends.capacity_ah if ends.capacity_ah is not None else None if ends.shortened else by_time
    if most is not None and set_ah is not None and set_ah > most:
        seen = f"passes {float(set_ah) * 1000:.6g} mAh, more than {factor} times the cell's capacity"
        return None, [f"{seen} ({float(most) * 1000:.6g} mAh)"]
    if ends.capacity_ah is not None:
        return None, []
    bounds = [bound for bound in (by_time and _SET_CHARGE_FACTOR * by_time, most) if bound is not None]
    if not bounds:
        return None, ["has no bound on its charge: give it a time or a capacity as well"]
    return min(bounds), []


def _time(current_a: Decimal, ends: Ends, full_ah: Decimal | None, symmetric: bool) -> tuple[Decimal | None, list[str]]:
    if ends.time_s is not None:
        return None, []
    if ends.capacity_ah is not None:
        factor = _SET_CHARGE_FACTOR if symmetric else _TIME_FACTOR
        return factor * ends.capacity_ah * _SECONDS_PER_HOUR / current_a, []
    if full_ah is None:
        what = "the cell has no active mass or nominal capacity" if not symmetric else "Li/Li"
        return None, [f"has no bound on its time ({what}): give it a time or a capacity as well"]
    return _TIME_FACTOR * _tail(current_a, ends.taper_a) * full_ah * _SECONDS_PER_HOUR / current_a, []


def _tail(current_a: Decimal, taper_a: Decimal | None) -> Decimal:
    """Give how many times longer a charge takes if it passes while the current decays to the taper current."""
    if taper_a is None or taper_a >= current_a:
        return Decimal(1)
    ratio = taper_a / current_a
    return max(Decimal(1), -ratio.ln() / (1 - ratio))
