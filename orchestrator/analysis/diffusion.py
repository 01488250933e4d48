"""Chemical diffusion coefficient by galvanostatic intermittent titration (GITT).

A constant current flows for a time tau, then the cell rests until it is in equilibrium, and so on in one direction.
After Weppner and Huggins, J. Electrochem. Soc. 124 (1977) 1569, for one-dimensional diffusion into a layer of thickness
L that takes up what flows through one face:

    D = 4 L^2 / (pi tau^2) * (dE_s / (dE/d sqrt(t)))^2

``dE_s`` is the change of the equilibrium voltage from the rest before to the rest after, ``dE/d sqrt(t)`` the slope of
the voltage under current over the square root of time. So the jump of voltage at the beginning, which is that of
resistances, has no part in it. L is the volume of the active material over the area through which it is fed: the
thickness of a film, a third of the radius of spherical particles. It enters squared: D is as good as L is known.

It holds while the front has not met the other side, tau < ``LONGEST`` L^2 / D (there it is off by 0.4 %), for a
straight piece of the equilibrium curve, and where dE over sqrt(t) is a straight line, which is looked at: ``remark``
says where one of them does not hold. The slope is taken from ``FROM`` of the pulse to its end, behind the charging of
the double layer. ``relative_error`` is what the scatter of the slope, and drift and scatter of the rests leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, pi, sqrt

import numpy as np

from orchestrator.analysis.sample_blocks import Floats, SampleBlock, StepSamples, Table, WholeSteps
from protocols.half_cycles import PULSE_S

FROM = 0.1
"""Part of a pulse that is left out at its beginning."""
LONGEST = 0.25
"""Longest pulse in units of L^2 / D."""
FEWEST_PULSES = 3
"""So many pulses in one direction, each between rests, are a titration: cycles with rests are none."""

_FEWEST_RECORDS = 6
# Slopes of the first and the second half of a pulse that differ by less belong to one straight line.
_STRAIGHT = 0.1
# The last part of a rest in which its drift is seen.
_LATE = 0.1


@dataclass(frozen=True, slots=True)
class TitrationRow:
    """One pulse of a titration and the rests around it; ``diffusion_cm2_s`` is None where it has no meaning."""

    cycle: int
    step_count: int
    start_s: float
    current_a: float
    pulse_s: float
    rest_s: float
    before_v: float
    after_v: float
    slope_v_per_sqrt_s: float
    diffusion_cm2_s: float | None
    relative_error: float | None
    remark: str


@dataclass(frozen=True, slots=True)
class _Pulse:
    cycle: int
    step_count: int
    start_s: float
    current_a: float
    pulse_s: float
    slope: float
    slope_error: float
    is_straight: bool


@dataclass(frozen=True, slots=True)
class _Rest:
    end_v: float
    error_v: float
    duration_s: float


class Titration:
    """Finds the pulses of a titration in a run, incrementally. ``length_cm`` is L. Raises ValueError for a wrong L."""

    def __init__(self, length_cm: float) -> None:
        if not length_cm > 0:
            raise ValueError(f"a diffusion length of {length_cm:g} cm: say a positive one")
        self._length_cm = length_cm
        self._whole = WholeSteps()
        self._largest_a = 0.0
        self._rest: _Rest | None = None
        self._pulse: _Pulse | None = None
        self._pulses: list[list[tuple[_Rest, _Pulse, _Rest]]] = []

    def feed(self, table: Table) -> None:
        """Add records in order. Raises NoSuchTable (``orchestrator.analysis.sample_blocks``)."""
        for block in self._whole.blocks(table):
            self.feed_block(block)

    def feed_block(self, block: SampleBlock) -> None:
        """Add the steps of a block, which are over."""
        for step in block.steps():
            self._feed(step)

    def rows(self) -> list[TitrationRow]:
        """Return the pulses of the titrations so far whose second rest is over."""
        return [self._row(*found) for together in self._pulses if len(together) >= FEWEST_PULSES for found in together]

    def finish(self) -> None:
        """Add the step that still runs: no more records come."""
        if (running := self._whole.running) is not None:
            self.feed_block(running)

    def _feed(self, step: StepSamples) -> None:
        current_a = step.mean_current_a
        self._largest_a = max(self._largest_a, abs(current_a))
        if not step.is_rest(self._largest_a):
            if step.duration_s <= PULSE_S and self._pulse is None:
                return  # a pulse that measures a resistance, within a rest
            self._pulse = None if self._rest is None or self._pulse is not None else _pulse(step, current_a)
            if self._pulse is None:
                self._rest = None
            return
        now = _rest(step)
        if now is None:
            return
        if self._rest is not None and self._pulse is not None:
            self._add((self._rest, self._pulse, now))
        self._rest, self._pulse = now, None

    def _add(self, found: tuple[_Rest, _Pulse, _Rest]) -> None:
        last = self._pulses[-1][-1] if self._pulses else None
        goes_on = last is not None and last[2] is found[0] and last[1].current_a * found[1].current_a > 0
        if goes_on:
            self._pulses[-1].append(found)
        else:
            self._pulses.append([found])

    def _row(self, before: _Rest, pulse: _Pulse, after: _Rest) -> TitrationRow:
        change_v = after.end_v - before.end_v
        diffusion, error, remark = self._diffusion(pulse, change_v, hypot(before.error_v, after.error_v))
        return TitrationRow(
            cycle=pulse.cycle,
            step_count=pulse.step_count,
            start_s=pulse.start_s,
            current_a=pulse.current_a,
            pulse_s=pulse.pulse_s,
            rest_s=after.duration_s,
            before_v=before.end_v,
            after_v=after.end_v,
            slope_v_per_sqrt_s=pulse.slope,
            diffusion_cm2_s=diffusion,
            relative_error=error,
            remark=remark,
        )

    def _diffusion(self, pulse: _Pulse, change_v: float, drift_v: float) -> tuple[float | None, float | None, str]:
        if change_v * pulse.current_a <= 0 or pulse.slope * pulse.current_a <= 0:
            return None, None, "the voltage did not follow the current: a plateau, or a rest that was too short"
        found = 4 * self._length_cm**2 / (pi * pulse.pulse_s**2) * (change_v / pulse.slope) ** 2
        error = 2 * hypot(pulse.slope_error / pulse.slope, drift_v / change_v)
        if error > 1:
            return None, None, f"the rests still drift by {drift_v * 1e3:.2g} mV of {abs(change_v) * 1e3:.2g} mV"
        part = pulse.pulse_s * found / self._length_cm**2
        if part > LONGEST:
            return None, None, f"the pulse is too long: {part:.2g} L^2/D, and the formula holds to {LONGEST:g}"
        return found, error, "" if pulse.is_straight else "the voltage is no straight line over the root of time"


def titration(table: Table, length_cm: float) -> list[TitrationRow]:
    """Return the pulses of a table's titrations; none where there is no titration."""
    found = Titration(length_cm)
    found.feed(table)
    found.finish()
    return found.rows()


