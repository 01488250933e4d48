"""Compares the forecast of a program with what a run of it did: times, charge, records and each kind of step."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from statistics import mean

from drivers.interfaces import EndReason
from orchestrator.judging.steps import ExecutedStep
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.branches import StepEnd
from protocols.forecast import forecast
from protocols.program import CyclingSegment, Segment
from protocols.step_forecast import StepAhead, steps_ahead

_MEASURED = "its end"


@dataclass(frozen=True, slots=True)
class Compared:
    """A number that was foretold and the one that was measured, in the unit of its name."""

    what: str
    foretold: float
    measured: float

    @property
    def difference(self) -> float | None:
        """The measured number by the foretold one, less 1; None where nothing finite was foretold."""
        return self.measured / self.foretold - 1 if isfinite(self.foretold) and self.foretold else None


@dataclass(frozen=True, slots=True)
class StepCompared:
    """A kind of step with what it did: ``executions``, their mean duration, charge and voltage at the end, and ends.

    Numbers are NaN where it was not executed; ``ends`` are the reasons with their counts, most frequent first.
    """

    ahead: StepAhead
    executions: int
    mean_s: float
    mean_ah: float
    end_v: float
    ends: tuple[tuple[str, int], ...]


def compared(store: Store, run_id: str) -> list[Compared]:
    """Compare the whole of a run with the forecast of its program. Raises StoreError for no such run."""
    data = RunData(store, run_id)
    ahead = forecast(data.program)
    charge_ah = sum(step.executed.capacity_ah for step in data.steps)
    records = sum(store.sample_count(test.row.id) for test in data.tests)
    return [
        Compared("duration_h", ahead.expected_duration_s / 3600, data.elapsed_s / 3600),
        Compared("charge_mah", ahead.charge_ah * 1000, charge_ah * 1000),
        Compared("records", ahead.records, records),
        Compared("cycles", ahead.cycles, len(data.cycles)),
    ]


def steps_compared(store: Store, run_id: str) -> list[StepCompared]:
    """Give each step of a run's program, as ``steps_ahead`` tells it, with what its executions did."""
    data = RunData(store, run_id)
    found: dict[tuple[int, int], list[tuple[float, float, float, str]]] = {}
    ended_s = 0.0
    for test, steps in data.steps_by_test:
        began_s, ended_s = ended_s or data.began_unix_s(test), data.ended_unix_s(test)
        if test.row.is_measurement:
            # One step, whatever it records; the rest before it, which is foretold with it, is in no test.
            found.setdefault((test.row.segment + 1, 0), []).append((ended_s - began_s, 0.0, nan, _MEASURED))
            continue
        for step in steps:
            executed = step.executed
            last = next(iter(store.samples(test.row.id, executed.last_sequence - 1, 1)), None)
            end_v = nan if last is None else last.voltage_v
            ended_by = _ended_by(data.program.segments[test.row.segment], executed)
            did = (executed.duration_s, executed.capacity_ah, end_v, ended_by)
            found.setdefault((test.row.segment + 1, executed.step), []).append(did)
    return [_step(ahead, _of(ahead, found)) for ahead in steps_ahead(data.program)]


def _ended_by(segment: Segment, executed: ExecutedStep) -> str:
    """Name the end of an executed step; one that the host watched for is the host's, and no stranger's."""
    watched = isinstance(segment, CyclingSegment) and segment.host_may_end
    return str(StepEnd.HOST) if watched and executed.end_reason is EndReason.EXTERNAL else executed.end_reason.value


_Did = list[tuple[float, float, float, str]]


def _of(ahead: StepAhead, found: dict[tuple[int, int], _Did]) -> _Did:
    """Give what the executions of a step did: those of its number in all of its tests."""
    tests, _, number = (f"{ahead.where}.0" if ahead.is_measurement else ahead.where).rpartition(".")
    first, _, last = tests.partition("-")
    numbers = range(int(first or 1), int(last or first or 1) + 1)
    return [did for test in numbers for did in found.get((test, int(number)), [])]


def _step(ahead: StepAhead, did: _Did) -> StepCompared:
    if not did:
        return StepCompared(ahead, 0, nan, nan, nan, ())
    reasons = [reason for *_, reason in did]
    counted = sorted({reason: reasons.count(reason) for reason in reasons}.items(), key=lambda pair: -pair[1])
    means = [mean(values) for values in zip(*((s, ah, v) for s, ah, v, _ in did), strict=True)]
    return StepCompared(ahead, len(did), means[0], means[1], means[2], tuple(counted))
