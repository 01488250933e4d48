"""DC resistance of a cell at each change of its current, a stated delay after it.

R = (V(delay) - V(before)) / (I(delay) - I(before)). It holds everything that answers within the delay: after a
millisecond electrolyte and contacts, after a second charge transfer too, after ten some diffusion. A resistance without
its delay says nothing, and two of different delays are not compared (IEC 62660-1 takes 10 s, ISO 12405-4 0.1 to 18 s).

V(before) is the voltage to which the records of the step's predecessor lead at its end: the straight line through those
of its last tenth, at most ``BEFORE_S``, three at least, else the last record. V(delay) is a parabola over the logarithm
of time through the records from two thirds of the delay to 1.5 times, five at least, else the straight line over it
between the two records around the delay, if both lie within a factor of two; or one that is within 5 % of it. Where
there is none, no resistance is made up, and neither is one where the voltage before was moving: by more than
``MOST_DRIFT`` of the change within the delay, as at the end of a charge, where the cell's own voltage runs away.
``error_ohm`` is the standard error that the scatter of the records leaves,
None where too few tell it; between two records it is the most by which a voltage can be off that moves one way.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, hypot, log

import numpy as np

from orchestrator.analysis.sample_blocks import AT_REST, Floats, SampleBlock, StepSamples, Table, WholeSteps

DELAY_S = 10.0
BEFORE_S = 30.0
"""Longest part of the step before a change of current whose records tell the voltage before it."""
MOST_DRIFT = 0.05
"""How far the voltage before may move within the delay, as a part of its change."""
LEAST_CHANGE = 0.05
"""Least change of current, as a part of the larger of both, that tells a resistance."""

_WINDOW = log(1.5)
_AROUND = log(2.0)
_AT = 0.05
_FEWEST_FITTED = 5
_FEWEST_BEFORE = 3


@dataclass(frozen=True, slots=True)
class ResistanceRow:
    """The resistance at one change of current; ``start_s`` is when it changed, in run time.

    ``step_count`` is the step that began then. ``resistance_ohm`` is None where no record tells it: see ``remark``.
    """

    cycle: int
    step_count: int
    start_s: float
    before_a: float
    after_a: float
    delay_s: float
    before_v: float | None
    after_v: float | None
    resistance_ohm: float | None
    error_ohm: float | None
    remark: str


@dataclass(frozen=True, slots=True)
class _Level:
    """A voltage with its standard error, None where it is not known, the current at it, and how it was moving."""

    voltage_v: float
    error_v: float | None
    current_a: float
    v_per_s: float = 0.0


class StepResistances:
    """Finds the resistance at each change of current of a run, incrementally. Raises ValueError for a wrong delay."""

    def __init__(self, delay_s: float = DELAY_S) -> None:
        if not delay_s > 0:
            raise ValueError(f"a delay of {delay_s:g} s: say a positive one")
        self._delay_s = delay_s
        self._whole = WholeSteps()
        self._before: tuple[StepSamples, _Level] | None = None
        self._rows: list[ResistanceRow] = []

    def feed(self, table: Table) -> None:
        """Add records in order. Raises NoSuchTable (``orchestrator.analysis.sample_blocks``)."""
        for block in self._whole.blocks(table):
            self.feed_block(block)

    def feed_block(self, block: SampleBlock) -> None:
        """Add the steps of a block, which are over."""
        for step in block.steps():
            if (row := self._row(step)) is not None:
                self._rows.append(row)
            last = _before(step)
            self._before = None if last is None else (step, last)

    def rows(self) -> list[ResistanceRow]:
        """Return the rows so far, also of the step that still runs if the delay is over."""
        running = self._whole.running
        more = [self._row(step) for step in running.steps()] if running is not None else []
        rows = self._rows + [row for row in more if row is not None]
        # What leaks at rest changes too, and tells nothing.
        least_a = AT_REST * max((max(abs(row.before_a), abs(row.after_a)) for row in rows), default=0.0)
        return [row for row in rows if abs(row.after_a - row.before_a) > least_a]

    def _row(self, step: StepSamples) -> ResistanceRow | None:
        if self._before is None or step.duration_s < self._delay_s or step.holds_voltage:
            # The change of a held voltage is not the cell's answer.
            return None
        earlier, before = self._before
        if earlier.test != step.test:
            return None
        after, why = _after(step, self._delay_s)
        current_a = step.mean_current_a if after is None else after.current_a
        change_a = current_a - before.current_a
        if abs(change_a) <= LEAST_CHANGE * max(abs(current_a), abs(before.current_a)):
            return None
        moved_v = abs(before.v_per_s) * self._delay_s
        if after is not None and moved_v > MOST_DRIFT * abs(after.voltage_v - before.voltage_v):
            after, why = None, f"the voltage before was moving, by {moved_v * 1e3:.3g} mV in {self._delay_s:.4g} s"
        error_v = None if after is None or after.error_v is None else hypot(before.error_v or 0.0, after.error_v)
        return ResistanceRow(
            cycle=step.cycle,
            step_count=step.step_count,
            start_s=step.start_s,
            before_a=before.current_a,
            after_a=current_a,
            delay_s=self._delay_s,
            before_v=before.voltage_v,
            after_v=None if after is None else after.voltage_v,
            resistance_ohm=None if after is None else (after.voltage_v - before.voltage_v) / change_a,
            error_ohm=None if error_v is None else error_v / abs(change_a),
            remark=why,
        )


def step_resistances(table: Table, delay_s: float = DELAY_S) -> list[ResistanceRow]:
    """Return the resistance at each change of current of a table."""
    found = StepResistances(delay_s)
    found.feed(table)
    return found.rows()


def _before(step: StepSamples) -> _Level | None:
    """Return the voltage to which a step's records lead at its end."""
    good = ~np.isnan(step.voltage_v + step.current_a)
    times, volts, amperes = step.step_time_s[good], step.voltage_v[good], step.current_a[good]
    if not len(volts):
        return None
    late = times >= times[-1] - min(0.1 * times[-1], BEFORE_S)
    if int(late.sum()) < _FEWEST_BEFORE or not times[late][-1] > times[late][0]:
        moving = float(volts[-1] - volts[-2]) / float(times[-1] - times[-2]) if _rises(times) else 0.0
        return _Level(float(volts[-1]), None, float(amperes[-1]), moving)
    value, error, moving = _fitted(times[late] - times[-1], volts[late], 1)
    return _Level(value, error, float(np.median(amperes[late])), moving)


