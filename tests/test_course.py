"""The expected course of a program, what may be changed of a recipe, and the outlook of an order: pure values."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.preflight.outlook import doubts, limit_layers
from protocols.changeable import changeable
from protocols.changes import changed, parse_change
from protocols.course import MOST_POINTS, CoursePoint, expected_course, thinned
from protocols.document import Document
from protocols.forecast import forecast
from protocols.loading import load_cell, load_recipe, recipe_document, recipe_of, shipped_recipes
from protocols.plausibility import plausibility
from protocols.program import Program
from protocols.resolve import resolve

_CELLS = {"li-li": "coated-li-li", "lfp": "bare-lfp", "li-cu": "bare-li-cu"}


def program_of(name: str) -> Program:
    """Resolve a shipped recipe for a shipped cell of its kind."""
    recipe = load_recipe(name)
    return resolve(recipe, load_cell(_CELLS[recipe.for_kinds[0].value]))


@pytest.mark.parametrize("name", shipped_recipes())
def test_course_of_every_shipped_recipe_takes_its_time_inside_its_limits(name: str) -> None:
    """It ends when the forecast says, goes on in time only, and stays inside the host's limits, which lie in others."""
    program = program_of(name)
    course, host = expected_course(program), program.cycling[0].limits.host
    assert course.points[-1].time_s == pytest.approx(forecast(program).expected_duration_s, rel=1e-6)
    for points in (course.points, course.cycle):
        assert len(points) <= MOST_POINTS
        assert all(one.time_s <= two.time_s for one, two in pairwise(points))
        assert all(host.low_v <= it.voltage_v <= host.high_v for it in points)
    for one, two in pairwise(limit_layers(program)):
        assert one.low_v is None or two.low_v is None or one.low_v >= two.low_v
        assert one.high_v is None or two.high_v is None or one.high_v <= two.high_v


def test_course_shows_the_voltages_that_end_steps_and_where_spectra_lie() -> None:
    """An LFP cell goes to both of its windows in each cycle; a spectrum is marked behind its rest."""
    voltages = [it.voltage_v for it in expected_course(program_of("lfp-200mA-g")).cycle]
    assert (max(voltages), min(voltages)) == (4.0, 2.8)
    measured = expected_course(program_of("li-li-eis")).measured_s
    assert len(measured) == 16
    assert measured[0] == pytest.approx(600 + 1800, abs=60)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=3000))
def test_thinning_keeps_the_ends_and_the_extremes(voltages: list[float]) -> None:
    """However many points there are: the first, the last, the lowest and the highest stay, in order."""
    points = [CoursePoint(float(n), voltage_v) for n, voltage_v in enumerate(voltages)]
    kept = thinned(points)
    assert len(kept) <= MOST_POINTS
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert min(voltages) == min(it.voltage_v for it in kept)
    assert max(voltages) == max(it.voltage_v for it in kept)
    assert [it.time_s for it in kept] == sorted(it.time_s for it in kept)


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_field_of_every_shipped_recipe_can_be_set_to_what_it_is(name: str) -> None:
    """Each key is one that an order's ``set`` takes; set to its own value the recipe says the same."""
    document = recipe_document(name)
    for one in changeable(document):
        assert one.value is not None
        again = changed(document, [parse_change(text) for text in one.changes(one.value)])
        assert recipe_of(again).model_dump() == recipe_of(document).model_dump()


def test_current_that_stands_in_two_steps_is_one_field_and_two_currents_are_two() -> None:
    """Halving it halves both half-cycles; different currents are told by their steps."""
    document = recipe_document("li-li-0.2")
    current = next(one for one in changeable(document) if one.name == "current")
    half = changed(document, [parse_change(text) for text in current.changes("0.1 mA/cm2")])
    assert half.text.count("0.1 mA/cm2") == 2
    two = Document("two.yaml", half.text.replace("0.1 mA/cm2", "0.3 mA/cm2", 1))
    assert [one.name for one in changeable(two)][:2] == ["current (step 2.1)", "current (step 2.2)"]


def test_doubts_name_their_value_and_gross_ones_need_two_persons() -> None:
    """A current twice outside of what is usual is named in its unit; one four times outside by two persons."""
    document = recipe_document("li-li-0.2")
    for much, twice in (("20 mA/cm2", False), ("40 mA/cm2", True)):
        text = document.text.replace("0.2 mA/cm2", much)
        program = resolve(recipe_of(Document("much.yaml", text)), load_cell("coated-li-li"))
        found = doubts(plausibility(program))
        assert (much, twice) in [(one.value, one.twice) for one in found]
