"""The expected result of a measurement: frequencies, rows, seconds, and the time after which it counts as hung.

The frequencies are those that a real CHI660E's files show (reference chi660e, sections 8.1 and 8.2), durations follow
section 8.4: no less than the periods of every frequency, and an overhead for each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch

from drivers.chi660e.macro import single_frequency
from drivers.chi660e.settings import Chi660eSettings
from protocols.current_sign import Direction
from protocols.techniques import (
    CurrentSteps,
    CyclicVoltammetry,
    HeldVoltage,
    Impedance,
    LinearSweep,
    OpenCircuit,
    ReversedCurrent,
    Technique,
    VoltageSteps,
)

_POINTS = 12
# Multiples of a base frequency, one row a decade; the base falls by ten from decade to decade.
_FINE = (1690, 1395, 1152, 951, 785, 648, 535, 441, 364, 301, 248, 205)
_COARSE = (169, 140, 115, 95, 78, 65, 53, 44, 36, 30, 25, 20)
_FT = (99, 83, 68, 56, 47, 38, 32, 26, 22, 18, 15, 12)
_SINGLE_DECADES = ((5, 488.28125, _FINE), (4, 48.828125, _FINE), (3, 4.8828125, _FINE), (2, 4.8828125, _COARSE))
_TOP_AT_100KHZ_HZ = 2040 * 48.828125
# The first frequency of a decade lies up to this far below the power of ten that was asked for.
_EDGE = 10 ** (1 / _POINTS)
# The program rounds numbers; a limit asked for is met within this.
_SLACK = 1.004


def frequencies(technique: Impedance, settings: Chi660eSettings) -> tuple[float, ...]:
    """Return the frequencies expected, from high to low.

    Only 12 a decade is documented; another number (set by hand in the program) gives evenly spaced ones.
    """
    if settings.frequencies_per_decade != _POINTS:
        return _even(technique, settings.frequencies_per_decade)
    if single_frequency(technique, settings):
        whole = _single(technique.high_hz)
    else:
        whole = [n * 976.5625 * 10.0 ** (decade - 4) for decade in range(4, -6, -1) for n in _FT]
    return tuple(f for f in whole if technique.low_hz / _SLACK <= f <= technique.high_hz * _SLACK)


def _single(high_hz: float) -> list[float]:
    result = [base * n for _, base, multiples in _SINGLE_DECADES for n in multiples]
    # Only a sweep that begins at 100 kHz has a point of its own there (73 rows down to 0.1 Hz); one from 1 MHz has
    # 84 rows, twelve for each of seven decades.
    if 1e5 / _SLACK <= high_hz < 1.2e5:
        result = [_TOP_AT_100KHZ_HZ, *(f for f in result if f < 1e5)]
    # From 82.5 Hz down exact powers; those above are the last multiples of the coarse row.
    return result + [10.0 ** (k / _POINTS) for k in range(23, -5 * _POINTS - 1, -1)]


def _even(technique: Impedance, per_decade: int) -> tuple[float, ...]:
    decades = math.log10(technique.high_hz / technique.low_hz)
    count = max(1, math.floor(decades * per_decade + 1e-6)) + 1
    return tuple(technique.high_hz * 10.0 ** (-n / per_decade) for n in range(count))


def widest_ratio(settings: Chi660eSettings) -> float:
    """Return the ratio of two neighbouring frequencies above which one between them is missing."""
    ratio: float = 10.0 ** (1.5 / settings.frequencies_per_decade)
    return ratio


def highest_expected_hz(technique: Impedance, settings: Chi660eSettings) -> float:
    """Return the frequency below which the first row of a spectrum shows that its top was cut off (8.252e5 of 1e6)."""
    edge: float = max(_EDGE, 10.0 ** (1 / settings.frequencies_per_decade))
    return technique.high_hz / edge / 1.01


def lowest_expected_hz(technique: Impedance, settings: Chi660eSettings) -> float:
    """Return the frequency above which the last row of a spectrum shows that its end is missing."""
    return frequencies(technique, settings)[-1] * _SLACK


@dataclass(frozen=True, slots=True)
class Expected:
    """The duration of a complete measurement after its quiet time, and its number of rows."""

    seconds: float
    rows: int
    quiet_s: float = 0.0


@singledispatch
def expected(technique: Technique, settings: Chi660eSettings) -> Expected:
    """Return the time and the rows of a technique carried out in full."""
    raise TypeError(technique)


@expected.register
def _(technique: OpenCircuit, settings: Chi660eSettings) -> Expected:
    return Expected(technique.duration_s, _whole(technique.duration_s / technique.interval_s))


@expected.register
def _(technique: Impedance, settings: Chi660eSettings) -> Expected:
    points = frequencies(technique, settings)
    periods = math.fsum(_cycles(f, settings) / f for f in points)
    return Expected(periods + settings.seconds_per_frequency * len(points), len(points), technique.quiet_s)


@expected.register
def _(technique: CyclicVoltammetry, settings: Chi660eSettings) -> Expected:
    travelled = math.fsum(abs(end - start) for start, end in sweeps(technique))
    seconds = travelled / technique.scan_rate_v_per_s
    return Expected(seconds, _whole(travelled / technique.interval_v), technique.quiet_s)


@expected.register
def _(technique: LinearSweep, settings: Chi660eSettings) -> Expected:
    travelled = abs(technique.final_v - technique.initial_v)
    seconds = travelled / technique.scan_rate_v_per_s
    return Expected(seconds, _whole(travelled / technique.interval_v), technique.quiet_s)


@expected.register
def _(technique: VoltageSteps, settings: Chi660eSettings) -> Expected:
    seconds = technique.steps * technique.pulse_s
    return Expected(seconds, _whole(seconds / technique.interval_s), technique.quiet_s)


@expected.register
def _(technique: HeldVoltage, settings: Chi660eSettings) -> Expected:
    return Expected(technique.duration_s, _whole(technique.duration_s / technique.interval_s), technique.quiet_s)


@expected.register
def _(technique: ReversedCurrent, settings: Chi660eSettings) -> Expected:
    charging = (technique.half_cycles + (technique.first is Direction.CHARGE)) // 2
    discharging = technique.half_cycles - charging
    seconds = charging * technique.charge_s + discharging * technique.discharge_s
    return Expected(seconds, _whole(seconds / technique.interval_s))


@expected.register
def _(technique: CurrentSteps, settings: Chi660eSettings) -> Expected:
    seconds = technique.cycles * math.fsum(step.duration_s for step in technique.steps)
    return Expected(seconds, _whole(seconds / technique.interval_s))


def sweeps(technique: CyclicVoltammetry) -> list[tuple[float, float]]:
    """Return the begin and the end of each sweep; the first goes from the initial voltage to the first vertex."""
    up = technique.first is Direction.CHARGE
    result: list[tuple[float, float]] = []
    here = technique.initial_v
    for _ in range(technique.sweeps):
        there = technique.high_v if up else technique.low_v
        result.append((here, there))
        here, up = there, not up
    return result


def duration_s(technique: Technique, settings: Chi660eSettings) -> float:
    """Return about how long a measurement takes, the start of the program included."""
    plan = expected(technique, settings)
    return settings.expected_start_s + plan.quiet_s + plan.seconds


def deadline_s(technique: Technique, settings: Chi660eSettings) -> float:
    """Return the time in seconds after which a started program counts as hung."""
    plan = expected(technique, settings)
    # How long an impedance point settles, and what ends a current that reverses at a voltage, is not documented.
    vague = isinstance(technique, Impedance) or (isinstance(technique, ReversedCurrent) and technique.switch_at_voltage)
    factor = settings.deadline_factor if vague else settings.timed_deadline_factor
    return settings.start_timeout_s + plan.quiet_s + factor * plan.seconds + settings.deadline_margin_s


def _cycles(frequency_hz: float, settings: Chi660eSettings) -> int:
    """Return the number of periods averaged at a frequency: one above 10 Hz, below it by decade."""
    for n, count in enumerate(settings.cycles):
        if frequency_hz * _SLACK >= 10.0**-n:
            return count if frequency_hz < 10.0 ** (1 - n) else 1
    return settings.cycles[-1]


def _whole(value: float) -> int:
    return math.floor(value + 1e-6)
