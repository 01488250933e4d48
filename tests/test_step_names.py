"""A step is called what the recipe calls it, wherever people and programs read of it, whatever interrupted the run."""

from __future__ import annotations

import pytest

from orchestrator.analysis.step_namer import StepNamer
from orchestrator.analysis.summary import details
from orchestrator.store import Origin, Origins, Store
from orchestrator.tables.run_data import RunData
from protocols.document import Document
from protocols.loading import load_cell, load_recipe, parse_recipe, shipped_cells, shipped_recipes
from protocols.program import CyclingSegment, Loop, Program, Purpose
from protocols.resolve import resolve
from protocols.step_names import StepNames, told
from tests.run_maker import RunMaker

TEXT = """\
name: names
title: Names that are alike, and a spectrum within a loop
for: [li-li]
record: {every: 30 s}
steps:
  - {step: rest, until: {time: 2 min}}
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 5 min, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 5 min, voltage: -0.5 V}}
      - {step: eis, high: 100 kHz, low: 1 Hz}
  - {step: constant_current, direction: charge, current: 0.1 mA/cm2, until: {time: 5 min, voltage: 0.5 V}}
"""
# In the order of the first tests: the contact check stands before each part on the tester.
CHECK = ["contact check charge", "contact check discharge"]
PASS = [*CHECK, "constant_current charge 1", "constant_current discharge"]


def made(store: Store, text: str | None = TEXT, cuts_s: tuple[float, ...] = ()) -> str:
    """Make a stored run of the recipe, with its text kept or not, interrupted at times of its tests."""
    run_id = RunMaker(store, resolve(parse_recipe(TEXT), load_cell("bare-li-li"))).run(cuts_s)
    if text is not None:
        Origins(store).add(run_id, Origin(recipe=Document("names.yaml", text)))
    return run_id


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_step_of_a_program_knows_where_it_is_written(name: str) -> None:
    """Its name is the kind at that place, with the direction; what the recipe has not written is the contact check."""
    recipe = load_recipe(name)
    cell = next(load_cell(cell) for cell in shipped_cells() if load_cell(cell).kind in recipe.for_kinds)
    program = resolve(recipe, cell)
    names, places = StepNames(program, recipe), set()
    for index, segment in enumerate(program.segments):
        steps = segment.steps if isinstance(segment, CyclingSegment) else (segment.technique,)
        for number, step in enumerate(steps, 1):
            place = names.place(index, number)
            own = isinstance(step, Loop) or getattr(step, "purpose", Purpose.RECIPE) is Purpose.CHECK
            assert (place is None) is own
            if place is not None:
                places.add((place, names.of(index, number)))
                assert names.of(index, number).split()[0] == step.kind
    assert len({name for _, name in places}) == len({place for place, _ in places}) == len(places)


def test_steps_that_are_alike_are_numbered_from_the_top_of_the_file(store: Store) -> None:
    """A step within a loop that a measurement writes out is one step of the recipe in each pass."""
    rows = details(store, made(store), 100)["steps"]
    assert [row["step_name"] for row in rows] == [*CHECK, "rest", *PASS[2:], *PASS, *CHECK, "constant_current charge 2"]
    assert rows[-1]["recipe_step"] == "steps[3]"
    assert rows[3]["recipe_step"] == rows[7]["recipe_step"] == "steps[2].steps[1]"


def test_interrupted_steps_keep_their_names(store: Store) -> None:
    """A test that runs what is left has numbers of its own, and the recipe's names; checks made again are told."""
    run_id = made(store, cuts_s=(300.0, 200.0, 260.0))
    data, namer = RunData(store, run_id), StepNamer(store, run_id)
    named = StepNames(data.program, parse_recipe(TEXT))
    again = 0
    for step in data.steps:
        name = namer.name(step.test, step.executed.step_count)
        again += step.place.is_repeated_check
        expected = named.of(step.place.segment, step.place.step)
        assert name == ("contact check" if step.place.is_repeated_check else expected)
    assert again > 2
    measured = [test.row.id for test in data.tests if test.row.is_measurement]
    assert [namer.name(test, 1) for test in measured] == ["eis", "eis"]


@pytest.mark.parametrize(
    "text", [None, "no: recipe", TEXT.replace("times: 2", "times: 3"), TEXT.replace("rest", "ocv")]
)
def test_run_without_its_recipe_is_told_by_its_program(store: Store, text: str | None) -> None:
    """Not kept, not readable or another one: kind and direction are known all the same, and no number is invented."""
    row = details(store, made(store, text), 1)["steps"][0]
    assert (row["step_name"], row["recipe_step"]) == ("constant_current charge", None)


def test_sentence_has_number_and_name() -> None:
    """What is said of a step in an event; of a number beyond the program, only that."""
    program: Program = resolve(load_recipe("li-li-0.2"), load_cell("bare-li-li"))
    steps = program.cycling[0].steps
    assert told(steps, 4) == "step 4 (constant_current charge)"
    assert told(steps, 99) == "step 99"
