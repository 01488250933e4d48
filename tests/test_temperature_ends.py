"""Steps that end, and runs that trip, by the temperature of the cell's place, in a simulated oven."""

from __future__ import annotations

import pytest

from orchestrator.checks import CheckName, Outcome
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols import load_cell, resolve
from protocols.errors import RecipeError
from protocols.formats.exchange import export_recipe
from protocols.formats.ours import OURS
from protocols.loading import parse_recipe
from protocols.program import Program
from protocols.proof import Proof, prove
from protocols.recipe import Recipe
from tests.decided import told
from tests.oven_service_rig import OUTSIDE, OVEN, Beside, until, warm_rack
from tests.rig import CHANNEL, Rig

_HEAD = """\
name: heat
title: heat
for: [li-li]
record: {every: 60 s}
check_block: false
"""
_REST = "steps:\n  - {step: rest, until: {time: 9 h, temperature_below: 58 degC}}\n"
_CHARGE = """\
  - step: constant_current
    direction: charge
    current: 0.02 mA/cm2
    until: {time: 20 min, voltage: 0.5 V, temperature_above: 65 degC}
"""
_LAST = "  - {step: rest, until: {time: 2 min}}\n"


def recipe(steps: str) -> Recipe:
    """Read the steps as a recipe of Li/Li cells."""
    return parse_recipe(_HEAD + steps, "mine.yaml")


def program(steps: str) -> Program:
    """Resolve the steps for a shipped cell."""
    return resolve(recipe(steps), load_cell("bare-li-li"))


def order(steps: str, channel: str = CHANNEL) -> RunRequest:
    """Give a run of steps."""
    return RunRequest(program(steps), channel, "heat")


async def test_rest_ends_when_the_oven_has_cooled_down_and_the_run_goes_on(rig: Rig, store: Store) -> None:
    """Somebody sets it lower: below 58 degC the host ends the rest, by a confirmed stop, and the next step follows."""
    async with warm_rack(rig, store) as rack:
        run = rack.service.submit(order(_REST + _CHARGE + _LAST), "ada")
        await until(lambda: run.state.is_live and run.last is not None, 600.0)
        rack.oven.order(25.0, volatile=False)
        await until(lambda: run.state.is_over, 8000.0, 30.0)
        assert run.state is RunState.COMPLETED, run.reason
        tests = store.tests(run.run_id)
        assert [test.segment for test in tests] == [0, 1, 2]
        (ended,) = told(store, run, EventKind.HOST_END)
        assert ended["watched"] == "temperature_degc"
        assert 54.0 < ended["value"] < 58.0
        rest, charge = (store.steps(test.id)[-1] for test in tests[:2])
        assert rest.duration_s < 9 * 3600
        assert rest.end_reason.value == "external"
        # Nothing was too hot: the charge has its own end.
        assert charge.end_reason.value == "time"


@pytest.mark.parametrize("is_limit", [False, True])
async def test_heat_ends_a_step_or_trips_the_run_as_the_recipe_says(rig: Rig, store: Store, is_limit: bool) -> None:
    """Above 65 degC at the thermometer the step is over and the run goes on; above the limit it is tripped."""
    limits = "limits: {temperature: {high: 65 degC}}\nsteps:\n" if is_limit else "steps:\n"
    steps = limits + (_CHARGE.replace(", temperature_above: 65 degC", "") if is_limit else _CHARGE) + _LAST
    beside = Beside(lambda: 24.0, OUTSIDE)
    async with warm_rack(rig, store, beside) as rack:
        run = rack.service.submit(order(steps, OUTSIDE), "ada")
        await until(lambda: run.state.is_live and run.last is not None, 600.0)
        beside.read_degc = lambda: 66.0
        await until(lambda: run.state in {RunState.TRIPPED, RunState.COMPLETED}, 3000.0, 10.0)
        charge = store.steps(store.tests(run.run_id)[0].id)[-1]
        assert charge.duration_s < 600.0
        if is_limit:
            assert run.state is RunState.TRIPPED
            assert run.reason.startswith("temperature limit exceeded: temperature 66.0 degC, above 65 degC")
        else:
            assert run.state is RunState.COMPLETED, run.reason
            assert len(store.tests(run.run_id)) == 2


