"""Makes the update of a run for listeners and clients: its position, the time left and the end to be expected.

The time left follows from the position in the program and from the durations of the run's own steps
(``orchestrator.judging.time_left``), so that a restart finds it again from the store. A step's estimate is made anew
when the step changes; a poll only subtracts what has passed of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan

from drivers.interfaces import Sample
from orchestrator.clock.virtual import wall_time
from orchestrator.events import RunUpdate
from orchestrator.judging.time_left import soaks_s
from orchestrator.runs.progress import Progress
from orchestrator.runs.request import RunRequest
from orchestrator.states import EndBasis, RunStatus
from protocols.forecast import Forecast


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: its progress, the last sample of its present test, run time before that test, samples stored.

    ``step_name``: of that sample's step, or of the measurement that is due.
    """

    progress: Progress
    last: Sample | None
    before_s: float
    samples: int
    step_name: str

    @property
    def time_s(self) -> float:
        """The run time at the last sample."""
        return self.before_s + (self.last.time_s if self.last else 0.0)


def update_of(run_id: str, request: RunRequest, status: RunStatus, place: Place, ahead: Forecast) -> RunUpdate:
    """Return a run's state and position as an update."""
    last = place.last
    left_s, end_unix_s = _time_left(status, place, wall_time())
    return RunUpdate(
        run_id=run_id,
        label=request.label,
        channel=request.channel,
        state=status.state,
        reason=status.reason,
        time_s=place.time_s,
        planned_s=ahead.planned_duration_s,
        cycle=place.progress.cycle(last),
        # A listener's JSON has no NaN.
        voltage_v=None if last is None or isnan(last.voltage_v) else last.voltage_v,
        samples=place.samples,
        simulated=request.simulated,
        step_name=place.step_name,
        time_left_s=left_s,
        expected_end_unix_s=end_unix_s,
        end_known_by=EndBasis.UNKNOWN if left_s is None else place.progress.times.basis(place.progress.index),
    )


def _time_left(status: RunStatus, place: Place, now_unix_s: float) -> tuple[float | None, float | None]:
    """Return the seconds for which a run still works, and when it then ends (unix); None where that is not known.

    Of a run that goes on, the time since its last record counts: out of sight, it works on in the tester. While its
    oven soaks before a segment, that wait is added, and nothing of the segment passes.
    """
    progress, state = place.progress, status.state
    if state.has_ended:
        return None, None
    begun, step_time_s = progress.begun(place.last)
    goes_on = state.is_live or state.has_its_channel
    since_s = max(0.0, now_unix_s - progress.reached_unix_s(place.last)) if state.is_live else 0.0
    soak_s = 0.0
    if status.soak is not None and status.soak.segment == progress.index and progress.tested is None:
        soak_s = status.soak.left_s
        since_s = since_s if soak_s == 0.0 else 0.0
    if progress.measurement is not None:
        # Late, it ends at any moment; what follows takes no less for that.
        step_time_s, since_s = since_s, 0.0
    left_s = progress.times.left_s(begun, step_time_s)
    if left_s is None:
        return None, None
    left_s = max(0.0, left_s - since_s) + soak_s + soaks_s(progress.program, progress.index + 1)
    if not isfinite(left_s):
        return None, None
    return left_s, now_unix_s + left_s if goes_on else None
