"""Constant power and constant resistance as steps: what bounds their current, what is refused, and whole runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from drivers.interfaces import Sample
from orchestrator.export.pyprobe_readme import pybamm_text
from orchestrator.judging.limits import FindingKind, LimitWatch
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.channel_envelope import ChannelEnvelope, CurrentRange, problems
from protocols.errors import RecipeError, ResolveError
from protocols.forecast import expected_duration_s
from protocols.loading import load_cell, parse_recipe
from protocols.program import ConstantPower, ConstantResistance, Program
from protocols.program_steps import powered
from protocols.proof import CounterExample, Proof, prove
from protocols.proof.findings import Rule
from protocols.remaining_steps import remaining
from protocols.resolve import resolve
from tests.load_steps import CHARGE, DISCHARGE, RESISTOR, program, recipe_text
from tests.rig import CHANNEL, Rig
from tests.service_rig import serving, state

WIDE = ChannelEnvelope(0.025, 5.0, (CurrentRange(0.0, 0.01),))
ABLE = replace(WIDE, passes_constant_power=True, passes_constant_resistance=True)


@pytest.mark.parametrize(
    ("power", "watts"), [("0.5 mW", 5e-4), ("2 mW/cm2", 2e-3 * 0.7854), ("0.1 W/g", 1.1e-4), ("100 mW/g", 1.1e-4)]
)
def test_power_is_given_for_the_cell_its_area_or_its_mass(power: str, watts: float) -> None:
    """The program has watts, whatever the recipe writes."""
    (step,) = program(DISCHARGE.replace("0.1 W/g", power)).cycling[0].steps
    assert isinstance(step, ConstantPower)
    assert step.power_w == pytest.approx(watts, rel=1e-12)


def test_largest_current_is_that_at_the_end_of_the_voltages_where_it_is_largest() -> None:
    """A power passes most at the lowest voltage, a resistance at the highest; the limits of the run follow from it."""
    segment = program(CHARGE, DISCHARGE, RESISTOR).cycling[0]
    currents = [(step.largest_a, step.least_a) for _, step in powered(segment.steps)]
    # The host's limits of LFP are 2.7 and 4.1 V.
    expected = [(5e-4 / 2.7, 5e-4 / 4.0), (1.1e-4 / 2.8, 1.1e-4 / 4.1), (4.1 / 1e4, 2.8 / 1e4)]
    assert currents == [pytest.approx(pair) for pair in expected]
    assert segment.limits.host_current_a == pytest.approx(1.05 * 4.1 / 1e4)


def test_healthy_step_is_no_longer_than_its_ceiling_at_its_least_current() -> None:
    """A current that is well below its largest takes longer: the ceiling of time is reckoned from the least."""
    (step,) = program(CHARGE).cycling[0].steps
    assert isinstance(step, ConstantPower)
    assert step.ceiling.time_s == pytest.approx(2 * 1.1e-3 * 0.170 * 3600 / (5e-4 / 4.0))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (DISCHARGE.replace("voltage: 2.8 V", "time: 1 h"), "voltage"),
        (DISCHARGE.replace("2.8 V", "0 V"), "a voltage above 0 V"),
        (RESISTOR.replace("voltage: 2.8 V", "time: 1 h"), "voltage"),
        (RESISTOR.replace("resistance: 10", "direction: charge, resistance: 10"), "only takes current from a cell"),
        (DISCHARGE.replace("0.1 W/g", "5 mA"), "mW, uW, mW/cm2, W/g or mW/g"),
        (RESISTOR.replace("10 kohm", "-10 kohm"), "more than 0"),
    ],
)
def test_step_without_a_bound_on_its_current_is_refused_as_it_is_read(step: str, told: str) -> None:
    """A power without a voltage at which it ends would draw any current; what is no power is none."""
    with pytest.raises(RecipeError, match=told):
        parse_recipe(recipe_text(step))


@pytest.mark.parametrize(
    ("kind", "steps", "told"),
    [
        ("li-li", [CHARGE.replace("4.0 V", "0.4 V")], "host low is above 0 V"),
        (
            "lfp",
            [CHARGE, "{step: constant_voltage, direction: charge, voltage: 4.0 V, until: {time: 1 h}}"],
            "give it a current_limit",
        ),
    ],
)
def test_what_no_voltage_bounds_has_no_program(kind: str, steps: list[str], told: str) -> None:
    """At 0 V no current makes a power, and a hold takes no limit from a current that only follows."""
    with pytest.raises((ResolveError, RecipeError), match=told):
        resolve(parse_recipe(recipe_text(*steps, kind=kind)), load_cell(f"bare-{kind}"))


def test_only_a_channel_that_says_so_passes_a_power_or_a_resistance() -> None:
    """Any other tester, a source meter and one of your own among them, refuses both with the step."""
    found = problems(program(DISCHARGE, RESISTOR), WIDE)
    assert found == [
        "Step 1: a constant power, which this channel does not pass.",
        "Step 2: a constant resistance, which this channel does not pass.",
    ]
    assert problems(program(CHARGE, DISCHARGE, RESISTOR), ABLE) == []


def test_program_is_stored_and_cut_with_its_bounds() -> None:
    """What is left after an interruption has the same largest current, and the stored text gives the same program."""
    whole = program(DISCHARGE, RESISTOR)
    assert Program.from_json(whole.to_json()) == whole
    rest = remaining(whole.cycling[0], 1, 600.0, 1e-5)
    assert rest is not None
    left = rest.steps[0]
    assert isinstance(left, ConstantPower)
    assert left.largest_a == pytest.approx(1.1e-4 / 2.8)


def test_bounds_are_proven_and_a_step_reckoned_for_too_few_voltages_is_not() -> None:
    """A program whose bound of current holds for a part of its voltages only would limit nothing."""
    good = program(DISCHARGE, RESISTOR)
    proof = prove(good)
    assert isinstance(proof, Proof)
    assert proof.largest_current_a == pytest.approx(4.1e-4)
    (segment,) = good.cycling
    step = segment.steps[0]
    assert isinstance(step, ConstantPower)
    bad = replace(step, ceiling=replace(step.ceiling, low_v=3.3))
    found = prove(replace(good, segments=(replace(segment, steps=(bad, segment.steps[1])),)))
    assert isinstance(found, CounterExample)
    assert (found.rule, found.where) == (Rule.CURRENT, "step 1")


def test_current_that_no_voltage_of_the_step_makes_trips() -> None:
    """Ten times the power is seen, though the run's limits of current, those of another step, allow it."""
    segment = program(DISCHARGE, RESISTOR).cycling[0]
    watch = LimitWatch(segment, ABLE)
    record = Sample(1, 10.0, 10.0, 1, 1, 1, "dp", 3.3, -1.1e-4 / 3.3, 1e-7, 3e-7, 1.0)
    assert watch.feed([record]) == []
    wrong = [record._replace(sequence=n, step_time_s=10.0 * n, current_a=-1.1e-3 / 3.3) for n in (2, 3, 4)]
    assert {finding.kind for finding in watch.feed(wrong)} == {FindingKind.WRONG_CURRENT}