async def test_no_reading_ends_no_step_and_is_told_once(rig: Rig, store: Store) -> None:
    """A thermometer that is broken ends nothing: the step goes on to its own end, with one warning."""
    beside = Beside(lambda: 24.0, OUTSIDE)
    async with warm_rack(rig, store, beside) as rack:
        run = rack.service.submit(order("steps:\n" + _CHARGE + _LAST, OUTSIDE), "ada")
        await until(lambda: run.state.is_live and run.last is not None, 600.0)
        beside.read_degc = lambda: None
        await until(lambda: run.state.is_over, 3000.0, 10.0)
        assert run.state is RunState.COMPLETED, run.reason
        assert not told(store, run, EventKind.HOST_END)
        assert [it["measure"] for it in told(store, run, EventKind.CONDITION_UNKNOWN)] == ["temperature_degc"]


async def test_channel_without_a_thermometer_is_refused_before_anything_runs(rig: Rig, store: Store) -> None:
    """Neither an end nor a limit by temperature is taken where nothing measures it; the check says what to do."""
    async with warm_rack(rig, store) as rack:
        plain = _CHARGE.replace(", temperature_above: 65 degC", "")
        for steps in ("steps:\n" + _CHARGE, "limits: {temperature: {high: 65 degC}}\nsteps:\n" + plain):
            found = rack.service.ovens.check(order(steps, OUTSIDE))
            assert (found.check, found.outcome) == (CheckName.OVEN, Outcome.FAIL)
            with pytest.raises(CommandRefused, match=f"no oven or thermometer of the bench file is at {OUTSIDE}"):
                rack.service.submit(order(steps, OUTSIDE), "ada")
        assert rack.service.ovens.check(order("steps:\n" + _CHARGE)).outcome is not Outcome.FAIL
        assert rack.service.ovens.measures_at(CHANNEL)
        assert OVEN


def test_end_by_temperature_leaves_the_other_ends_as_bounds() -> None:
    """The proof counts such a step as one that may be shorter, with the time and charge of its own ends as the most."""
    with_it, without = (
        program("steps:\n" + _CHARGE),
        program("steps:\n" + _CHARGE.replace(", temperature_above: 65 degC", "")),
    )
    shorter, whole = prove(with_it), prove(without)
    assert isinstance(shorter, Proof)
    assert isinstance(whole, Proof)
    assert (shorter.longest_s, shorter.charge_ah) == (whole.longest_s, whole.charge_ah)
    assert shorter.net_charge_ah[0] == 0.0
    assert "temperature" not in without.to_json()


def test_export_says_that_ends_and_limits_by_temperature_are_left_out() -> None:
    """No format has them: each is named."""
    made = recipe("limits: {temperature: {low: 5 degC, high: 80 degC}}\nsteps:\n" + _CHARGE)
    notes = [str(note) for note in export_recipe(made, load_cell("bare-li-li"), OURS["neware-xml"], 1.7e9).lost]
    assert any("temperature above 65 degC" in note for note in notes)
    assert any("temperature above 80 degC or below 5 degC" in note for note in notes)


_END = "temperature_above: 65 degC"
SLIPS = {
    "alone": ("time: 20 min, voltage: 0.5 V, ", "", "an end by temperature alone"),
    "no unit": (_END, "temperature_above: 65", "degC"),
    "kelvin": (_END, "temperature_above: 338 K", "degC"),
    "words": (_END, "temperature: above 65 degC", "temperature_above"),
    "one side of the other": (_END, "temperature_above: 65 degC, temperature_below: 70 degC", "between them"),
    "at its temperature": ("steps:", "temperature: 70 degC\nsteps:", "would end as it begins"),
    "beyond the limit": ("steps:", "limits: {temperature: {high: 60 degC}}\nsteps:", "where the run trips first"),
    "a limit below what is set": (
        "steps:",
        "temperature: 60 degC\nlimits: {temperature: {high: 55 degC}}\nsteps:",
        "limits around",
    ),
    "a limit of nothing": ("steps:", "limits: {temperature: {}}\nsteps:", "low, high or both"),
    "a limit upside down": ("steps:", "limits: {temperature: {low: 80 degC, high: 5 degC}}\nsteps:", "a low end below"),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slip_with_a_temperature_is_told_with_what_to_write(name: str) -> None:
    """A technician reads what was seen and what to write in its place."""
    meant, typed, word = SLIPS[name]
    steps = "steps:\n" + _CHARGE
    assert meant in steps
    with pytest.raises(RecipeError) as refused:
        recipe(steps.replace(meant, typed, 1))
    assert word in str(refused.value), str(refused.value)
