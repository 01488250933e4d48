"""The time left of a stored run and its end, by its newest record: what a service says of it while it goes on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from drivers.interfaces import EndReason
from orchestrator.clock.iso_time import iso_utc
from orchestrator.judging.time_left import StepTimes, soaks_s
from orchestrator.states import EndBasis
from orchestrator.tables.run_data import RunData
from orchestrator.tables.run_steps import RunTest
from protocols.half_cycles import CycleNumbers
from protocols.program import MeasurementSegment


def time_ahead(data: RunData) -> dict[str, Any] | None:
    """Return the time left at the newest record, the end to be expected, what both rest on, and when that record was.

    None for a run that has ended. Times are None where nothing tells them; the end also of a run that stands still.
    """
    if data.run.state.has_ended:
        return None
    state, at_unix_s = data.run.state, _reached_unix_s(data, data.tests[-1]) if data.tests else None
    times = _step_times(data)
    left_s = times.left_s(*_begun(data))
    if left_s is not None and data.tests:
        left_s += soaks_s(data.program, data.tests[-1].row.segment + 1)
    reached = data.tests[-1].row.segment if data.tests else 0
    goes_on = left_s is not None and at_unix_s is not None and (state.is_live or state.has_its_channel)
    end_unix_s = at_unix_s + left_s if goes_on and at_unix_s is not None and left_s is not None else None
    return {
        "time_left_s": left_s,
        "expected_end_unix_s": end_unix_s,
        "expected_end": None if end_unix_s is None else iso_utc(end_unix_s),
        "end_known_by": (EndBasis.UNKNOWN if left_s is None else times.basis(reached)).value,
        "at_unix_s": at_unix_s,
    }


def _step_times(data: RunData) -> StepTimes:
    """Return the durations of what the run has finished: steps, and visits to the potentiostat."""
    times = StepTimes(data.as_run)
    for step in data.steps:
        if not step.place.is_repeated_check:
            times.feed(step.place.count, step.executed)
    for before, test in pairwise(data.tests):
        if test.row.is_measurement:
            times.visited(test.row.segment, _reached_unix_s(data, test) - _reached_unix_s(data, before))
    return times


def _begun(data: RunData) -> tuple[int, float]:
    """Return how many steps of the program have begun, and for how long (s) the last of them has gone on."""
    begun, step_time_s = 0, 0.0
    if (step := data.newest_step) is not None:
        begun, step_time_s = step.place.count, step.earlier.step_time_s + step.executed.duration_s
        if step.is_over and step.executed.end_reason is not EndReason.EXTERNAL:
            begun, step_time_s = begun + 1, 0.0
    if data.tests and (newest := data.tests[-1].row).is_measurement:
        begun, step_time_s = CycleNumbers.of(data.as_run).steps_before(newest.segment + 1) + 1, 0.0
    return begun, step_time_s


def _reached_unix_s(data: RunData, test: RunTest) -> float:
    """Return when a test made its last record, by this machine's clock; a measurement, when it was to be over."""
    part = data.program.segments[test.row.segment]
    if isinstance(part, MeasurementSegment):
        return test.row.started_unix_s + part.technique.expected_s
    return test.row.started_unix_s + (test.last.time_s if test.last else 0.0)
