"""The step of a run in words, as a code with the values that it sets, and the resistance of a Li/Li cell in it."""

from __future__ import annotations

from math import isfinite

from drivers.interfaces import Sample
from orchestrator.api.models.rack import Sentence, Values
from orchestrator.runs.run import Run
from protocols.program_steps import Loop, Purpose, RecordedStep

# Kinds of cell whose voltage by their current is a resistance.
_SYMMETRIC = frozenset({"li-li"})
_SET = ("current_a", "voltage_v", "power_w", "resistance_ohm")
_UNTIL = {"time_s": "until_time_s", "voltage_v": "until_voltage_v", "current_a": "until_current_a",
          "capacity_ah": "until_capacity_ah"}  # fmt: skip


def step_of(run: Run, name: str) -> Sentence | None:
    """Return the step that a run does, or the measurement that is due; None before its first record.

    ``name`` is its name in the recipe.
    """
    if (due := run.progress.measurement) is not None:
        return Sentence(code=f"step.{due.technique.kind}", values={"name": name})
    step = present(run)
    if step is None:
        return None if not name else Sentence(code="step.other", values={"name": name})
    values: Values = {"name": name}
    values |= {key: value for key in _SET if isinstance(value := getattr(step, key, None), float)}
    until = getattr(step, "until", None)
    values |= {told: value for key, told in _UNTIL.items() if (value := getattr(until, key, None)) is not None}
    if run.last is not None:
        values["step_time_s"] = run.last.step_time_s
    if step.purpose is Purpose.CHECK:
        return Sentence(code="step.check", values=values)
    way = f".{step.direction.value}" if step.direction is not None else ""
    return Sentence(code=f"step.{step.kind}{way}", values=values)


def present(run: Run) -> RecordedStep | None:
    """Return the step of the newest record of a run's present test; None between two tests, and for a step of none."""
    last, progress = run.last, run.progress
    if last is None or progress.tested is None or progress.is_over or progress.measurement is not None:
        return None
    number = progress.step(last)
    step = progress.whole.steps[number - 1] if 1 <= number <= len(progress.whole.steps) else None
    return None if isinstance(step, Loop) else step


def resistance_ohm(run: Run, last: Sample) -> float | None:
    """Return voltage by current of a Li/Li cell while a constant current passes; None where that is no resistance."""
    step = present(run)
    if run.request.program.cell.kind not in _SYMMETRIC or step is None:
        return None
    if not step.sets_current or step.constant_a is None:
        return None
    if not isfinite(last.voltage_v) or not isfinite(last.current_a) or last.current_a == 0.0:
        return None
    ohm = last.voltage_v / last.current_a
    return ohm if ohm > 0.0 else None
