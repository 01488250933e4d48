"""What a recipe file holds: its blocks, their fields, and what they say of limits for a kind of cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from protocols.cell import DEFAULTS, Band, CellKind, open_circuit_window, resistance_window
from protocols.conditions import Fraction, parse_fraction
from protocols.field_types import Count, FileModel, Flag, Line, Name, Number, Text, problem
from protocols.limit_blocks import BandBlock, LimitsBlock
from protocols.program import SHORT_RATIO, GuardChange, ShortPolicy
from protocols.quantities import Duration, Resistance, Voltage, VoltageStep, parse_quantity
from protocols.recipe_steps import RecipeStep, powered_steps
from protocols.step_ends import RecordRule
from protocols.temperature import TemperatureField
from protocols.trouble import DEFAULT_TROUBLE, TroubleGuards, TroubleSign

LAYERS = ("host", "tester", "absolute")


def _is_none(value: object) -> bool:
    return value is None


def _is_active(value: object) -> bool:
    return value is True


def _is_unset(value: object) -> bool:
    return value is None


class GuardBlock(FileModel):
    """A guard that may be switched off; the ``reason`` why it is, or why it is set otherwise, is kept with each run.

    Both are left out of the text where they are not given: hashes of earlier versions hold.
    """

    active: Annotated[Flag, Field(exclude_if=_is_active)] = True
    reason: Annotated[Line | None, Field(exclude_if=_is_unset)] = None

    @model_validator(mode="after")
    def _off_for_a_reason(self) -> Self:
        if not self.active and self.reason is None:
            raise problem("active: false without a reason", "a line why it is switched off, kept with each run")
        return self

    def change(self, guard: str) -> GuardChange | None:
        """Give what is kept of a change with its reason; None where the recipe gives no reason."""
        if self.reason is None:
            return None
        given = self.model_dump(mode="json", exclude_unset=True, exclude={"active", "reason"})
        values = " ".join(f"{key} {value}" for key, value in given.items())
        return GuardChange(guard, values or "is as by default" if self.active else "is off", self.reason)


class EarlyCutoffBlock(GuardBlock):
    """A cell that is no longer there, as ``in_a_row`` half-cycles show that pass no charge in either direction.

    One of them ends at its voltage cutoff in under ``fraction`` of its set time.
    """

    fraction: Annotated[Number, Field(gt=0, le=0.5)] = 0.05
    in_a_row: Annotated[Count, Field(ge=1, le=20)] = 3


class ResistanceBlock(GuardBlock):
    """Window for the resistance that the check block measures; a side left out has the default of the cell's kind."""

    low: Resistance | None = None
    high: Resistance | None = None


class OpenCircuitBlock(FileModel):
    """Where the cell's voltage must lie before a run; a side left out has the default of the kind and the recipe."""

    low: Voltage | None = None
    high: Voltage | None = None


class ShortBlock(GuardBlock):
    """What a short does (``policy``); records of a Li/Li cell below ``ratio`` of what is expected may be one.

    ``in_a_row`` is of recipes of earlier versions, which still load with their hashes.
    """

    ratio: Annotated[Number, Field(gt=0, lt=1)] = SHORT_RATIO
    in_a_row: Annotated[Count, Field(ge=1, le=20)] = 3
    policy: ShortPolicy | None = None


class TroubleBlock(GuardBlock):
    """Signs of trouble that are told early; those in ``hold`` hold the run until a person has looked.

    The voltage under a changed current, or the polarisation, grows by a factor; the counted charge differs by a part;
    so many readings are the same, or jump and come back; records are so many intervals apart.
    """

    hold: Annotated[tuple[TroubleSign, ...], Field(max_length=len(TroubleSign))] = ()
    contact_rise: Annotated[Number, Field(ge=1.05, le=10)] = DEFAULT_TROUBLE.contact_rise
    polarisation_rise: Annotated[Number, Field(ge=1.05, le=10)] = DEFAULT_TROUBLE.polarisation_rise
    charge_part: Annotated[Number, Field(ge=0.001, le=0.2)] = DEFAULT_TROUBLE.charge_part
    flat_records: Annotated[Count, Field(ge=10, le=10_000)] = DEFAULT_TROUBLE.flat_records
    jumps: Annotated[Count, Field(ge=2, le=1000)] = DEFAULT_TROUBLE.jumps
    late_intervals: Annotated[Number, Field(ge=2, le=1000)] = DEFAULT_TROUBLE.late_intervals

    def guards(self) -> TroubleGuards:
        """Give what a program keeps of it."""
        return TroubleGuards(
            hold=tuple(dict.fromkeys(self.hold)),
            contact_rise=self.contact_rise,
            polarisation_rise=self.polarisation_rise,
            charge_part=self.charge_part,
            flat_records=self.flat_records,
            jumps=self.jumps,
            late_intervals=self.late_intervals,
            is_off=not self.active,
        )


_AS_BY_DEFAULT = TroubleBlock()


def _is_as_by_default(value: object) -> bool:
    return value == _AS_BY_DEFAULT


