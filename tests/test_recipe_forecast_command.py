"""``cellrig recipe forecast``: each step with its end, the sums, and beside them what a simulated or stored run did."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from orchestrator.bench.simulated import rack_with, sizes_in
from orchestrator.bench.simulated_sizes import with_sizes_of
from protocols.branches import Branch, Measure
from protocols.changes import changed, parse_change
from protocols.current_sign import Direction
from protocols.expected_path import notes
from protocols.loading import cell_document, load_cell, load_recipe, parse_cell, parse_recipe
from protocols.program import CcCv, Ceiling, ConstantVoltage, CyclingSegment, Loop, Program, Until
from protocols.resolve import resolve
from protocols.step_forecast import steps_ahead
from tests.command_line import cellrig, refused
from tests.sound_program import CHARGE, DISCHARGE, LIMITS, RECORD, REST, program_of

SHORT = """
name: short
title: Two cycles
for: [li-li]
record: {every: 60 s}
steps:
  - {step: rest, until: {time: 5 min}}
  - step: repeat
    times: 2
    steps:
      - {step: constant_current, direction: charge, current: 0.5 mA/cm2, until: {time: 6 min, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.5 mA/cm2, until: {capacity: 0.05 mAh/cm2, voltage: -0.5 V}}
"""  # noqa: E501 - a recipe as it is written

WIDE = """limits:
  host: {low: 2.7 V, high: 4.1 V}
  tester: {low: 2.5 V, high: 4.2 V}
  absolute: {low: 2.0 V, high: 4.3 V}"""

WATCHED = """
name: watched
title: A rest, and a look
for: [li-li]
record: {every: 60 s}
steps:
  - {step: rest, until: {time: 5 min}, when: {voltage_above: 0.3 V, then: end}}
  - {step: constant_current, direction: charge, current: 0.5 mA/cm2, until: {time: 6 min, voltage: 0.5 V}}
"""


def test_each_step_is_told_with_the_end_that_comes_first() -> None:
    """Time, charge, voltage, taper: the one that a healthy cell meets first, and how often the step is carried out."""
    program = resolve(parse_recipe(SHORT), load_cell("bare-li-li"))
    rows = [(row.where, row.passes, row.ends_by, row.expected_s) for row in steps_ahead(program)]
    assert rows == [
        ("1", 1.0, "time", 5.0),
        ("2", 1.0, "time", 5.0),
        ("3", 1.0, "time", 300.0),
        ("4", 2.0, "time", 360.0),
        ("5", 2.0, "0.03927 mAh", pytest.approx(360.0)),
    ]
    held = ConstantVoltage(Direction.CHARGE, 4.0, Until(current_a=1e-4), 1e-3, Ceiling(time_s=7200.0))
    tapered = CcCv(1e-3, 4.0, Until(current_a=1e-4), Ceiling(time_s=7200.0))
    assert [row.ends_by for row in steps_ahead(program_of(CHARGE, held, tapered))] == ["4 V", "0.1 mA", "0.1 mA"]


def test_passes_of_a_loop_that_decides_are_told_once() -> None:
    """Forty tests that are alike are one group of rows, numbered by its first and last test."""
    segment = CyclingSegment((CHARGE, DISCHARGE, Loop(1, 50)), RECORD, LIMITS, after=(Branch(Measure.SHORT, to=40),))
    last = CyclingSegment((REST,), RECORD, LIMITS)
    program = Program("mine", "0" * 64, program_of(REST).cell, (*[segment] * 40, last))
    assert [(row.where, row.passes) for row in steps_ahead(program)] == [
        ("1-40.1", 2000.0),
        ("1-40.2", 2000.0),
        ("41.1", 1.0),
    ]


def test_steps_that_repeat_are_one_row_unless_all_are_wanted() -> None:
    """A ramp of forty currents is a few rows with its first and last value, spectra between cycles are, and add up."""
    order = ("recipe", "forecast", "li-li-critical-current", "--cell", "bare-li-li")
    short, whole = (cellrig(*order, *more).stdout.splitlines() for more in ((), ("--all",)))
    assert len(short) < 20
    assert len(whole) > 163
    (ramp,) = (line.split("  ") for line in short if line.startswith("2.1 to 41.2"))
    assert [cell.strip() for cell in ramp if cell.strip()] == [
        "2.1 to 41.2",
        "charge 0.03927 to 1.571 mA",
        "40",
        "time",
        "30 min",
        "0.01963 to 0.7854",
    ]
    spectra = cellrig("recipe", "forecast", "li-li-eis", "--cell", "bare-li-li").stdout
    assert re.search(r"^2 to 30 +eis, rest of 30 min before it +15 ", spectra, re.MULTILINE)
    assert re.search(r"^3\.3 to 31\.3 +charge 0\.1571 mA +300 ", spectra, re.MULTILINE)
    order = ("recipe", "check", "li-li-critical-current", "--cell", "bare-li-li")
    checked, told = cellrig(*order).stdout, cellrig(*order, "--all").stdout
    assert "0.05 to 2 " in checked
    assert len(told.splitlines()) - len(checked.splitlines()) == 78
    assert "about 1 d 23 h\n" in checked
    assert "within 1 d 23 h, besides about 10 min 15 s between programs" in " ".join(checked.split())


def test_a_simulated_cell_of_a_forecast_has_the_size_in_the_file() -> None:
    """A cell ten times as heavy takes ten times as long: the model's own milligram would foretell another test."""
    document = changed(
        cell_document("bare-lfp"), [parse_change(f"cell.{set_}") for set_ in ("active_mass=11.2 mg", "area=1.131 cm2")]
    )
    heavier = parse_cell(document.text, document.file)
    rack = with_sizes_of(rack_with(heavier, "21-1-1", None, 1), heavier)
    assert sizes_in(rack) == [{"active_mass_mg": pytest.approx(11.2), "area_cm2": pytest.approx(1.131)}]
    other = parse_cell(_other(document.text), document.file)
    assert sizes_in(with_sizes_of(rack_with(other, "21-1-1", "coated-lfp", 1), other)) == sizes_in(rack)
    with pytest.raises(SettingsError, match=r"--cell-model: bare-lfp, .*, or a file of your own"):
        rack_with(other, "21-1-1", None, 1)


def test_a_forecast_is_simulated_with_the_model_that_was_named(tmp_path: Path) -> None:
    """A cell of a kind without a model of its own, by its file's size: the loop lasts as it was foretold."""
    recipe, cell = tmp_path / "short.yaml", tmp_path / "mine.yaml"
    text = SHORT.replace("for: [li-li]", f"for: [other]\n{WIDE}")
    recipe.write_text(
        text.replace("voltage: 0.5 V", "voltage: 4.0 V").replace("voltage: -0.5 V", "voltage: 2.8 V"), encoding="utf-8"
    )
    document = changed(cell_document("bare-lfp"), [parse_change("cell.active_mass=11.2 mg")])
    cell.write_text(_other(document.text), encoding="utf-8")
    asked = ("recipe", "forecast", recipe, "--cell", cell, "--simulate", "--json")
    refused(cellrig(*asked), 2, "say which one to take with --cell-model")
    refused(cellrig(*asked[:-2], "--cell-model", "coated-lfp"), 2, "--cell-model is for --simulate")
    told = json.loads(cellrig(*asked, "--cell-model", "coated-lfp").stdout)
    assert told["simulated"]["ended"].startswith("completed")


def test_few_seconds_between_programs_are_told_in_seconds() -> None:
    """No rest of 0 min, and no 1 places."""
    told = notes(resolve(parse_recipe(WATCHED), load_cell("bare-li-li")), 15.0)
    assert told == [
        "it decides at 1 place by what is measured; the times are those of a run in which none holds",
        "between programs of the tester the cell rests for 15 s in all",
    ]


def test_every_step_of_every_shipped_recipe_has_a_finite_forecast() -> None:
    """Measurements too: a technician sees how long each takes."""
    for name, cell in (("li-li-eis", "bare-li-li"), ("li-cu-reservoir", "bare-li-cu"), ("lfp-200mA-g", "bare-lfp")):
        rows = steps_ahead(resolve(load_recipe(name), load_cell(cell)))
        assert all(0 < row.expected_s < 1e7 for row in rows), name


def test_a_simulated_course_stands_beside_the_forecast_and_a_stored_run_too(tmp_path: Path) -> None:
    """What a healthy cell did differs little from what was foretold; the same of a run that is stored."""
    recipe, picture = tmp_path / "short.yaml", tmp_path / "course.svg"
    recipe.write_text(SHORT, encoding="utf-8")
    asked = ("recipe", "forecast", recipe, "--cell", "coated-li-li", "--simulate", "--plot", picture, "--json")
    told = json.loads(cellrig(*asked).stdout)
    assert told["simulated"]["ended"].startswith("completed")
    duration = told["simulated"]["duration_h"]
    assert duration["measured"] == pytest.approx(duration["forecast"], rel=0.01)
    assert [step["ends"] for step in told["steps"]][3:] == [{"time": 2}, {"capacity": 2}]
    assert picture.stat().st_size > 1000
    refused(cellrig(*asked), 1, "is there already")
    store = tmp_path / "s.db"
    order = ("run", recipe, "--cell", "coated-li-li", "--channel", "21-1-1", "--simulate", "--store", store)
    assert cellrig(*order).returncode == 0
    shown = cellrig("recipe", "forecast", "--run", "R000001", "--store", store).stdout
    assert "is completed; what its program foretold, and what it did" in shown
    assert "capacity" in shown


@pytest.mark.parametrize("words", [("li-li-0.2",), ("--run", "R000001", "--simulate"), ()])
def test_half_an_order_is_told(words: tuple[str, ...]) -> None:
    """A recipe needs its cell, and a run stands alone."""
    refused(cellrig("recipe", "forecast", *words), 2, "--run")


def _other(text: str) -> str:
    """Return the text of a shipped LFP cell's file as that of a cell of which nothing is assumed."""
    return text.replace("kind: lfp", "kind: other").replace("name: bare-lfp", "name: mine")
