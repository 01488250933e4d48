"""A recipe: what a technician writes, before any cell is known. Currents and charges may be relative.

A ``Recipe`` that exists is sound in itself: no layers, targets or cutoffs of it contradict each other. Whether a cell
can be run with it is for ``resolve``, whether a channel can run it for ``channel_envelope.problems``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import ClassVar, Self

from pydantic import PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from protocols.cell import AT_ZERO, DEFAULTS, Band, CellKind, on_wrong_side
from protocols.control_flow import asks_for_shorts, flow_flaws
from protocols.current_sign import Direction
from protocols.heat_flaws import heat_flaws
from protocols.limit_blocks import PhaseLimits
from protocols.measured_steps import measured_flaws
from protocols.places import Places
from protocols.program import ShortPolicy
from protocols.recipe_fields import RecipeFields, Rules
from protocols.recipe_order import order_flaws, told
from protocols.recipe_steps import (
    Around,
    Path,
    PromptStep,
    RecipeStep,
    RepeatStep,
    powered_around,
    powered_steps,
    step_name,
)


class Recipe(RecipeFields):
    """A recipe of plain steps. ``for`` lists the kinds of cells; ``check_block`` and ``limits`` default by kind.

    One that was expanded knows where its steps are written, which is no part of its text or its hash.
    """

    written_keys: ClassVar[tuple[str, ...]] = ("parameters",)

    _places: Places = PrivateAttr(default_factory=Places)

    def model_post_init(self, context: object, /) -> None:
        """Take the places of its steps from the context of the validation, where it has any."""
        if isinstance(context, Places):
            self._places = context

    def place(self, path: Path) -> str:
        """Name the place of a step in the file as it is written: ``steps[2].steps[1]``, of an expanded one its line."""
        return self._places.by_path.get(path) or step_name(path)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        found = _findings(self)
        if found:
            raise PydanticCustomError("findings", "the recipe contradicts itself", {"findings": found})
        return self

    def to_json(self) -> str:
        """Give the canonical JSON text, with all defaults spelled out: what a run keeps as its frozen copy."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON. Comments and order of keys do not change it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


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
    limits: PhaseLimits | None = None


def _findings(recipe: RecipeFields) -> tuple[Finding, ...]:
    """List every contradiction once, whichever of the recipe's kinds of cells it shows up for."""
    targets = [
        _Target((*path, *step.target_key), step.direction, target.exact, around.limits)
        for path, step, around in powered_around(recipe.steps, Around())
        if (target := step.target) is not None
    ]
    found: dict[Path, Finding] = {}
    for kind in recipe.for_kinds:
        rules = recipe.rules(kind)
        for finding in (
            *_bands(recipe, kind, rules),
            *_phases(recipe, kind, rules),
            *_begins(recipe, rules),
            *_reach(kind, rules.bands["host"], targets),
            *_sides(kind, targets),
            *_order(recipe, kind, rules),
            *_open_circuit(kind, rules),
            *_check_block(kind, rules),
            *_shorts(recipe, kind),
        ):
            found.setdefault(finding.path, finding)
    for path, seen, expected in _flaws(recipe):
        found.setdefault(path, Finding(path, seen, expected))
    if len(set(recipe.for_kinds)) < len(recipe.for_kinds):
        found.setdefault(("for",), Finding(("for",), "the same kind twice", "each kind once"))
    return tuple(found.values())


def _flaws(recipe: RecipeFields) -> Iterator[tuple[Path, str, str]]:
    yield from flow_flaws(recipe.steps)
    yield from measured_flaws(recipe.steps)
    yield from heat_flaws(recipe.steps, recipe.temperature, recipe.limits.temperature)


def _bands(recipe: RecipeFields, kind: CellKind, rules: Rules) -> Iterator[Finding]:
    inner = None
    for layer, band in rules.bands.items():
        path: Path = ("limits", layer) if getattr(recipe.limits, layer) else ("limits",)
        if band is None:
            wanted = "limits for host, tester and absolute, each like `host: {low: -0.5 V, high: 1.2 V}`"
            yield Finding(path, f"no {layer} limits", f"{wanted}, as {kind} has no defaults")
            return
        if band[0] >= band[1]:
            yield Finding(path, f"{band[0]} to {band[1]} V", "a low end below the high end")
        elif inner is not None and not (band[0] < inner[1][0] and inner[1][1] < band[1]):
            expected = f"a band wider at both ends than {inner[0]}, {inner[1][0]} to {inner[1][1]} V"
            yield Finding(path, f"{layer} limits {band[0]} to {band[1]} V", expected)
        inner = (layer, band)


def _phases(recipe: RecipeFields, kind: CellKind, rules: Rules) -> Iterator[Finding]:
    """Give the limits of phases that are not wider, layer by layer."""
    usual = {layer: band for layer, band in rules.bands.items() if band is not None}
    for path, limits in _limits(recipe.steps):
        own = {layer: (one.low.exact, one.high.exact) for layer in usual if (one := getattr(limits, layer, None))}
        layers = list({**usual, **own}.items())
        for layer, band in own.items():
            if band[0] >= band[1]:
                yield Finding((*path, "limits", layer), f"{band[0]} to {band[1]} V", "a low end below the high end")
        for (inner, narrow), (outer, wide) in pairwise(layers):
            if not (wide[0] < narrow[0] and narrow[1] < wide[1]):
                seen = f"{inner} limits {narrow[0]} to {narrow[1]} V inside {outer} limits {wide[0]} to {wide[1]} V"
                yield Finding((*path, "limits"), seen, f"{outer} limits of {kind} that are wider at both ends")


