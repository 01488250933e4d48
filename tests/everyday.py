"""The everyday tests of a laboratory, as shipped: each with its cell, what is set to try it soon, what to draw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.bench.simulated import rack_with
from orchestrator.cli.opened_recipe import set_recipe
from orchestrator.events import RunUpdate
from orchestrator.rack.launch import Launch, launch
from protocols.loading import load_cell
from protocols.program import Program
from protocols.resolve import resolve

_CHANNEL = "21-1-1"


@dataclass(frozen=True, slots=True)
class Everyday:
    """A shipped recipe on a shipped cell; ``soon`` is what is set of it to be over soon, ``drawn`` for its picture.

    ``vary`` are parameters of the simulated cell, for what a healthy one does not do.
    """

    recipe: str
    cell: str
    soon: tuple[str, ...]
    drawn: tuple[str, ...] = ()
    vary: Mapping[str, float] = field(default_factory=dict)

    def program(self, values: tuple[str, ...]) -> Program:
        """Resolve it with values set."""
        return resolve(set_recipe(self.recipe, values), load_cell(self.cell))

    def run(self, values: tuple[str, ...], store: Path) -> RunUpdate:
        """Run it on the simulated rack in virtual time, with values set."""
        cell = load_cell(self.cell)
        rack = rack_with(cell, _CHANNEL, None, 1, self.vary)
        order = Launch(set_recipe(self.recipe, values), cell, _CHANNEL, rack)
        return launch(order, store, lambda _: None)


# Dendrites that bridge the electrolyte within an hour.
_DENDRITES = {"tip_growth_um_per_s_at_1_ma_per_cm2": 0.04}

EVERYDAY = (
    Everyday("lfp-200mA-g", "coated-lfp", ("recipe.steps[2].times=1",), ("recipe.steps[2].times=5",)),
    Everyday("lfp-calendar", "coated-lfp", ("storage=1 d", "times=1"), ("storage=7 d", "times=3")),
    Everyday("lfp-capacity-check", "coated-lfp", ("checks=3", "cycles=4", "rate=4 C", "end=99.7 % of cycle 1")),
    Everyday("lfp-cc-cv", "coated-lfp", ("cycles=1",), ("cycles=4",)),
    Everyday("lfp-dc-resistance", "coated-lfp", ("rest=2 min",)),
    Everyday("lfp-eis", "coated-lfp", ("recipe.steps[3].times=1", "lowest=10 Hz")),
    Everyday("lfp-float", "coated-lfp", ("time=6 h", "times=1"), ("time=1 d", "times=3")),
    Everyday("lfp-formation", "coated-lfp", ("cycles=1", "wetting=1 h", "rate=C/5")),
    Everyday("lfp-gitt", "coated-lfp", ("rate=1 C", "time=30 min", "rest=10 min", "most=4")),
    Everyday("lfp-hppc", "coated-lfp", ("rest=2 min", "rate=1 C", "recipe.steps[2].times=2")),
    Everyday("lfp-hppc-measured", "coated-lfp", ("rest=2 min", "rate=1 C", "recipe.steps[6].times=2")),
    Everyday("lfp-pulses", "coated-lfp", ("pulses=2",), ("time=30 s",)),
    Everyday("lfp-rate", "coated-lfp", ("cycles=1", "charge=1 C", "recipe.steps[1].current=[C/2, 3 C]"), ("cycles=1",)),
    Everyday("lfp-self-discharge", "coated-lfp", ("time=6 h",)),
    Everyday(
        "li-cu-aurbach",
        "conditioned-li-cu",
        ("reservoir=0.2 mAh/cm2", "cycled=0.18 mAh/cm2", "cycles=6"),
        ("reservoir=0.5 mAh/cm2", "cycled=0.4 mAh/cm2"),
    ),
    Everyday("li-cu-aurbach-modified", "conditioned-li-cu", ("cycles=1", "reservoir=2 mAh/cm2", "current=2 mA/cm2")),
    Everyday("li-cu-efficiency", "conditioned-li-cu", ("recipe.steps[2].times=2",), ("recipe.steps[2].times=5",)),
    Everyday("li-cu-reservoir", "conditioned-li-cu", ("recipe.steps[5].times=1",)),
    Everyday("li-li-0.2", "coated-li-li", ("recipe.steps[2].times=2",), ("recipe.steps[2].times=10",)),
    Everyday("li-li-0.4", "coated-li-li", ("recipe.steps[2].times=2",), ("recipe.steps[2].times=10",)),
    Everyday(
        "li-li-critical-current", "bare-li-li", ("recipe.steps[2].current=[0.5, 1.5, 2.5, 3.5] mA/cm2", "time=5 min")
    ),
    Everyday(
        "li-li-eis",
        "coated-li-li",
        ("recipe.steps[3].times=1", "recipe.steps[3].steps[1].times=1"),
        ("recipe.steps[3].times=2", "recipe.steps[3].steps[1].times=4"),
    ),
    Everyday("li-li-rests", "coated-li-li", ("cycles=2",), ("cycles=5",)),
    Everyday("li-plating-1.0", "coated-li-li", ("recipe.steps[2].until.time=2 h",)),
    Everyday("li-plating-until-short", "bare-li-li", ("most=2 mAh/cm2",), vary=_DENDRITES),
)
"""All shipped recipes, by name."""
