"""Steps answer for themselves: what each kind says, and that nobody asks for the kind instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    Ceiling,
    ConstantCurrent,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    PoweredStep,
    RecordedStep,
    Rest,
    Until,
)
from protocols.program_steps import longest, with_ends
from protocols.recipe_steps import PoweredRecipeStep
from protocols.techniques import CyclicVoltammetry, Impedance, Technique

_ROOT = Path(__file__).resolve().parent.parent
_KINDS = {kind.__name__ for kind in (*get_args(PoweredStep), *get_args(PoweredRecipeStep))}
_ENDS = Until(time_s=60.0)
_AT = Ceiling(low_v=2.0, high_v=4.0)

# Each with direction, target_v, constant_a, largest_a, sets_current, holds_voltage.
_ANSWERS: list[tuple[RecordedStep, tuple[object, ...]]] = [
    (Rest(_ENDS), (None, None, 0.0, 0.0, False, False)),
    (ConstantCurrent(0.1, _ENDS), (Direction.CHARGE, None, 0.1, 0.1, True, False)),
    (ConstantCurrent(-0.1, Until(voltage_v=0.0)), (Direction.DISCHARGE, 0.0, -0.1, 0.1, True, False)),
    (ConstantVoltage(Direction.CHARGE, 4.0, _ENDS), (Direction.CHARGE, 4.0, None, None, False, True)),
    (ConstantVoltage(Direction.DISCHARGE, 3.0, _ENDS, 0.2), (Direction.DISCHARGE, 3.0, None, 0.2, False, True)),
    (CcCv(-0.1, 3.0, _ENDS), (Direction.DISCHARGE, 3.0, None, 0.1, True, True)),
    (ConstantPower(Direction.CHARGE, 0.1, _ENDS, _AT), (Direction.CHARGE, None, None, 0.05, False, False)),
    (
        ConstantPower(Direction.DISCHARGE, 0.1, Until(voltage_v=2.0)),
        (Direction.DISCHARGE, 2.0, None, None, False, False),
    ),
    (ConstantResistance(100.0, Until(voltage_v=2.0), _AT), (Direction.DISCHARGE, 2.0, None, 0.04, False, False)),
]


@pytest.mark.parametrize(("step", "answers"), _ANSWERS)
def test_step_says_what_it_does(step: RecordedStep, answers: tuple[object, ...]) -> None:
    """Direction, target and currents are the step's own, zero volts and no current told apart from none known."""
    said = (step.direction, step.target_v, step.constant_a, step.largest_a, step.sets_current, step.holds_voltage)
    assert said == answers


@pytest.mark.parametrize("kind", [*get_args(PoweredStep), Rest])
def test_every_kind_has_every_answer(kind: type[RecordedStep]) -> None:
    """A kind without one of the answers would be found by a judge, in the middle of a run."""
    for answer in ("target_v", "constant_a", "largest_a", "least_a", "usual_a", "sets_current", "holds_voltage"):
        assert hasattr(kind, answer)
    assert hasattr(kind, "power_w")
    assert hasattr(kind, "resistance_ohm")
    for answer in ("direction", "until", "ceiling", "record", "purpose", "kind"):
        assert answer in kind.__slots__ or hasattr(kind, answer)


def test_step_ends_at_the_nearer_of_its_end_and_its_ceiling() -> None:
    """What is longer never acts; without a bound it is infinite."""
    until, ceiling = Until(time_s=50.0, voltage_v=1.0), Ceiling(time_s=40.0, capacity_ah=2.0)
    assert longest(ConstantCurrent(0.1, until, ceiling)) == (40.0, 2.0)
    assert longest(Rest(until)) == (50.0, float("inf"))


def test_rest_takes_new_ends_and_no_ceiling() -> None:
    """A step's ends are changed without a look at its kind."""
    assert with_ends(Rest(_ENDS), Until(time_s=5.0), Ceiling(time_s=9.0)) == Rest(Until(time_s=5.0))
    changed = with_ends(CcCv(0.1, 3.0, _ENDS), Until(time_s=5.0), Ceiling(time_s=9.0))
    assert changed == CcCv(0.1, 3.0, Until(time_s=5.0), Ceiling(time_s=9.0))


def test_technique_says_how_long_it_takes() -> None:
    """A spectrum takes twice the 5.7 periods of its lowest frequency, a sweep its span over its rate, and overheads."""
    assert Impedance(low_hz=0.1, quiet_s=2.0).expected_s == pytest.approx(2.0 + 114.0 + 60.0)
    assert CyclicVoltammetry(0.0, 1.0, -1.0, 0.01, sweeps=2).expected_s == pytest.approx(400.0 + 10.0)
    assert all(hasattr(kind, "expected_s") for kind in get_args(get_args(Technique)[0]))


def _asked_kinds(path: Path) -> Iterator[str]:
    """Give the kinds of powered steps that a module asks for by ``isinstance``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            yield from (name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name) and name.id in _KINDS)


def test_nobody_asks_for_the_kind_of_a_powered_step() -> None:
    """A new kind needs a change where bytes are written and read, and in no judge, forecast or check."""
    modules = [path for package in ("protocols", "drivers", "orchestrator") for path in (_ROOT / package).rglob("*.py")]
    asking = {str(path.relative_to(_ROOT)): sorted(_asked_kinds(path)) for path in modules}
    # The contract suite runs a program of its own, which is made of constant currents; an export writes sentences in
    # another program's words, which a step cannot know.
    may_ask = {
        str(Path("drivers", "testing", "battery_tester.py")),
        str(Path("orchestrator", "export", "pyprobe_readme.py")),
    }
    assert {name for name, kinds in asking.items() if kinds} <= may_ask
