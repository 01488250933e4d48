"""Where the conditions of a recipe lead: to named steps further down, out of their loops, to the end; never back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.branches import Then
from protocols.conditions import ConditionBlock, then_of
from protocols.recipe_steps import (
    MeasurementStep,
    OcvStep,
    Path,
    PromptStep,
    RecipeStep,
    RepeatStep,
    RestStep,
    step_name,
)

Flaw = tuple[Path, str, str]


def targets(steps: Sequence[RecipeStep]) -> dict[str, Path]:
    """Give the places of the named steps to which a condition leads, by their names."""
    named = {step.name: path for path, step in all_steps(steps) if step.name is not None}
    wanted = {then_of(block.then or usual)[1] for _, _, blocks, usual in _decisions(steps) for block in blocks}
    return {name: named[name] for name in wanted if name in named}


def asks_for_shorts(steps: Sequence[RecipeStep]) -> bool:
    """Tell whether any condition asks for a short."""
    return any(block.short for _, _, blocks, _ in _decisions(steps) for block in blocks)


def flow_flaws(steps: Sequence[RecipeStep]) -> Iterator[Flaw]:
    """Give what of the names, conditions and prompts of a recipe cannot be: its place, what was seen, and expected."""
    named: dict[str, Path] = {}
    for path, step in all_steps(steps):
        if step.name is not None and named.setdefault(step.name, path) != path:
            there = step_name(named[step.name])
            yield (*path, "name"), f"the name '{step.name}', which {there} has", "a name of its own for each step"
        if isinstance(step, RepeatStep) and all(isinstance(inner, PromptStep) for inner in step.steps):
            yield path, "a repeat of nothing but prompts", "a step between two prompts"
        if isinstance(step, RepeatStep) and step.then is not None and not step.until:
            yield (*path, "then"), "then without until", "until: with the condition that it is about"
    for path, step, blocks, usual in _decisions(steps):
        key = (*path, "until" if isinstance(step, RepeatStep) else "when")
        for block in blocks:
            yield from _leads(path, key, block, usual, named)
            last = _last(step)
            if block.asks_for_resistance and isinstance(last, MeasurementStep):
                yield key, f"a resistance behind {last.step}", "a step of the tester with current before it"
            if block.asks_for_drift and not isinstance(last, RestStep | OcvStep):
                yield key, f"a drift behind {last.step}", "a rest as the last step before it"
    if steps and isinstance(_last(steps[-1]), PromptStep):
        yield ("steps", len(steps) - 1), "a prompt with nothing behind it", "a step for which the run waits, or none"


def _leads(path: Path, key: Path, block: ConditionBlock, usual: str | None, named: dict[str, Path]) -> Iterator[Flaw]:
    """Give why a condition cannot lead where it says."""
    then, name = then_of(block.then or usual)
    if then is Then.LEAVE and key[-1] == "when" and len(path) == _TOP:
        yield (
            key,
            "leave, and no repeat around the step",
            "then: end, hold, go on, or go to and the name of a later step",
        )
    if then is not Then.GO_TO:
        return
    target = named.get(name)
    if target is None:
        known = ", ".join(sorted(named)) or "no step has one"
        yield key, f"go to '{name}', a name that no step has", f"the name of a later step; there are: {known}"
    elif target != path and target[: len(path)] == path:
        seen = f"go to '{name}', which is {step_name(target)}, inside the loop that it leaves"
        yield key, seen, "a step behind the loop: no run goes back into it, and its next pass begins at its first step"
    elif target <= path:
        yield key, f"go to '{name}', which is {step_name(target)}", f"a step behind {step_name(path)}: no run goes back"


# Parts of the path of a step that stands in no repeat.
_TOP = 2


def all_steps(steps: Sequence[RecipeStep], at: Path = ()) -> Iterator[tuple[Path, RecipeStep]]:
    """Yield the steps with their places, in the order written, loops before what they repeat."""
    for index, step in enumerate(steps):
        path = (*at, "steps", index)
        yield path, step
        if isinstance(step, RepeatStep):
            yield from all_steps(step.steps, path)


def _decisions(
    steps: Sequence[RecipeStep],
) -> Iterator[tuple[Path, RecipeStep, tuple[ConditionBlock, ...], str | None]]:
    """Yield the steps that have conditions, with these and with what the run does where one says nothing of it."""
    for path, step in all_steps(steps):
        if isinstance(step, RepeatStep) and step.until:
            yield path, step, step.until, step.then
        elif blocks := getattr(step, "when", ()):
            yield path, step, blocks, None


def _last(step: RecipeStep) -> RecipeStep:
    """Give the step that runs last in a loop, or the step itself."""
    return _last(step.steps[-1]) if isinstance(step, RepeatStep) else step