def _pulse(step: StepSamples, current_a: float) -> _Pulse | None:
    good = ~np.isnan(step.voltage_v) & (step.step_time_s >= FROM * step.duration_s)
    root, volts = np.sqrt(step.step_time_s[good]), step.voltage_v[good]
    if len(root) < _FEWEST_RECORDS:
        return None
    slope, error = _slope(root, volts)
    half = len(root) // 2
    (first, first_error), (second, second_error) = _slope(root[:half], volts[:half]), _slope(root[half:], volts[half:])
    is_straight = abs(second - first) <= max(_STRAIGHT * abs(slope), 3 * hypot(first_error, second_error))
    return _Pulse(step.cycle, step.step_count, step.start_s, current_a, step.duration_s, slope, error, is_straight)


def _slope(x: Floats, y: Floats) -> tuple[float, float]:
    """Return the slope of a straight line and its standard error."""
    from_x, from_y = x - x.mean(), y - y.mean()
    square = float(from_x @ from_x)
    if square == 0:
        return 0.0, 0.0
    slope = float(from_x @ from_y) / square
    left = from_y - slope * from_x
    return slope, float(np.sqrt(left @ left / max(1, len(x) - 2) / square))


def _rest(step: StepSamples) -> _Rest | None:
    """Return the voltage at which a rest ended: the mean of its last tenth, and by how much it is off.

    That is what it still drifted by since the tenth before, and the standard error of the mean.
    """
    good = ~np.isnan(step.voltage_v)
    times, volts = step.step_time_s[good], step.voltage_v[good]
    if not len(volts):
        return None
    late = volts[times >= (1 - _LATE) * step.duration_s]
    before = volts[(times >= (1 - 2 * _LATE) * step.duration_s) & (times < (1 - _LATE) * step.duration_s)]
    if not len(late) or not len(before):
        return _Rest(float(volts[-1]), 0.0, step.duration_s)
    drift_v = float(late.mean() - before.mean())
    scatter_v = float(late.std(ddof=1)) / sqrt(len(late)) if len(late) > 1 else 0.0
    return _Rest(float(late.mean()), hypot(drift_v, scatter_v), step.duration_s)