class PotentiostatBlock(FileModel):
    """How long a cell rests before the potentiostat, and below which drift of its voltage it is taken as settled."""

    rest: Duration = parse_quantity("30 min")
    drift_per_min: VoltageStep = parse_quantity("1 mV")
    settle_within: Duration = parse_quantity("4 h")


class MeasuredBlock(FileModel):
    """What a charge that the run measures may be, as parts of what is expected of it.

    What lies beyond holds the run until a person has looked; resumed, it goes on with the nearer end of the range.
    """

    at_least: Fraction = parse_fraction("50 %")
    at_most: Fraction = parse_fraction("125 %")

    @model_validator(mode="after")
    def _around_what_is_expected(self) -> Self:
        low, high = self.at_least.exact, self.at_most.exact
        if not _LEAST_MEASURED <= low <= 1 <= high <= _MOST_MEASURED:
            seen = f"{self.at_least} to {self.at_most} of what is expected"
            raise problem(seen, "a range around 100 %, from 1 % at least to 200 % at most")
        return self


_LEAST_MEASURED, _MOST_MEASURED = Decimal("0.01"), Decimal(2)
_USUAL_RANGE = MeasuredBlock()


def _is_usual_range(value: object) -> bool:
    return value == _USUAL_RANGE


class GuardsBlock(FileModel):
    """What the host watches over a run besides limits. Each guard can be narrowed or switched off, for a reason."""

    early_cutoff: EarlyCutoffBlock = EarlyCutoffBlock()
    resistance: ResistanceBlock = ResistanceBlock()
    short: ShortBlock = ShortBlock()
    # Left out of the text where a recipe does not say it: hashes of earlier versions hold.
    open_circuit: Annotated[OpenCircuitBlock | None, Field(exclude_if=_is_none)] = None
    trouble: Annotated[TroubleBlock, Field(exclude_if=_is_as_by_default)] = _AS_BY_DEFAULT

    @property
    def changes(self) -> tuple[GuardChange, ...]:
        """The guards that are changed for a reason."""
        blocks: dict[str, GuardBlock] = {
            "early_cutoff": self.early_cutoff,
            "resistance": self.resistance,
            "short": self.short,
            "trouble": self.trouble,
        }
        return tuple(change for name, block in blocks.items() if (change := block.change(name)) is not None)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a recipe says for cells of one kind.

    ``bands``: low and high volts of each layer of limits, None where they are unknown; ``resistance_ohm``: where the
    check block must find the cell, None if unknown; ``has_check_block``: whether a program begins with that block;
    ``open_circuit``: low and high volts of a cell before a run, None if unknown.
    """

    bands: Mapping[str, Band | None]
    resistance_ohm: Band | None
    has_check_block: bool
    open_circuit: Band | None


class RecipeFields(FileModel):
    """The fields of a recipe, each right in itself; that they fit together is for ``Recipe``."""

    name: Name
    title: Line
    description: Text = ""
    for_kinds: Annotated[tuple[CellKind, ...], Field(alias="for", min_length=1, max_length=len(CellKind))]
    record: RecordRule
    limits: LimitsBlock = LimitsBlock()
    guards: GuardsBlock = GuardsBlock()
    potentiostat: PotentiostatBlock = PotentiostatBlock()
    check_block: Flag | None = None
    temperature: TemperatureField = None
    # Left out of the text where a recipe does not say it: hashes of earlier versions hold.
    measured: Annotated[MeasuredBlock, Field(exclude_if=_is_usual_range)] = _USUAL_RANGE
    steps: Annotated[tuple[RecipeStep, ...], Field(min_length=1)]

    def rules(self, kind: CellKind, area_cm2: Decimal | None = None) -> Rules:
        """Give what holds for cells of one kind: the recipe's own words, and the kind's defaults where it has none.

        ``area_cm2`` is the area of the cell, where it is known.
        """
        defaults = DEFAULTS[kind]
        bands: dict[str, Band | None] = {}
        for layer in LAYERS:
            block: BandBlock | None = getattr(self.limits, layer)
            bands[layer] = getattr(defaults, layer) if block is None else (block.low.exact, block.high.exact)
        low, high = resistance_window(kind, area_cm2) or (None, None)
        own = self.guards.resistance
        low, high = own.low.exact if own.low else low, own.high.exact if own.high else high
        return Rules(
            bands=bands,
            resistance_ohm=None if low is None or high is None else (low, high),
            has_check_block=own.active and (defaults.check_block if self.check_block is None else self.check_block),
            open_circuit=self._open_circuit(kind, bands["host"]),
        )

    def _open_circuit(self, kind: CellKind, host: Band | None) -> Band | None:
        powered = (step for _, step in powered_steps(self.steps))
        targets = [(step.direction, step.target.exact) for step in powered if step.target is not None]
        usual, own = open_circuit_window(kind, host, targets), self.guards.open_circuit
        if usual is None or own is None:
            return usual
        return own.low.exact if own.low else usual[0], own.high.exact if own.high else usual[1]
