"""What can be wrong with a recipe whose every field is right: layers, targets, cutoffs that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from protocols.cell_kinds import DEFAULTS, CellKind, on_wrong_side
from protocols.current_sign import Direction
from protocols.steps import ConstantCurrentStep, PoweredRecipeStep, RecipeStep, RepeatStep

if TYPE_CHECKING:
    from protocols.recipe import Recipe

Path = tuple[str | int, ...]
LAYERS = ("host", "tester", "absolute")


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction, at a path into the recipe."""

    path: Path
    seen: str
    expected: str


@dataclass(frozen=True, slots=True)
class _Target:
    path: Path
    direction: Direction
    volts: Decimal


def findings(recipe: Recipe) -> tuple[Finding, ...]:
    """List every contradiction once, whichever of the recipe's kinds of cells it shows up for."""
    targets = [target for path, step in powered_steps(recipe.steps) for target in _targets(path, step)]
    found: dict[Path, Finding] = {}
    for kind in recipe.for_kinds:
        for finding in (
            *_bands(recipe, kind),
            *_reach(recipe, kind, targets),
            *_sides(kind, targets),
            *_rest(recipe, kind),
        ):
            found.setdefault(finding.path, finding)
    if len(set(recipe.for_kinds)) < len(recipe.for_kinds):
        found.setdefault(("for",), Finding(("for",), "the same kind twice", "each kind once"))
    return tuple(found.values())


def powered_steps(steps: tuple[RecipeStep, ...], at: Path = ()) -> Iterator[tuple[Path, PoweredRecipeStep]]:
    """Walk through the steps that pass current, in the order written, loops opened."""
    for index, step in enumerate(steps):
        path = (*at, "steps", index)
        if isinstance(step, RepeatStep):
            yield from powered_steps(step.steps, path)
        elif isinstance(step, PoweredRecipeStep):
            yield path, step


def _targets(path: Path, step: PoweredRecipeStep) -> Iterator[_Target]:
    if not isinstance(step, ConstantCurrentStep):
        yield _Target((*path, "voltage"), step.direction, step.voltage.exact)
    elif step.until.voltage is not None:
        yield _Target((*path, "until", "voltage"), step.direction, step.until.voltage.exact)


def _bands(recipe: Recipe, kind: CellKind) -> Iterator[Finding]:
    inner = None
    for layer in LAYERS:
        path: Path = ("limits", layer) if getattr(recipe.limits, layer) else ("limits",)
        band = recipe.band(layer, kind)
        if band is None:
            yield Finding(
                path, f"no {layer} limits", f"limits for host, tester and absolute, as {kind} has no defaults"
            )
            return
        if band[0] >= band[1]:
            yield Finding(path, f"{band[0]} to {band[1]} V", "a low end below the high end")
        elif inner is not None and not (band[0] < inner[1][0] and inner[1][1] < band[1]):
            expected = f"a band wider at both ends than {inner[0]}, {inner[1][0]} to {inner[1][1]} V"
            yield Finding(path, f"{layer} limits {band[0]} to {band[1]} V", expected)
        inner = (layer, band)


def _reach(recipe: Recipe, kind: CellKind, targets: list[_Target]) -> Iterator[Finding]:
    host = recipe.band("host", kind)
    for target in targets:
        if host is not None and not host[0] < target.volts < host[1]:
            expected = f"a voltage inside the host limits of {kind}, {host[0]} to {host[1]} V, both excluded"
            yield Finding(target.path, f"{target.volts} V", expected)


def _sides(kind: CellKind, targets: list[_Target]) -> Iterator[Finding]:
    symmetric = DEFAULTS[kind].symmetric
    for target in targets:
        others = [other.volts for other in targets if other.direction is not target.direction]
        if on_wrong_side(target.direction, target.volts, others, symmetric):
            up = target.direction is Direction.CHARGE
            zero = f"{'above' if up else 'below'} 0 V for {kind}"
            beyond = f"{'above' if up else 'below'} where the {'dis' if up else ''}charges end"
            yield Finding(target.path, f"{target.volts} V to end a {target.direction}", zero if symmetric else beyond)


def _rest(recipe: Recipe, kind: CellKind) -> Iterator[Finding]:
    window = recipe.resistance_window(kind)
    if window is not None and window[0] >= window[1]:
        yield Finding(("guards", "resistance"), f"{window[0]} to {window[1]} ohm", "a low end below the high end")
    if window is None and recipe.has_check_block(kind):
        expected = f"guards.resistance with low and high, as {kind} has no defaults"
        yield Finding(("check_block",), "a check block without a resistance window", expected)
