"""Executed steps of a full cell, and what a watch for an open circuit finds in them."""

from __future__ import annotations

from dataclasses import replace

from drivers.interfaces import EndReason
from orchestrator.judging.limits import Action, Finding
from orchestrator.judging.open_circuit import OpenCircuitWatch, Passage, passage
from orchestrator.judging.steps import ExecutedStep
from protocols.current_sign import Direction
from protocols.program import (
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Guards,
    Limits,
    PoweredStep,
    Record,
    Until,
    VoltageBand,
)
from tests.executed import executed_step

A = 1e-3
LIMITS = Limits(VoltageBand(2.5, 4.5), VoltageBand(2.4, 4.6), VoltageBand(2.0, 5.0), 1.0, 1.0, 1.0)
UP, DOWN = ConstantCurrent(A, Until(3600.0, 4.0)), ConstantCurrent(-A, Until(3600.0, 3.0))
HELD_UP = ConstantVoltage(Direction.CHARGE, 4.0, Until(3600.0, current_a=A / 20), A)
HELD_DOWN = ConstantVoltage(Direction.DISCHARGE, 3.0, Until(3600.0, current_a=A / 20), A)
GUARDS = Guards()
SEGMENT = CyclingSegment((UP, DOWN), Record(30.0), LIMITS)
IN_A_ROW = GUARDS.early_cutoff_in_a_row


def ran(
    lasts_s: float,
    why: EndReason = EndReason.VOLTAGE,
    *,
    mean_a: float = A,
    mean_v: float | None = 3.5,
    ohm: float | None = None,
) -> ExecutedStep:
    """Give an executed step of cycle 7 with this mean current."""
    return executed_step(1, lasts_s, why, mean_a, mean_v, ohm, cycle=7)


def shows(step: PoweredStep, executed: ExecutedStep, guards: Guards = GUARDS) -> Passage | None:
    """Give what a step shows."""
    return passage(step, executed, guards, LIMITS)


WHOLE_UP = (UP, ran(3600.0, EndReason.TIME, mean_v=3.6))
WHOLE_DOWN = (DOWN, ran(3600.0, EndReason.TIME, mean_v=3.4))
GONE_UP, GONE_DOWN = (UP, ran(0.1, mean_a=0.0)), (DOWN, ran(0.1, mean_a=0.0))
ONCE_UP, ONCE_DOWN = (UP, ran(0.1)), (DOWN, ran(0.1))
IDLE_UP, IDLE_DOWN = (HELD_UP, ran(1.0, EndReason.CURRENT)), (HELD_DOWN, ran(1.0, EndReason.CURRENT))


def fed(
    *rows: tuple[PoweredStep, ExecutedStep], watch: OpenCircuitWatch | None = None, segment: CyclingSegment = SEGMENT
) -> list[Finding]:
    """Give what a watch finds in steps in a row."""
    one = watch or OpenCircuitWatch()
    return [finding for step, executed in rows for finding in one.feed(step, executed, segment)]


def actions(*rows: tuple[PoweredStep, ExecutedStep], segment: CyclingSegment = SEGMENT) -> list[Action]:
    """Give the actions that steps in a row ask for."""
    return [finding.action for finding in fed(*rows, segment=segment)]


def in_a_row(number: int) -> CyclingSegment:
    """Give the segment with another number of steps in a row."""
    return replace(SEGMENT, guards=replace(GUARDS, early_cutoff_in_a_row=number))
