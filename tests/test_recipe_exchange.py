"""Recipes written for other programs and read again: the same program, or every difference named."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import defusedxml.ElementTree as SafeET
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.export.errors import ExportError
from orchestrator.export.recipe_formats import CATALOGUE
from protocols.cell import Cell
from protocols.formats.exchange import Exported, export_recipe, import_recipe
from protocols.formats.ours import OURS
from protocols.formats.recipe_format import FormatError
from protocols.loading import load_cell, load_recipe, parse_recipe
from protocols.program import Program
from protocols.recipe import Recipe
from protocols.resolve import resolve
from tests.command_line import cellrig, refused
from tests.packages import install
from tests.slips.recipe_maker import CELLS, made_recipe, text_of

READ = ("neware-xml", "unicycler", "pybamm")
# Each example writes a file and reads it: a fifth of the usual number, also of a search.
FEW = settings().max_examples // 5
# What a difference may begin with, by format: each of these is told when the file is written.
LIMITS = ("limits.", "guards.open_circuit")
# Steps that pass a charge, a cc_cv, and its count of steps: neither format has them.
CHARGES = ("step ", "steps: ")


def exported(recipe: Recipe, cell: Cell, to: str) -> Exported:
    """Write a recipe in a format, at the begin of time."""
    return export_recipe(recipe, cell, OURS[to], 0.0)


def told(found: Exported) -> str:
    """Give all notes as one text."""
    return "\n".join(map(str, found.notes))


@settings(max_examples=FEW)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(sorted(CELLS)))
def test_step_file_read_again_gives_an_equal_program(seed: int, kind: str) -> None:
    """Any sound recipe, at any cell: the same steps, loops, ends, bounds and records; limits of its own are named."""
    text = text_of(made_recipe(seed, kind))
    recipe, cell = parse_recipe(text), load_cell(CELLS[kind])
    found = exported(recipe, cell, "neware-xml")
    assert found.read_back is not None
    has_load = "constant_power" in text or "constant_resistance" in text
    # How a step file writes a power or a resistance is not known (its unit is a setting of the tester): it is named.
    assert bool(found.lost) == has_load
    if has_load:
        return
    others = [line for line in found.read_back if not line.startswith(LIMITS)]
    assert not others
    assert (not found.read_back) == (kind != "li-cu")
    assert ("an import chooses others" in told(found)) == (kind == "li-cu")


@settings(max_examples=FEW)
@given(seed=st.integers(0, 10_000), to=st.sampled_from(["unicycler", "pybamm"]))
def test_difference_of_other_formats_is_named_in_a_note(seed: int, to: str) -> None:
    """What is other when the file is read again was said when it was written: limits, charges, cc_cv, records."""
    doc = made_recipe(seed)
    recipe, cell = parse_recipe(text_of(doc)), load_cell(CELLS[doc["for"][0]])
    found = exported(recipe, cell, to)
    notes = told(found)
    assert found.read_back is not None
    assert not (doc["for"] == ["li-li"] and to == "unicycler" and found.read_back)
    for line in found.read_back:
        if line.startswith(LIMITS):
            assert "an import chooses others" in notes
        elif line.startswith("record."):
            assert to == "pybamm"
            assert "records on a change of voltage or current are left out" in notes
        else:
            assert line.startswith(CHARGES)
            assert "is said as the time that takes" in notes or "a cc_cv is two steps there" in notes


def test_values_of_a_step_file_are_those_of_the_program() -> None:
    """Currents, cutoffs, times, loops and records stand in the file as the cell's area and mass make them."""
    found = exported(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"), "neware-xml")
    steps = list(SafeET.fromstring(found.data).iterfind("config/Step_Info/*"))
    assert [step.get("Step_Type") for step in steps] == ["4", "1", "2", "5", "6"]
    main = {one.tag: one.get("Value") for one in steps[1].iterfind("Limit/Main/*")}
    assert main == {"Curr": "0.22", "Time": "6120000", "Stop_Volt": "40000", "Cap": "807.84"}
    assert [one.get("Value") for one in steps[3].iterfind("Limit/Other/*")] == ["2", "50"]
    assert b"<!-- temperature: 60 degC is left out -->" in found.data


def test_signs_and_zero_cutoffs_reach_unicycler() -> None:
    """A discharge is negative, also the current that ends its hold; 0 V stands there; a loop counts all passes."""
    steps = [
        {
            "step": "constant_current",
            "direction": "charge",
            "current": "1 mA",
            "until": {"time": "1 h", "voltage": "1 V"},
        },
        {
            "step": "cc_cv",
            "direction": "discharge",
            "current": "2 mA",
            "voltage": "0 V",
            "until": {"current": "0.1 mA"},
        },
    ]
    found = exported(_half_cell([{"step": "repeat", "times": 7, "steps": steps}]), _other_cell(), "unicycler")
    tag, up, down, hold, loop = json.loads(found.data)["method"]
    assert (tag["tag"], loop["loop_to"], loop["cycle_count"]) == ("loop-1", "loop-1", 7)
    assert (up["current_mA"], down["current_mA"], down["until_voltage_V"]) == (1.0, -2.0, 0.0)
    assert (hold["voltage_V"], hold["until_current_mA"]) == (0.0, -0.1)
    assert "negative end current" in told(found)


def test_loops_of_pybamm_are_pythons_own_and_every_step_has_its_time() -> None:
    """The file is Python that gives the steps in their order; none is left to PyBaMM's end after 24 h."""
    rest = {"step": "rest", "until": {"time": "90 s"}}
    up = {"step": "constant_current", "direction": "charge", "current": "1500 uA", "until": {"voltage": "1 V"}}
    down = {"step": "constant_current", "direction": "discharge", "current": "1 mA", "until": {"voltage": "0 V"}}
    inner = {"step": "repeat", "times": 2, "steps": [up, down]}
    found = exported(
        _half_cell([rest, {"step": "repeat", "times": 3, "steps": [inner, rest]}]), _other_cell(), "pybamm"
    )
    names: dict[str, Any] = {}
    exec(compile(ast.parse(found.data), "steps", "exec"), names)  # noqa: S102 - it is ours
    cycle = ("Charge at 1.5 mA for 72 minutes or until 1 V", "Discharge at 1 mA for 108 minutes or until 0 V")
    assert names["steps"] == ["Rest for 90 seconds", *([cycle, cycle, "Rest for 90 seconds"] * 3)]
    assert names["period"] == "1 minute"


def test_battinfo_has_every_step_with_its_ends_and_says_what_it_leaves_out() -> None:
    """Loops hold their tasks, each task its setpoints and ends; spectra stay; what is left out is said inside."""
    found = exported(load_recipe("li-li-eis"), load_cell("bare-li-li"), "battinfo")
    document = json.loads(found.data)
    tasks = list(_tasks(document["hasTask"]))
    kinds = [task["@type"] for task in tasks]
    assert kinds.count("ElectrochemicalImpedanceSpectroscopy") == 2
    assert kinds.count("IterativeWorkflow") == 2
    charge = next(task for task in tasks if task["@type"] == "ConstantCurrentCharging")
    values = {str(one["@type"]): one["hasNumericalPart"]["hasNumberValue"] for one in charge["hasInput"]}
    assert values["ElectricCurrent"] == pytest.approx(0.00015708)
    assert values["['UpperVoltageLimit', 'TerminationQuantity']"] == 0.5
    said = [one["schema:value"] for one in document["schema:additionalProperty"] if one["schema:name"] == "notCarried"]
    assert said == [str(note) for note in found.notes]
    assert found.read_back is None


PHASES = """\
name: mine
title: Mine
for: [lfp]
record: {every: 30 s}
steps:
- step: phase
  title: slow
  limits: {host: {low: 2.7 V, high: 3.8 V}, tester: {low: 2.5 V, high: 3.9 V}}
  steps:
  - {step: constant_current, direction: charge, current: C/6, until: {voltage: 3.7 V}}
  - {step: constant_power, direction: discharge, power: 0.1 W/g, until: {voltage: 2.8 V}}
- {step: constant_current, direction: charge, current: 0.5 C, until: {voltage: 4.0 V}}
- {step: constant_resistance, resistance: 20 kohm, until: {voltage: 2.8 V}}
"""


@pytest.mark.parametrize("to", sorted(OURS))
def test_limits_of_a_phase_are_named_and_the_file_lets_every_step_reach_its_end(to: str) -> None:
    """One protection for the whole test, the widest; each step whose limits are narrower has a line."""
    found = exported(parse_recipe(PHASES), load_cell("bare-lfp"), to)
    lost = [str(note) for note in found.lost]
    for place in ("steps[1].steps[1]", "steps[1].steps[2]"):
        words = f"{place}: its own limits, host 2.7 V to 3.8 V, tester 2.5 V to 3.9 V, are left out"
        assert any(words in line for line in lost), lost
    if to == "neware-xml":
        volt = SafeET.fromstring(found.data).find("config/Whole_Prt/Protect/Main/Volt")
        assert volt is not None
        assert [one.get("Value") for one in volt] == ["42000", "25000"]
    if to == "unicycler":
        assert json.loads(found.data)["safety"]["max_voltage_V"] == 4.2


def test_battinfo_has_power_and_resistance() -> None:
    """A step at constant power or resistance is told with its value, not as a discharge of any kind."""
    document = json.loads(exported(parse_recipe(PHASES), load_cell("bare-lfp"), "battinfo").data)
    values = {
        one["@type"]: (one["hasNumericalPart"]["hasNumberValue"], one["hasMeasurementUnit"])
        for task in _tasks(document["hasTask"])
        for one in task["hasInput"]
        if isinstance(one["@type"], str)
    }
    assert values["ElectricPower"] == (pytest.approx(1.1e-4), "emmo:Watt")
    assert values["ElectricResistance"] == (20e3, "emmo:Ohm")


def test_bound_of_a_current_with_many_decimals_is_a_bound_again() -> None:
    """C/3 of 0.187 mAh has no end in mA: rounded in the file, its bound is known for one all the same."""
    recipe, cell = load_recipe("lfp-pulses"), load_cell("coated-lfp")
    found = exported(recipe, cell, "neware-xml").read_back
    assert found is not None
    assert not [line for line in found if "until" in line]


def _tasks(task: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    while task is not None:
        yield task
        yield from _tasks(task.get("hasTask"))
        task = task.get("hasNext")


DECIDED = """\
name: mine
title: Mine
for: [li-li]
record: {every: 30 s}
temperature: {target: 60 degC}
steps:
- {step: rest, until: {time: 2 h, drift_below: 1 mV/h}}
- {step: prompt, text: Look at the cell}
- step: repeat
  times: 3
  until: {resistance_above: 900 ohm}
  steps:
  - {step: constant_current, direction: charge, current: 0.2 mA, until: {time: 1 h, voltage: 0.5 V}}
  - {step: constant_current, direction: discharge, current: 0.2 mA, until: {time: 1 h, voltage: -0.5 V}}
- {step: eis}
- {step: rest, until: {time: 1 min}, record: {every: 1 s}}
"""


@pytest.mark.parametrize("to", READ)
def test_nothing_is_dropped_in_silence(to: str) -> None:
    """Temperature, drift, prompt, condition, spectrum, records of a step: a line with its place for each."""
    found = exported(parse_recipe(DECIDED), load_cell("bare-li-li"), to)
    lost = [str(note) for note in found.lost]
    for place, word in (
        ("temperature", "60 degC"),
        ("steps[1]", "drift"),
        ("steps[2]", "Look at the cell"),
        ("steps[3]", "conditions"),
        ("steps[4]", "rest of 30 min" if to == "unicycler" else "potentiostat"),
    ):
        assert any(line.startswith(f"{place}:") and word in line for line in lost), (place, lost)
    assert any("records of its own" in line for line in lost) == (to == "unicycler")
    if to != "unicycler":
        text = found.data.decode()
        assert all(line in text for line in lost)


def test_file_that_a_tester_cannot_hold_is_refused() -> None:
    """More than 254 steps, and loops in loops in loops in loops, with the place."""
    steps: list[dict[str, Any]] = [{"step": "rest", "until": {"time": "1 min"}}] * 250
    up = {
        "step": "constant_current",
        "direction": "charge",
        "current": "1 mA",
        "until": {"voltage": "1 V", "time": "1 h"},
    }
    with pytest.raises(FormatError, match="255 steps with the end"):
        exported(_half_cell([*steps, up, *steps[:3]]), _other_cell(), "neware-xml")
    nested: list[dict[str, Any]] = [up]
    for _ in range(4):
        nested = [{"step": "repeat", "times": 2, "steps": [{"step": "rest", "until": {"time": "1 min"}}, *nested]}]
    with pytest.raises(FormatError, match=r"steps\[1\]\.steps\[2\]\.steps\[2\]\.steps\[2\] is a loop in 3 others"):
        exported(_half_cell(nested), _other_cell(), "neware-xml")


def test_bounds_of_a_cell_are_ends_in_the_file_and_bounds_again_in_the_recipe() -> None:
    """Without the cell an import keeps them as ends; with it they are left out, and said."""
    recipe, cell = load_recipe("lfp-200mA-g"), load_cell("coated-lfp")
    data = exported(recipe, cell, "neware-xml").data
    without = import_recipe(data, "mine.xml", OURS["neware-xml"], cell.kind)
    with_cell = import_recipe(data, "mine.xml", OURS["neware-xml"], cell.kind, cell)
    assert "until: {time: 102 min, voltage: 4 V, capacity: 0.2244 mAh}" in without.text
    assert "until: {voltage: 4 V}" in with_cell.text
    assert "# " in with_cell.text
    assert "is the bound of the cell: cellrig stops the run there" in with_cell.text
    assert _steps(resolve(with_cell.recipe, cell)) == _steps(resolve(recipe, cell))


def _steps(program: Program) -> object:
    return program.cycling[0].steps


def test_commands_write_and_read_and_say_what_differs(tmp_path: Path) -> None:
    """Export, import, check, as a user types them; --json lists it, --strict writes nothing, files are not replaced."""
    export = ("recipe", "export", "lfp-200mA-g", "--cell", "coated-lfp", "--to", "neware-xml", "-o", "lfp.xml")
    strict = cellrig(*export, "--strict", cwd=tmp_path)
    refused(strict, 1, "--strict, and 1 thing cannot be carried", "temperature: 60 degC is left out")
    assert not list(tmp_path.iterdir())
    listed = json.loads(cellrig(*export, "--json", cwd=tmp_path).stdout)
    assert listed["not_carried"] == [{"where": "temperature", "what": "60 degC is left out"}]
    assert listed["file"] == "lfp.xml"
    assert len(listed["read_back"]) == 1
    assert listed["read_back"][0].startswith("temperature is nothing where target_degc 60.0")
    refused(cellrig(*export, cwd=tmp_path), 1, "is there already")
    read = cellrig("recipe", "import", "lfp.xml", "--cell", "coated-lfp", "-o", "mine.yaml", cwd=tmp_path)
    assert (read.returncode, read.stdout) == (0, "mine.yaml\n")
    text = (tmp_path / "mine.yaml").read_text()
    assert "# Imported by cellrig from lfp.xml: Neware step file, written by cellrig." in text
    assert re.search(r"^limits: .*host: .*tester: .*absolute: ", text, re.MULTILINE)
    assert re.search(r"^guards:\n?.*early_cutoff: ", text, re.MULTILINE)
    checked = cellrig("recipe", "check", "mine.yaml", "--cell", "coated-lfp", cwd=tmp_path)
    assert (checked.returncode, "Proven" in checked.stdout) == (0, True)
    assert (
        "an equal program"
        in cellrig(
            "recipe", "export", "li-li-0.2", "--cell", "bare-li-li", "--to", "unicycler", "-o", "a.json", cwd=tmp_path
        ).stderr
    )
    (tmp_path / "empty.txt").write_text("nothing")
    refused(cellrig("recipe", "import", "empty.txt", "-o", "x.yaml", cwd=tmp_path), 2, "--from with one of neware-xml")
    refused(
        cellrig("recipe", "export", "li-li-0.2", "--cell", "bare-li-li", "--to", "no", "-o", "x"),
        2,
        "there are neware-xml",
    )


PACKAGE = """\
from protocols.formats.recipe_format import ReadRecipe, RecipeFormat, Written

def write(plan, unix_s):
    return Written(f"{plan.name}, {len(plan.items)} parts".encode())

COUNT = RecipeFormat("count", ".count", "counts parts", write)
NOTHING = 1
"""


def test_formats_of_other_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of ``cellrig.recipe_formats`` exports like ours; one that is broken is listed with the reason."""
    points = "[cellrig.recipe_formats]\ncount = recipe_counting:COUNT\nnothing = recipe_counting:NOTHING\n"
    monkeypatch.syspath_prepend(str(install(tmp_path, "recipe-counting", points, {"recipe_counting": PACKAGE})))
    done = cellrig(
        "recipe", "export", "li-li-0.2", "--cell", "bare-li-li", "--to", "count", "-o", tmp_path / "a" / "b.count"
    )
    assert done.returncode == 0
    assert (tmp_path / "a" / "b.count").read_text() == "li-li-0.2, 2 parts"
    rows = {row["name"]: row for row in json.loads(cellrig("recipe", "formats", "--json").stdout)["formats"]}
    assert {name: rows[name]["ways"] for name in (*OURS, "count")} == {
        **{name: ["export", "import"] for name in READ},
        "battinfo": ["export"],
        "count": ["export"],
    }
    assert "not a RecipeFormat" in rows["nothing"]["problem"]
    with pytest.raises(ExportError, match="not a RecipeFormat"):
        CATALOGUE.find("nothing")


def _half_cell(steps: list[dict[str, Any]]) -> Recipe:
    layers = {"host": (-0.1, 1.2), "tester": (-0.2, 1.3), "absolute": (-0.3, 1.4)}
    limits = {name: {"low": f"{low} V", "high": f"{high} V"} for name, (low, high) in layers.items()}
    head = {"name": "half", "title": "Half", "for": ["other"], "record": {"every": "1 min"}, "limits": limits}
    return parse_recipe(text_of(head | {"steps": steps}))


def _other_cell() -> Cell:
    electrodes = {"working_electrode": "graphite", "counter_electrode": "Li", "electrolyte": "LP30"}
    return Cell.model_validate({"name": "half", "kind": "other", "nominal_capacity": "1.2 mAh", **electrodes})