def _begins(recipe: RecipeFields, rules: Rules) -> Iterator[Finding]:
    """Give the steps that begin beyond the limits of their phase, or of the recipe behind a phase."""
    before: PhaseLimits | None = None
    begins: Decimal | None = None
    for path, step, around in powered_around(recipe.steps, Around()):
        own = None if around.limits is None else around.limits.host
        band = rules.bands["host"] if own is None else (own.low.exact, own.high.exact)
        if band is not None and begins is not None and around.limits != before and not band[0] <= begins <= band[1]:
            seen = f"host limits {band[0]} to {band[1]} V behind a step to {begins} V"
            yield Finding(path, seen, "a cell that comes inside these limits: another order, or wider limits")
        before, begins = around.limits, None if step.target is None else step.target.exact


def _limits(steps: Sequence[RecipeStep], at: Path = ()) -> Iterator[tuple[Path, PhaseLimits]]:
    for index, step in enumerate(steps):
        path = (*at, "steps", index)
        if not isinstance(step, PromptStep) and step.limits is not None:
            yield path, step.limits
        if isinstance(step, RepeatStep):
            yield from _limits(step.steps, path)


def _reach(kind: CellKind, host: Band | None, targets: list[_Target]) -> Iterator[Finding]:
    for target in targets:
        own = None if target.limits is None or target.limits.host is None else target.limits.host
        band, whose = (host, kind.value) if own is None else ((own.low.exact, own.high.exact), "its phase")
        if band is not None and not band[0] < target.volts < band[1]:
            inside = f"a voltage inside the host limits of {whose}, {band[0]} to {band[1]} V, both excluded"
            expected = f"{inside}, or wider 'limits' with 'host' and 'tester'"
            yield Finding(target.path, f"{target.volts} V", expected)


def _sides(kind: CellKind, targets: list[_Target]) -> Iterator[Finding]:
    """Give the targets of a cell that rests at 0 V that lie on the wrong side of it."""
    for target in targets if DEFAULTS[kind].symmetric else ():
        if on_wrong_side(target.direction, target.volts):
            zero = f"{'above' if target.direction is Direction.CHARGE else 'below'} 0 V for {kind}"
            yield Finding(target.path, f"{target.volts} V to end a {target.direction}", zero)


def _order(recipe: RecipeFields, kind: CellKind, rules: Rules) -> Iterator[Finding]:
    """Give the steps that end as they begin, by what runs before them; in a cell that rests at 0 V by that as well."""
    window = AT_ZERO if DEFAULTS[kind].symmetric else rules.open_circuit
    places = {path: (*path, *step.target_key) for path, step in powered_steps(recipe.steps)}
    for flaw in order_flaws(recipe.steps, window):
        yield Finding(places[flaw.path], *told(flaw))


def _open_circuit(kind: CellKind, rules: Rules) -> Iterator[Finding]:
    window, host = rules.open_circuit, rules.bands["host"]
    path: Path = ("guards", "open_circuit")
    if window is None or host is None:
        return
    if window[0] >= window[1]:
        yield Finding(path, f"{window[0]} to {window[1]} V", "a low end below the high end")
    elif not host[0] <= window[0] < window[1] <= host[1]:
        expected = f"a window inside the host limits of {kind}, {host[0]} to {host[1]} V"
        why = "beyond them the run is stopped at its first records"
        yield Finding(path, f"cells at {window[0]} to {window[1]} V to be started", f"{expected}: {why}")


def _check_block(kind: CellKind, rules: Rules) -> Iterator[Finding]:
    window = rules.resistance_ohm
    if window is not None and window[0] >= window[1]:
        yield Finding(("guards", "resistance"), f"{window[0]} to {window[1]} ohm", "a low end below the high end")
    if window is None and rules.has_check_block:
        expected = f"guards.resistance with low and high, as {kind} has no defaults"
        yield Finding(("check_block",), "a check block without a resistance window", expected)


def _shorts(recipe: RecipeFields, kind: CellKind) -> Iterator[Finding]:
    """Give a guard by which the run ends before a condition can ask whether the cell is shorted."""
    own = recipe.guards.short
    policy = own.policy or DEFAULTS[kind].short_policy
    if asks_for_shorts(recipe.steps) and (not own.active or policy in _ENDING):
        seen = f"a run that a short {'completes' if policy is ShortPolicy.COMPLETE else 'trips'}, and short: true"
        expected = "policy: mark, and the reason: the run goes on to where it is decided"
        yield Finding(("guards", "short"), seen if own.active else "the guard is off, and short: true", expected)


# Policies by which a short ends the run.
_ENDING = frozenset({ShortPolicy.COMPLETE, ShortPolicy.TRIP})
