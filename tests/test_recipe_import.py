"""Recipes made of other programs' files: the same currents, cutoffs, loops and records, or a line for what differs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.export.recipe_formats import format_of
from protocols.cell import Cell, CellKind
from protocols.formats.exchange import import_recipe
from protocols.formats.imported import Imported
from protocols.formats.recipe_format import FormatError
from protocols.program import CcCv, ConstantCurrent, ConstantVoltage, Loop, Program, Record, Rest, Until, VoltageBand
from protocols.resolve import resolve
from tests.exchange import theirs


def imported(data: bytes | str, kind: CellKind = CellKind.OTHER, name: str = "theirs.txt") -> Imported:
    """Import a file as whatever it is."""
    data = data.encode() if isinstance(data, str) else data
    return import_recipe(data, name, format_of(data), kind)


def notes(found: Imported) -> str:
    """Give the notes, one a line."""
    return "\n".join(map(str, found.notes))


def program(found: Imported, capacity: str = "2.35 mAh") -> Program:
    """Give the program of an imported recipe for a cell of its own kind."""
    electrodes = {"working_electrode": "NMC", "counter_electrode": "graphite", "electrolyte": "LP57"}
    return resolve(
        found.recipe, Cell.model_validate({"name": "b", "kind": "other", "nominal_capacity": capacity, **electrodes})
    )


def plain(found: Program) -> list[object]:
    """Give what the steps of a program set and how they end, without bounds."""
    steps: list[object] = []
    for step in found.cycling[0].steps:
        if isinstance(step, Loop):
            steps.append((step.back_to, step.times))
        elif isinstance(step, ConstantVoltage):
            steps.append((step.direction.value, step.voltage_v, step.until, step.current_limit_a))
        elif isinstance(step, Rest):
            steps.append(step.until)
        elif isinstance(step, ConstantCurrent | CcCv):
            steps.append((step.current_a, step.until))
        else:
            steps.append(step)
    return steps


SLOW_A, FAST_A = 0.00029375, 0.00235
FULL_CELL = [
    Until(time_s=5400.0),
    (SLOW_A, Until(time_s=43200.0, voltage_v=4.25)),
    ("charge", 4.25, Until(time_s=10800.0, current_a=0.00005875), SLOW_A),
    (-SLOW_A, Until(time_s=43200.0, voltage_v=2.9)),
    ("discharge", 2.9, Until(time_s=1800.0), SLOW_A),
    (2, 2),
    (FAST_A, Until(time_s=7200.0, voltage_v=4.25)),
    (-FAST_A, Until(time_s=7200.0, voltage_v=2.9)),
    (7, 75),
]


@pytest.mark.parametrize("name", ["unicycler.json", "unicycler.xml"])
def test_protocol_of_unicycler_and_its_step_file_are_the_same_recipe(name: str) -> None:
    """Rates of a sample, holds in both directions, two loops, records and safety: as written, from either file."""
    found = imported(theirs(name))
    ours = program(found)
    assert plain(ours) == FULL_CELL
    assert ours.cycling[0].record == Record(20.0, 0.02)
    assert ours.cycling[0].limits.tester == VoltageBand(2.4, 4.45)
    assert not [note for note in found.notes if note.is_lost]
    assert ("type 3 (charge) right after a discharge" in notes(found)) == name.endswith("xml")


def test_step_file_of_neware_utils_has_its_condition_as_an_end() -> None:
    """GB2312, whole numbers, an end by a condition: taken over; that a temperature is left out is said."""
    found = imported(theirs("neware-utils.xml"))
    assert plain(program(found, "30 mAh")) == [
        (-0.003, Until(time_s=30000.0, voltage_v=0.02)),
        ("discharge", 0.02, Until(time_s=7200.0, current_a=0.001), 0.003),
        Until(time_s=600.0),
        (0.003, Until(time_s=36000.0, voltage_v=1.5)),
        (2, 4),
    ]
    assert "Whole_Prt: protection by auxiliary channels is left out" in notes(found)
    assert "Step4: the condition voltage > 1.5 V, jump to 65526, is an end of the step here" in notes(found)


def test_step_file_of_bm_generator_has_charges_of_its_scale() -> None:
    """Scale 100: 30 mAh are 30 mAh; that its currents are whole mA, and that a hold has no end by charge, is said."""
    found = imported(theirs("bmgen.xml"))
    steps = program(found, "30 mAh").cycling[0].steps
    assert isinstance(steps[2], ConstantCurrent)
    assert (steps[2].current_a, steps[2].until) == (-0.012, Until(voltage_v=3.05, capacity_ah=0.03))
    assert "its currents are whole mA" in notes(found)
    assert "Step1: its end at 30 mAh is left out" in notes(found)


EXPERIMENT = """\
import pybamm

