"""A recipe says the temperature of its cell, for all steps or for some, and its program keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.bench.recipe_temperature import temperature_ahead
from orchestrator.bench.settings import load_bench
from protocols import RecipeError, load_cell, parse_recipe, resolve
from protocols.program import CyclingSegment, MeasurementSegment, Program, Rest
from protocols.temperature import CellTemperature, WhenLeft
from tests.bench_files import bench_file
from tests.command_line import cellrig, refused

RECIPE = """\
name: warm
title: A warm recipe
for: [li-li]
record: {every: 30 s}
TEMPERATURE
steps:
STEPS
"""
REST = "- {step: rest, until: {time: 10 min}}"
CYCLE = """\
- step: constant_current
  direction: charge
  current: 0.2 mA/cm2
  until: {time: 1 h}
"""

OVEN = """
[[oven]]
name = "oven-45"
model = "eurotherm-3216"
low_degc = 15
high_degc = 45
places = ["21-1-1"]
link = { port = "COM5", unit = 32 }
"""


def program(temperature: str = "", *steps: str) -> Program:
    """Resolve a recipe with this line on its temperature and these steps for a Li/Li cell."""
    text = RECIPE.replace("TEMPERATURE", temperature).replace("STEPS", "\n".join([*steps, CYCLE]))
    return resolve(parse_recipe(text), load_cell("bare-li-li"))


def targets(found: Program) -> list[float | None]:
    """Give the temperature of each segment."""
    return [None if it.temperature is None else it.temperature.target_degc for it in found.segments]


def test_temperature_alone_is_soaked_ten_minutes_within_half_a_degree() -> None:
    """What a technician writes in one word has the usual soak, and a run is held where the oven leaves it."""
    (segment,) = program("temperature: 60 degC", REST).segments
    assert segment.temperature == CellTemperature(60.0, 0.5, 600.0, WhenLeft.HOLD)


def test_program_without_a_temperature_has_the_text_that_it_had() -> None:
    """Nothing of it stands in the canonical text, so that hashes of earlier versions hold; one with it reads back."""
    assert "temperature" not in program("", REST).to_json()
    warm = program("temperature: {target: 45 degC, tolerance: 1 degC, soak: 2 h, when_left: mark}", REST)
    assert Program.from_json(warm.to_json()) == warm
    (segment,) = warm.cycling
    assert CyclingSegment.from_json(segment.to_json()).temperature == CellTemperature(45.0, 1.0, 7200.0, WhenLeft.MARK)


def test_step_of_another_temperature_begins_a_segment() -> None:
    """Between two segments nothing runs, and the oven has the time that it needs; the same one again cuts nothing."""
    warm = "- {step: rest, until: {time: 1 h}, temperature: 40 degC}"
    assert targets(program("temperature: 25 degC", REST, warm, warm, REST)) == [25.0, 40.0, 25.0]
    assert targets(program("", REST, warm)) == [None, 40.0, None]


def test_loop_of_several_temperatures_is_written_out() -> None:
    """A tester jumps back within one segment only; a loop of one temperature stays one."""
    inside = "\n".join(f"    - {{step: rest, until: {{time: 1 h}}, temperature: {degc} degC}}" for degc in (40, 60))
    loop = f"- step: repeat\n  times: 2\n  steps:\n{inside}"
    assert targets(program("temperature: 25 degC", loop)) == [40.0, 60.0, 40.0, 60.0, 25.0]
    alike = f"- step: repeat\n  times: 2\n  temperature: 40 degC\n  steps:\n    {REST}"
    first, last = program("temperature: 25 degC", alike).cycling
    assert [step.kind for step in first.steps if isinstance(step, Rest) or step.kind == "loop"] == ["rest", "loop"]
    assert (first.temperature, last.temperature) == (CellTemperature(40.0), CellTemperature(25.0))


def test_spectrum_has_the_temperature_of_its_step() -> None:
    """A measurement between two segments is made at a temperature too, its own or the recipe's."""
    found = program("temperature: 60 degC", "- {step: eis}", "- {step: eis, temperature: 25 degC}")
    kinds = [isinstance(segment, MeasurementSegment) for segment in found.segments]
    assert (kinds, targets(found)) == ([False, True, True, False], [60.0, 60.0, 25.0, 60.0])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("temperature: 60", "expected a temperature with a unit"),
        ("temperature: 60 C", "degC"),
        ("temperature: {target: 60 degC, tolerance: 5 degC}", "at most 2 degC"),
        ("temperature: {target: 60 degC, soak: 10 min, ramp: 1 degC}", "ramp"),
    ],
)
def test_wrong_temperature_is_told_with_what_was_expected(line: str, told: str) -> None:
    """A number without its unit, a rate of charge, a tolerance that is none, an unknown key."""
    with pytest.raises(RecipeError, match=told):
        program(line, REST)


@pytest.mark.parametrize(
    ("channel", "oven", "words"),
    [
        ("21-1-1", "oven-45", "21-1-1 is in oven-45, which gets that set point"),
        ("21-1-2", "", "No oven has 21-1-2 inside: nothing heats or watches it"),
        (None, "", "Ovens of the bench file: oven-45 with 21-1-1"),
    ],
)
def test_what_is_ordered_of_an_oven_is_known_before(channel: str | None, oven: str, words: str, tmp_path: Path) -> None:
    """The temperature with its soak, and the oven of the channel, that there is none, or which ones there are."""
    warm = program("temperature: {target: 40 degC, soak: 30 min}", REST)
    found = temperature_ahead(warm, load_bench(bench_file(tmp_path, OVEN)), channel)
    assert found.oven == oven
    assert found.words == (
        "It is soaked before its first current: 40 degC, within 0.5 degC for 30 min",
        words,
    )
    assert not found.problem


def test_temperature_beyond_its_oven_is_a_reason_in_the_check_of_a_recipe(tmp_path: Path) -> None:
    """With the exit status 1; a recipe without one on a channel in an oven is told so."""
    bench, recipe = bench_file(tmp_path, OVEN), tmp_path / "warm.yaml"
    recipe.write_text(RECIPE.replace("TEMPERATURE", "temperature: 60 degC").replace("STEPS", CYCLE), encoding="utf-8")
    told = cellrig("recipe", "check", recipe, "--cell", "bare-li-li", "--bench", bench, "--channel", "21-1-1")
    refused(told, 1, "the recipe wants 60 degC, and oven-45 takes 15 to 45 degC")
    told = cellrig("recipe", "check", "li-li-0.2", "--cell", "bare-li-li", "--bench", bench, "--channel", "21-1-1")
    assert "21-1-1 is in oven-45, and the recipe says no temperature" in told.stdout
    told = cellrig("recipe", "check", recipe, "--cell", "bare-li-li", "--channel", "21-1-1", "--json")
    shown = json.loads(told.stdout)
    assert (shown["oven"], [one["target_degc"] for one in shown["temperatures"]]) == ("simulated-oven", [60.0])
