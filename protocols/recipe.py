"""A recipe: what a technician writes, before any cell is known. Currents and charges may be relative.

A `Recipe` that exists is sound in itself: `checks.findings` has passed. Whether a cell can be run with it is for
`resolve`, whether a channel can run it for `envelope.problems`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from protocols.cell_kinds import DEFAULTS, Band, CellKind
from protocols.field_types import (
    Count,
    Duration,
    FileModel,
    Flag,
    Line,
    Name,
    Number,
    Resistance,
    Text,
    Voltage,
    VoltageStep,
)
from protocols.program import ShortPolicy
from protocols.quantities import parse_quantity
from protocols.recipe_checks import findings
from protocols.steps import RecipeStep, RecordRule


class BandBlock(FileModel):
    """Allowed voltages."""

    low: Voltage
    high: Voltage


class LimitsBlock(FileModel):
    """Layers of voltage limits, each wider than the one before; a layer left out has the default of the cell's kind."""

    host: BandBlock | None = None
    tester: BandBlock | None = None
    absolute: BandBlock | None = None


class EarlyCutoffBlock(FileModel):
    """Stop after `in_a_row` half-cycles that their voltage cutoff ended in under `fraction` of their set time."""

    fraction: Annotated[Number, Field(gt=0, le=0.5)] = 0.05
    in_a_row: Annotated[Count, Field(ge=1, le=20)] = 3


class ResistanceBlock(FileModel):
    """Window for the resistance that the check block measures; a side left out has the default of the cell's kind."""

    low: Resistance | None = None
    high: Resistance | None = None


class ShortBlock(FileModel):
    """A short: `in_a_row` half-cycles below `ratio` times the median resistance of the ten before."""

    ratio: Annotated[Number, Field(gt=0, lt=1)] = 0.35
    in_a_row: Annotated[Count, Field(ge=1, le=20)] = 3
    policy: ShortPolicy | None = None


class PotentiostatBlock(FileModel):
    """How long a cell rests before the potentiostat, and below which drift of its voltage it is taken as settled."""

    rest: Duration = parse_quantity("30 min")
    drift_per_min: VoltageStep = parse_quantity("1 mV")
    settle_within: Duration = parse_quantity("4 h")


class GuardsBlock(FileModel):
    """What the host watches over a run besides limits. No key switches a guard off."""

    early_cutoff: EarlyCutoffBlock = EarlyCutoffBlock()
    resistance: ResistanceBlock = ResistanceBlock()
    short: ShortBlock = ShortBlock()


class Recipe(FileModel):
    """A recipe file. `for` lists the kinds of cells; `check_block` and `limits` default by kind."""

    name: Name
    title: Line
    description: Text = ""
    for_kinds: Annotated[tuple[CellKind, ...], Field(alias="for", min_length=1, max_length=len(CellKind))]
    record: RecordRule
    limits: LimitsBlock = LimitsBlock()
    guards: GuardsBlock = GuardsBlock()
    potentiostat: PotentiostatBlock = PotentiostatBlock()
    check_block: Flag | None = None
    steps: Annotated[tuple[RecipeStep, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        found = findings(self)
        if found:
            raise PydanticCustomError("findings", "the recipe contradicts itself", {"findings": found})
        return self

    def band(self, layer: str, kind: CellKind) -> Band | None:
        """Give the low and high volts of layer ``host``, ``tester`` or ``absolute`` for a kind; None if unknown."""
        block: BandBlock | None = getattr(self.limits, layer)
        if block is not None:
            return block.low.exact, block.high.exact
        default: Band | None = getattr(DEFAULTS[kind], layer)
        return default

    def resistance_window(self, kind: CellKind) -> Band | None:
        """Give the ohms between which the check block must find a cell of this kind; None if unknown."""
        low, high = DEFAULTS[kind].resistance_window or (None, None)
        own = self.guards.resistance
        low, high = own.low.exact if own.low else low, own.high.exact if own.high else high
        return None if low is None or high is None else (low, high)

    def has_check_block(self, kind: CellKind) -> bool:
        """Whether a program for this kind begins with the check block."""
        return DEFAULTS[kind].check_block if self.check_block is None else self.check_block

    def to_json(self) -> str:
        """Give the canonical JSON text, with all defaults spelled out: what a run keeps as its frozen copy."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON. Comments and order of keys do not change it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