def _rises(times: Floats) -> bool:
    return len(times) > 1 and bool(times[-1] > times[-2])


def _after(step: StepSamples, delay_s: float) -> tuple[_Level | None, str]:
    """Return the voltage a delay after a step's beginning, or why it is not known."""
    good = ~np.isnan(step.voltage_v + step.current_a) & (step.step_time_s > 0)
    if not good.any():
        return None, "no record with voltage and current in the step"
    away = np.log(step.step_time_s[good] / delay_s)
    volts, amperes = step.voltage_v[good], step.current_a[good]
    near = np.abs(away) <= _WINDOW
    if int(near.sum()) >= _FEWEST_FITTED and (away[near] < 0).any() and (away[near] > 0).any():
        return _Level(*_fitted(away[near], volts[near], 2)[:2], float(np.median(amperes[near]))), ""
    nearest = int(np.abs(away).argmin())
    if abs(away[nearest]) <= _AT:
        return _Level(float(volts[nearest]), None, float(amperes[nearest])), ""
    behind = int(np.searchsorted(away, 0.0))
    if 0 < behind < len(away) and -away[behind - 1] <= _AROUND and away[behind] <= _AROUND:
        share = -away[behind - 1] / (away[behind] - away[behind - 1])
        pair = volts[behind - 1 : behind + 1]
        error_v = max(share, 1 - share) * abs(float(pair[1] - pair[0]))
        return _Level(float(pair[0] + share * (pair[1] - pair[0])), error_v, float(amperes[behind])), ""
    at_s = delay_s * exp(float(away[nearest]))
    return None, f"no record near {delay_s:.4g} s after the change; the nearest is at {at_s:.4g} s"


def _fitted(x: Floats, y: Floats, degree: int) -> tuple[float, float | None, float]:
    """Return value, standard error (None without points to spare) and slope of a fitted polynomial at 0."""
    powers = np.vander(x, degree + 1, increasing=True)
    # Scaled, so that seconds and their squares weigh alike.
    scale = np.abs(powers).max(axis=0)
    scale[scale == 0] = 1.0
    found, _, rank, _ = np.linalg.lstsq(powers / scale, y, rcond=None)
    spare = len(y) - rank
    if spare < 1:
        return float(found[0]), None, float(found[1] / scale[1])
    left = y - powers / scale @ found
    covariance = np.linalg.pinv((powers / scale).T @ (powers / scale)) * float(left @ left) / spare
    return float(found[0]), float(np.sqrt(covariance[0, 0])), float(found[1] / scale[1])
