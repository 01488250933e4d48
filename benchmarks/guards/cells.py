"""Cells of the product's models with their numbers changed: no two are alike, some are weak, some age fast."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from benchmarks.shorts.schedules import log_uniform
from protocols.cell import Cell
from protocols.loading import parse_cell
from simulators.cells import load_cell
from simulators.cells.model import CellModel

# How far each number may be from that of its file, as a factor both ways; what a model does not have is passed over.
_SPREAD = {
    "contact_ohm": 3.0,
    "conductivity_s_per_cm": 1.5,
    "film_ohm_cm2": 3.0,
    "exchange_current_a_per_cm2": 2.0,
    "lithium_exchange_a_per_cm2": 2.0,
    "positive_exchange_a_per_cm2": 2.0,
    "solid_diffusivity_cm2_per_s": 2.0,
    "salt_diffusivity_cm2_per_s": 2.0,
    "nucleus_area_fraction": 1.3,
}
# Shorts would end a run by themselves.
_NO_SHORTS = {"tip_growth_um_per_s_at_1_ma_per_cm2": 0.0, "soft_short_count_at_bridge": 0.0}


@dataclass(frozen=True, slots=True)
class DrawnCell:
    """A cell file, and the model behind it with its numbers; ``build`` makes the same fresh cell each time."""

    file: Cell
    model: str
    overrides: Mapping[str, float]
    seed: int
    temperature_degc: float | None = None
    facts: Mapping[str, float] = field(default_factory=dict)

    def build(self) -> CellModel:
        """Build the cell."""
        return load_cell(
            self.model, seed=self.seed, temperature_degc=self.temperature_degc, overrides=dict(self.overrides)
        )


def numbers_of(model: str) -> dict[str, float]:
    """Read the numbers of a shipped model."""
    text = files("simulators.cells").joinpath(f"{model}.toml").read_text("utf-8")
    return {key: value for key, value in tomllib.loads(text).items() if key != "kind"}


def drawn_cell(
    draws: random.Random, model: str, factors: Mapping[str, float] | None = None, kind: str | None = None
) -> DrawnCell:
    """Draw a cell of a shipped model; ``factors`` multiply numbers besides, ``kind`` replaces that of the cell file."""
    plain = numbers_of(model)
    overrides = {
        key: plain[key] * log_uniform(draws, 1 / spread, spread) for key, spread in _SPREAD.items() if key in plain
    }
    for key, factor in (factors or {}).items():
        overrides[key] = overrides.get(key, plain[key]) * factor
    if "tip_growth_um_per_s_at_1_ma_per_cm2" in plain:
        overrides |= _NO_SHORTS
    warmer = draws.uniform(-5.0, 15.0)
    text = files("protocols.cells").joinpath(f"{model}.yaml").read_text("utf-8")
    if kind is not None:
        text = "\n".join(f"kind: {kind}" if line.startswith("kind:") else line for line in text.splitlines())
    return DrawnCell(
        file=parse_cell(text, model),
        model=model,
        overrides=overrides,
        seed=draws.getrandbits(24),
        temperature_degc=plain["reference_degc"] + warmer,
    )
