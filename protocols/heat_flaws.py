"""What of the temperatures of a recipe cannot be: ends and limits that its own set temperature lies outside of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.control_flow import Flaw
from protocols.recipe_steps import Around, Path, PromptStep, RecipeStep, RepeatStep, temperature_end
from protocols.temperature import TemperatureBand, TemperatureBlock, TemperatureLimitBlock


def heat_flaws(
    steps: Sequence[RecipeStep], temperature: TemperatureBlock | None, limit: TemperatureLimitBlock | None
) -> Iterator[Flaw]:
    """Yield the place of each temperature that ends a step as it begins, or trips the run, what was seen, expected.

    ``temperature`` is that of steps without one, ``limit`` the recipe's.
    """
    band = None if limit is None else limit.in_program()
    if band is not None and temperature is not None and (why := band.outside(temperature.target.value)):
        yield (
            ("limits", "temperature"),
            f"a run at {temperature.target}: {why}",
            "limits around the recipe's temperature",
        )
    yield from _steps(steps, Around(temperature), band, ())


def _steps(steps: Sequence[RecipeStep], around: Around, limit: TemperatureBand | None, at: Path) -> Iterator[Flaw]:
    for index, step in enumerate(steps):
        path = (*at, "steps", index)
        if isinstance(step, PromptStep):
            continue
        own = around.of(step)
        if limit is not None and step.temperature is not None and (why := limit.outside(step.temperature.target.value)):
            yield (
                (*path, "temperature"),
                f"{step.temperature.target}, where the run trips: {why}",
                "one inside the limits",
            )
        if isinstance(step, RepeatStep):
            yield from _steps(step.steps, own, limit, path)
        elif (end := temperature_end(step)) is not None:
            yield from _end(path, end, own.temperature, limit)


def _end(
    path: Path, end: TemperatureBand, set_to: TemperatureBlock | None, limit: TemperatureBand | None
) -> Iterator[Flaw]:
    if set_to is not None and (why := end.outside(set_to.target.value)):
        seen = f"an end by {end.told} of a step at {set_to.target}: {why}"
        yield (*path, "until"), seen, "a temperature on the other side: this step would end as it begins"
    for key, degc in (("temperature_above", end.high_degc), ("temperature_below", end.low_degc)):
        if limit is not None and degc is not None and (why := limit.outside(degc)):
            yield (*path, "until", key), f"{degc:g} degC, where the run trips first: {why}", "one inside the limits"