def test_steps_are_told_in_the_words_of_pybamm() -> None:
    """What an export says of them can be run elsewhere."""
    steps = [
        replace(step, ceiling=replace(step.ceiling, time_s=None))
        for _, step in powered(program(DISCHARGE, RESISTOR).cycling[0].steps)
    ]
    assert [pybamm_text(step) for step in steps] == [
        "Discharge at 0.00011 W until 2.8 V",
        "Discharge at 10000 Ohm until 2.8 V",
    ]


@pytest.mark.rig(
    cells={CHANNEL: "bare-lfp"}, poll_period_s=300.0, negative_voltage=False, power_per_w=1e3, resistance_per_ohm=1e3
)
async def test_run_passes_the_power_that_is_set_at_each_record(rig: Rig, store: Store) -> None:
    """Voltage times current is the power within what the tester resolves, the resistance likewise, and none stops."""
    whole = program(CHARGE, DISCHARGE.replace("0.1 W/g", "0.5 W/g"), CHARGE, RESISTOR)
    async with serving(rig, store) as service:
        run = service.submit(RunRequest(whole, CHANNEL, "a", "ada"), "ada")
        await asyncio.sleep(2 * expected_duration_s(whole))
    assert state(run) is RunState.COMPLETED, run.reason
    samples = list(store.samples(run.test))
    # A source begins up to 0.15 % below what it is set to (reference neware-ct4008, section 1.4).
    settled = [sample for sample in samples if sample.step_time_s >= 10]
    for number, step in powered(whole.cycling[0].steps):
        mine = [sample for sample in settled if sample.step == number]
        sign = 1 if step.direction == "charge" else -1
        assert len(mine) > 20
        for sample in mine:
            set_a = sign * (step.at(sample.voltage_v) if isinstance(step, ConstantPower | ConstantResistance) else 0.0)
            assert sample.current_a == pytest.approx(set_a, rel=2e-4, abs=1e-8)
    ended = store.steps(run.test)
    assert [step.mode for step in ended] == ["cp", "dp", "cp", "dr"]
    assert {step.end_reason for step in ended} == {"voltage"}
    assert ended[1].energy_wh == pytest.approx(5.5e-4 * ended[1].duration_s / 3600, rel=1e-3)
    assert [cycle.cycle for cycle in store.cycles(run.test)] == [1, 2]
