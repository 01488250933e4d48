"""Makes executed steps out of what a test says of them: how long, which current, which voltage, why they ended."""

from __future__ import annotations

from drivers.interfaces import EndReason
from orchestrator.judging.steps import ExecutedStep


def executed_step(
    step: int,
    lasts_s: float,
    why: EndReason,
    mean_a: float,
    mean_v: float | None,
    ohm: float | None,
    *,
    count: int | None = None,
    cycle: int = 1,
    start_s: float = 100.0,
) -> ExecutedStep:
    """Give an executed step with the charge of its mean current; it is the ``count``-th, by default its own number."""
    number = step if count is None else count
    charge_ah = mean_a * lasts_s / 3600
    return ExecutedStep(
        number, step, cycle, "cc", start_s, lasts_s, charge_ah, 0.0, mean_v, ohm, why, number, number, cycle
    )