formation = [("Charge at C/12 until 4.15 V", "Rest for 25 minutes", "Discharge at C/12 for 14 hours or until 3.05 V")]
cycle = (
    "Charge at 0.75C for 2 hours or until 4.15 V (10 second period)",
    "Hold at 4150 mV for 90 minutes or until C/30",
    "Discharge at 1.1 mA for 3 hours or until 3.05V",
)
steps = formation * 2 + [cycle] * 40 + ["Rest for 1 hour"]
experiment = pybamm.Experiment(steps, period="2 minutes", temperature="25oC")
simulation.solve()
"""


def test_experiment_of_pybamm_is_read_without_running_it() -> None:
    """Rates, a period of one step, loops and names of lists; what is said beside the steps is named."""
    found = imported(EXPERIMENT)
    ours = program(found)
    rate_a = 0.00235 / 12
    steps = plain(ours)
    assert steps[0] == (pytest.approx(rate_a), Until(voltage_v=4.15))
    assert steps[1:5] == [
        Until(time_s=1500.0),
        (pytest.approx(-rate_a), Until(time_s=50400.0, voltage_v=3.05)),
        (1, 2),
        (0.0017625, Until(time_s=7200.0, voltage_v=4.15)),
    ]
    hold = ours.cycling[0].steps[5]
    assert isinstance(hold, ConstantVoltage)
    assert (hold.direction.value, hold.voltage_v, hold.until.time_s) == ("charge", 4.15, 5400.0)
    assert hold.until.current_a == pytest.approx(0.00235 / 30)
    assert steps[6:] == [(-0.0011, Until(time_s=10800.0, voltage_v=3.05)), (5, 40), Until(time_s=3600.0)]
    charge = ours.cycling[0].steps[4]
    assert isinstance(charge, ConstantCurrent)
    assert (ours.cycling[0].record, charge.record) == (Record(120.0), Record(10.0))
    assert "Experiment: temperature='25oC' is left out" in notes(found)
    assert "after 24 h" in notes(found)
    by_rate = imported("Charge at 2C until 4.2 V\nDischarge at 1 mA until 3 V\n")
    assert [note.split("after ")[1][:4] for note in notes(by_rate).splitlines() if "after " in note] == ["1 h;", "24 h"]


CHARGE, DISCHARGE = "Charge at 1 mA for 1 hour or until 4.2 V", "Discharge at 2 mA for 1 hour or until 3 V"
BOTH = [{"time": "1 h", "voltage": "4.2 V"}, {"time": "1 h", "voltage": "3 V"}]


@pytest.mark.parametrize(
    "text",
    [
        f'"{CHARGE}",\n"{DISCHARGE}",\n',
        f'"{CHARGE}"\n"{DISCHARGE}"\n',
        f'steps = ["{CHARGE}"]\nsteps += ["{DISCHARGE}"]\n',
        f'steps = []\nsteps.append("{CHARGE}")\nsteps.extend(["{DISCHARGE}"])\nprint(len(steps))\n',
        f'rates = [1, 2]\nup = "{CHARGE}"\ndown = all = [up, "{DISCHARGE}"]\n',
        f's = pybamm.Simulation(model, experiment=pybamm.Experiment(["{CHARGE}", "{DISCHARGE}"]))\n',
    ],
)
def test_every_step_of_a_pybamm_file_is_there_however_the_list_is_made(text: str) -> None:
    """Texts alone in their lines, lists that grow, lists of other things beside them, an experiment as an argument."""
    assert [step["until"] for step in _documents(imported(text))] == BOTH


def test_what_a_pybamm_file_has_beside_its_experiment_is_named() -> None:
    """Steps that are in no experiment, a second experiment, a period by place or by name, what a function makes."""
    two = f'first = ["{CHARGE}"]\nlater = "9 s"\na = pybamm.Experiment(first, "10 s", "25oC")\n'
    found = imported(two + f'b = pybamm.Experiment(["{DISCHARGE}"], period=later)')
    assert found.recipe.record.every.value == 9.0
    assert "Experiment: the file has 2: the last one is taken" in notes(found)
    assert f"line 1: '{CHARGE}' is not among the steps of the experiment" in notes(found)
    by_place = imported(two)
    assert by_place.recipe.record.every.value == 10.0
    assert "Experiment: temperature='25oC' is left out" in notes(by_place)
    assert "what it makes of the steps is not known" in notes(imported(f'a = ["{CHARGE}"]\nsteps = twice(a)'))


def test_lines_of_pybamm_need_no_python() -> None:
    """One step a line, a Li/Li cell through 0 V: limits are those of the kind, signs those of the words."""
    found = imported("# mine\nDischarge at 0.2 mA for 30 minutes or until 0 V\nCharge at 0.2 mA for 30 minutes\n")
    assert found.recipe.record.every.value == 60.0
    assert _documents(found)[0]["until"] == {"time": "30 min", "voltage": "0 V"}
    with pytest.raises(FormatError, match="0 V to end a discharge"):
        imported("Discharge at 0.2 mA for 30 minutes or until 0 V\n", CellKind.LI_LI)


def _documents(found: Imported) -> list[dict[str, Any]]:
    dumped: list[dict[str, Any]] = found.recipe.model_dump(mode="json", exclude_none=True)["steps"]
    return dumped


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Charge at 20 uA for 1 hour", "write uA as mA"),
        ("Charge at 0,2 mA for 1 hour", "'0,2 mA' is not known"),
        ("Charge at 1 mA\nRest for 1 hour", "is no step"),
        ("Charge at 0 A for 1 hour", "a current of 0"),
        ("Hold at 4 V for 1 hour", "without a current limit"),
        ("Charge at 1 mA until 4 V\nHold at 4 V until 3 V", "without an end"),
        ('steps = [f"Rest for {n} minutes" for n in (1, 2)] + ["Rest for 1 hour"]', "line 1"),
        ('steps = ["Rest for 1 hour"]\nfor n in (1, 2):\n    steps += ["Charge at 1 mA for 1 hour"]', "line 2"),
        ('steps = ["Rest for 1 hour", "Charge at 1 mA for 1 hour"]\nsteps.reverse()', "line 2"),
        ('steps = ["Charge at 1 mA for 1 hour"]\nsteps[0] = "Charge at 2 mA for 1 hour"', "line 2"),
        ('def cycle():\n    return ["Charge at 1 mA for 1 hour"]\nsteps = ["Rest for 1 hour"]', "line 1"),
    ],
)
def test_text_that_cannot_be_meant_is_refused(text: str, words: str) -> None:
    """With the step, what was seen, and what to write."""
    with pytest.raises(FormatError, match=words):
        imported(text)


def step_file(*steps: str, head: str = "", whole: str = "") -> str:
    """Give a step file with these steps."""
    numbered = [f'<Step{n} Step_ID="{n}" {step}' for n, step in enumerate((*steps, 'Step_Type="6"/>'), 1)]
    inside = "".join(step.replace("</Step>", f"</Step{n}>") for n, step in enumerate(numbered, 1))
    return (
        f'<root><config type="Step File"><Head_Info>{head}</Head_Info><Whole_Prt>{whole}</Whole_Prt>'
        f'<Step_Info Num="{len(numbered)}">{inside}</Step_Info></config></root>'
    )


def main(kind: int, **values: object) -> str:
    """Give a step with values in its limits."""
    inside = "".join(f'<{tag} Value="{value}"/>' for tag, value in values.items())
    return f'Step_Type="{kind}"><Limit><Main>{inside}</Main></Limit></Step>'


def loop(back_to: int, times: object = 3) -> str:
    """Give a loop."""
    inside = f'<Start_Step Value="{back_to}"/><Cycle_Count Value="{times}"/>'
    return f'Step_Type="5"><Limit><Other>{inside}</Other></Limit></Step>'


UP = main(1, Curr=1.5, Time=3600000, Stop_Volt=41000)
DOWN = main(2, Curr=1.5, Time=3600000, Stop_Volt=30000)
PROTECT = "<Protect><Main><Volt><Upper Value='43000'/><Lower Value='25000'/></Volt></Main></Protect>"


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((main(1, Curr=0, Time=1000),), "whole mA"),
        ((main(1, Curr=1, Time=0),), "without an end"),
        ((main(1, Curr="nan", Time=1000),), "expected a number"),
        ((main(1, Curr=-1, Time=1000),), "below 0"),
        ((main(4),), "a rest without a time"),
        ((UP, loop(2)), "earlier"),
        ((main(3, Volt=41000, Time=1000),), "without a current limit"),
        ((UP, DOWN, loop(1), UP, loop(2)), "loops must not overlap"),
        ((UP, DOWN, loop(1, "2.5")), "a whole number"),
    ],
)
def test_step_file_that_would_harm_is_refused(steps: tuple[str, ...], words: str) -> None:
    """A current that a writer has made 0, no end, a hold without a limit of its current, a loop into nothing."""
    with pytest.raises(FormatError, match=words):
        imported(step_file(*steps, whole=PROTECT))


def test_step_that_cellrig_cannot_run_becomes_a_question_to_a_person() -> None:
    """A pulse is not left out in silence, not even when the recipe runs: it waits, and says what was there."""
    found = imported(step_file(UP, 'Step_Type="16"></Step>', DOWN, whole=PROTECT))
    assert [step["step"] for step in _documents(found)] == ["constant_current", "prompt", "rest", "constant_current"]
    assert "Step2: a step of type 16 (a pulse) has no step here" in notes(found)


def test_values_that_contradict_each_other_or_have_no_place_are_named() -> None:
    """A rate that is another current, values not used, a range, a start elsewhere, another jump: a line each."""
    condition = '<Other CndCount="1"><Cnd1 type="1" CmpType="3" Jump_Line="65534" Value="42000"/></Other>'
    step = main(1, Curr=1.94, Rate=0.5, Time=3600000, Stop_Volt=41000, Step_Range=5)
    step = step.replace("</Main>", '<Cap Value="7200" Is_Select="0"/></Main>' + condition)
    head = '<Start_Step Value="2"/><RateType Value="105"/><MultCap Value="27864"/><Scale Value="1"/>'
    found = imported(step_file(step, DOWN, head=head, whole=PROTECT))
    for words in (
        "Step1: its rate, 0.5 C of 7.74 mAh, is 3.87 mA, its current 1.94 mA: the current is taken",
        "Step1: Cap 7200 is marked as not used",
        "Step1: Step_Range 5 is left out",
        "Step1: the condition voltage > 4.2 V, jump to 65534, is left out",
        "Head_Info: the test begins with step 2 there",
    ):
        assert words in notes(found)
        assert words in found.text
    assert "capacity" not in found.text


CAPACITY = '<MultCap Value="162000"/>'


def test_rate_alone_is_of_the_capacity_that_the_file_names() -> None:
    """Its current, the limit of a hold and its end are those of the file, whatever cell runs it; each is said."""
    hold = main(3, Volt=41000, Rate=0.2, Stop_Rate=0.05, Time=3600000)
    found = imported(step_file(main(1, Rate=0.5, Stop_Volt=41000), hold, DOWN, head=CAPACITY, whole=PROTECT))
    up, held, _ = _documents(found)
    assert (up["current"], held["current_limit"], held["until"]["current"]) == ("22.5 mA", "9 mA", "2.25 mA")
    for words in ("Step1: Rate 0.5 C stands alone", "Step2: Rate 0.2 C stands", "Step2: Stop_Rate 0.05 C stands"):
        assert words in notes(found)
    without = imported(step_file(main(1, Rate=0.5, Stop_Volt=41000), hold, DOWN, whole=PROTECT))
    up, held, _ = _documents(without)
    assert (up["current"], held["current_limit"], held["until"]["current"]) == ("0.5 C", "0.2 C", "0.05 C")
    assert "the file has no capacity: it is a rate of the cell's own" in notes(without)


def test_no_value_of_a_step_file_is_dropped_in_silence() -> None:
    """Ends that a step cannot have here, conditions of loops, other protection and records: a lost line for each."""
    counted = loop(1).replace("</Other>", '<Cnd1 type="1" CmpType="5" Jump_Line="5" Value="30000"/></Other>')
    records = "<Record><Main><Time Value='1000'/><Cap Value='5'/></Main></Record>"
    found = imported(
        step_file(
            main(1, Curr=1.5, Time=3600000, Volt=41000, Stop_Curr=0.1),
            main(4, Time=3600000, Stop_Volt=35000, Cap=3600, Curr=1),
            main(7, Curr=1, Time=3600000, Volt=41000, Stop_Volt=42000, Cap=3600, Stop_Curr=0),
            main(3, Volt=41000, Curr=1, Stop_Curr=0.5, Stop_Rate=0.05),
            counted,
            DOWN,
            head=CAPACITY + '<RateType Value="105"/>',
            whole=PROTECT.replace("<Volt>", "<Energy><Upper Value='3'/></Energy><Volt>") + records,
        )
    )
    lost = [str(note) for note in found.notes if note.is_lost]
    for words in (
        "Step1: Volt 41000 is left out",
        "Step1: its end at 0.1 mA is left out",
        "Step2: its end at 3.5 V is left out",
        "Step2: its end at 1 mAh is left out",
        "Step2: Curr 1 is left out",
        "Step3: its end at 4.2 V is left out",
        "Step3: its end at 1 mAh is left out",
        "Step3: the current that ends it is 0",
        "Step4: the rate that ends it, 0.05 C of 45 mAh, is 2.25 mA, the current 0.5 mA",
        "Step5: the loop's condition Cnd1 is left out",
        "Whole_Prt: protection by Energy (Upper 3) is left out",
        "Whole_Prt: records on a change of Cap, 5, are left out",
    ):
        assert any(line.startswith(words) for line in lost), (words, lost)


def test_voltage_of_a_charge_held_may_stand_as_its_end() -> None:
    """A cc_cv with Stop_Volt alone holds that voltage; the line says so, and nothing is called left out."""
    found = imported(step_file(main(7, Curr=1, Time=3600000, Stop_Volt=41000, Stop_Curr=0.1), DOWN, whole=PROTECT))
    assert _documents(found)[0]["voltage"] == "4.1 V"
    assert "Step1: it has no Volt: its Stop_Volt is the voltage that is held" in notes(found)
    assert not [note for note in found.notes if note.is_lost]


def test_traps_of_unicycler_are_normalised() -> None:
    """A rate before a current, "D/2" a discharge, a hold without a sign by the step before, 0 and "" no values."""
    method = [
        {"step": "constant_current", "rate_C": "C/4", "current_mA": -9, "until_time_s": "", "until_voltage_V": 0.9},
        {"step": "constant_current", "rate_C": "D/2", "until_time_s": 900, "until_voltage_V": 0.0},
        {"step": "constant_voltage", "voltage_V": 0.0, "until_rate_C": 0, "until_current_mA": 0.05},
        {"step": "loop", "loop_to": 2, "cycle_count": 3},
        {"step": "constant_current", "rate_C": "-1/5", "until_time_s": 900},
    ]
    found = imported(json.dumps({"method": method, "record": {"time_s": 5}, "sample": {"name": "$NAME"}}))
    first, loop, last = _documents(found)
    assert (last["current"], last["direction"]) == ("C/5", "discharge")
    assert (first["current"], first["direction"], first["until"]) == ("C/4", "charge", {"voltage": "0.9 V"})
    assert (loop["times"], loop["steps"][0]["current"], loop["steps"][0]["direction"]) == (3, "C/2", "discharge")
    assert (loop["steps"][1]["direction"], loop["steps"][1]["until"]) == ("discharge", {"current": "0.05 mA"})
    for wrong in ('{"method": [{"step": "open_circuit_voltage", "until_time_s": NaN}]}', '{"method": []}'):
        with pytest.raises(FormatError):
            imported(wrong)
    with pytest.raises(FormatError, match="below 0"):
        imported('{"method": [{"step": "open_circuit_voltage", "until_time_s": -4}]}')


def bands(found: Imported) -> list[str]:
    """Give the three layers of limits as they are written."""
    layers = (found.recipe.limits.host, found.recipe.limits.tester, found.recipe.limits.absolute)
    return [f"{layer.low} to {layer.high}" for layer in layers if layer is not None]


def test_limits_are_said_whoever_set_them() -> None:
    """The kind's where they fit, the file's protection, or set around the steps; without any of these it is refused."""
    of_kind = imported(step_file(main(1, Curr=1, Time=1000, Stop_Volt=39000)), CellKind.LFP)
    assert bands(of_kind) == ["2.7 V to 4.1 V", "2.5 V to 4.2 V", "2 V to 4.3 V"]
    of_file = imported(step_file(UP, DOWN, whole=PROTECT))
    assert bands(of_file) == ["2.75 V to 4.2 V", "2.5 V to 4.3 V", "2.4 V to 4.4 V"]
    around = imported(step_file(UP, DOWN))
    assert bands(around) == ["2.95 V to 4.15 V", "2.9 V to 4.2 V", "2.8 V to 4.3 V"]
    assert "set around the voltages of the steps" in notes(around)
    inside = imported(step_file(UP, DOWN, whole=PROTECT.replace("43000", "40000")))
    assert bands(inside)[1] == "2.5 V to 4.2 V"
    lost = [str(note) for note in inside.notes if note.is_lost]
    assert lost[0].startswith(
        "limits: the file ends the test at 4 V, and its steps go to 4.1 V: that protection is not"
    )
    beyond = imported(step_file(main(2, Curr=1, Time=1000, Stop_Volt=0)), CellKind.LFP)
    assert "limits: steps go to 0 V, outside of lfp cells' 2.7 V to 4.1 V" in notes(beyond)
    with pytest.raises(FormatError, match="nothing tells the limits"):
        imported(step_file(main(1, Curr=1, Time=1000)))
