"""Phases: steps with limits of their own, in segments of their own, inside what the cell must never see."""

from __future__ import annotations

import pytest

from protocols import CyclingSegment, Program, RecipeError, VoltageBand, load_cell, parse_recipe, resolve
from protocols.program import MeasurementSegment

_HEAD = "name: mine\ntitle: Mine\nfor: [{kind}]\nrecord: {{every: 30 s}}\n{more}steps:\n"
_PHASE = "- step: phase\n  limits: {{host: {{low: {0} V, high: {1} V}}}}\n  steps:\n"


def _cc(direction: str, volts: float) -> str:
    return f"{{step: constant_current, direction: {direction}, current: C/5, until: {{voltage: {volts} V}}}}"


def _program(steps: str, more: str = "") -> Program:
    return resolve(parse_recipe(_HEAD.format(kind="lfp", more=more) + steps), load_cell("bare-lfp"))


def _told(steps: str) -> str:
    with pytest.raises(RecipeError) as refused:
        _program(steps)
    return str(refused.value)


def test_phase_is_a_segment_with_its_own_limits_and_no_second_look_at_the_contact() -> None:
    """The steps around it have the recipe's, what the cell must never see is the same everywhere."""
    inside = f"  - {_cc('charge', 3.6)}\n  - {_cc('discharge', 3.0)}\n"
    around = f"- {_cc('charge', 3.5)}\n- {_cc('discharge', 2.95)}\n"
    program = _program(around + _PHASE.format(2.9, 3.7) + inside + around, "check_block: true\n" + _WINDOW)
    assert [segment.limits.host for segment in program.cycling] == [
        VoltageBand(2.7, 4.1),
        VoltageBand(2.9, 3.7),
        VoltageBand(2.7, 4.1),
    ]
    assert {segment.limits.tester for segment in program.cycling} == {VoltageBand(2.5, 4.2)}
    assert {segment.limits.absolute for segment in program.cycling} == {VoltageBand(2.0, 4.3)}
    assert [len(segment.steps) for segment in program.cycling] == [4, 2, 2]
    # Where the run is resumed in the phase, the contact is checked inside its limits.
    ends = [step.until.voltage_v for step in program.cycling[1].checks_on_resume if hasattr(step, "until")]
    assert all(volts is not None and 2.9 < volts < 3.7 for volts in ends)


_WINDOW = "guards: {resistance: {low: 1 ohm, high: 5000 ohm}}\n"


def test_phase_is_its_steps_with_these_limits_written_by_hand() -> None:
    """A loop inside has them as a whole, and stays a loop of the tester."""
    loop = f"{{step: repeat, times: 50, steps: [{_cc('charge', 3.6)}, {_cc('discharge', 3.0)}]"
    limits = "limits: {host: {low: 2.9 V, high: 3.7 V}}"
    by_phase = _program(f"- {_cc('charge', 3.5)}\n{_PHASE.format(2.9, 3.7)}  - {loop}}}\n")
    by_hand = _program(f"- {_cc('charge', 3.5)}\n- {loop}, {limits}}}\n")
    assert by_phase == by_hand
    assert [step.kind for step in by_hand.cycling[1].steps] == ["constant_current", "constant_current", "loop"]


def test_measurement_in_a_phase_stays_inside_its_limits() -> None:
    """The potentiostat's window is that of the phase."""
    eis = "  - {step: eis, bias: 3.5 V}\n"
    program = _program(f"- {_cc('charge', 3.5)}\n{_PHASE.format(3.0, 3.6)}{eis}")
    (measured,) = (one for one in program.segments if isinstance(one, MeasurementSegment))
    assert measured.window == VoltageBand(3.0, 3.6)
    assert isinstance(program.segments[0], CyclingSegment)


def test_cell_of_a_first_phase_begins_inside_its_limits() -> None:
    """Beyond them the run would be stopped at its first records."""
    program = _program(f"{_PHASE.format(2.9, 3.4)}  - {_cc('charge', 3.3)}\n- {_cc('charge', 4.0)}\n")
    window = program.cycling[0].guards.open_circuit
    assert window is not None
    assert (window.low_v, window.high_v) == (2.9, 3.4)


@pytest.mark.parametrize(
    ("low", "high", "volts", "told"),
    [
        (2.9, 3.5, 3.6, "steps[1].steps[1].until.voltage: saw 3.6 V; expected a voltage inside the host limits of its"),
        (2.9, 4.25, 3.6, "saw host limits 2.9 to 4.25 V inside tester limits 2.5 to 4.2 V; expected tester limits of"),
        (3.7, 2.9, 3.6, "3.7 to 2.9 V; expected a low end below the high end"),
    ],
)
def test_limits_of_a_phase_that_do_not_fit_are_told(low: float, high: float, volts: float, told: str) -> None:
    """Targets lie inside them, they lie inside the tester's."""
    assert told in _told(f"{_PHASE.format(low, high)}  - {_cc('charge', volts)}\n")


def test_cell_that_comes_to_a_phase_beyond_its_limits_is_told() -> None:
    """It would be stopped at its first record; so would one that leaves a phase of wider limits."""
    there = f"- {_cc('charge', 4.0)}\n{_PHASE.format(2.9, 3.7)}  - {_cc('discharge', 3.0)}\n"
    told = _told(there)
    assert "saw host limits 2.9 to 3.7 V behind a step to 4.0 V; expected a cell that comes inside these" in told
    assert ":10: steps[2].steps[1]: " in told
    wide = "- step: phase\n  limits: {host: {low: 2.7 V, high: 4.15 V}}\n  steps:\n"
    assert "host limits 2.7 to 4.1 V behind a step to 4.12 V" in _told(
        f"{wide}  - {_cc('charge', 4.12)}\n- {_cc('discharge', 3.0)}\n"
    )


def test_absolute_limits_and_empty_ones_are_none_of_a_phase() -> None:
    """What the cell must never see is the whole recipe's to say."""
    absolute = (
        "- step: phase\n  limits: {absolute: {low: 1 V, high: 5 V}}\n  steps: [{step: rest, until: {time: 1 h}}]\n"
    )
    assert "limits.absolute: saw the unknown key 'absolute'" in _told(absolute)
    assert "saw no limits; expected host, tester or both" in _told(
        absolute.replace("{absolute: {low: 1 V, high: 5 V}}", "{}")
    )
