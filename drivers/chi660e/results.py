"""Converts an ordered text file into a spectrum or a trace with cellrig's signs, or explains why it is incomplete.

Positive current charges. Where the program stores none (CP and ISTEP, reference section 7), it is rebuilt from what was
ordered and from the times of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from itertools import pairwise

from drivers.chi660e import current_rebuilding, expected_rows, macro, sweep_rows, time_digits
from drivers.chi660e.settings import Chi660eSettings
from drivers.chi660e.textfile import TextFile
from drivers.errors import Incomplete, WrongFile
from drivers.interfaces import Spectrum, Trace
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

# Section 2.1: full scale of a range is 10 V times its sensitivity; readings there are clipped.
_FULL_SCALE_V = 10.0
_CLIPPED = 0.9995


@singledispatch
def result(technique: Technique, file: TextFile, settings: Chi660eSettings) -> Spectrum | Trace:
    """Return the measured values. Raises Incomplete for missing rows, WrongFile for impossible rows."""
    raise TypeError(technique)


@result.register
def _(technique: Impedance, file: TextFile, settings: Chi660eSettings) -> Spectrum:
    frequency = file.column("frequency")
    if any(later >= earlier for earlier, later in pairwise(frequency)) or frequency[-1] <= 0:
        raise WrongFile("the frequencies of the spectrum do not fall from row to row")
    if frequency[0] < expected_rows.highest_expected_hz(technique, settings):
        raise WrongFile(
            f"the spectrum begins at {frequency[0]:g} Hz and {technique.high_hz:g} Hz was ordered: the program cut it"
        )
    if frequency[0] > technique.high_hz * 1.01:
        raise WrongFile(f"the spectrum begins at {frequency[0]:g} Hz, above the {technique.high_hz:g} Hz ordered")
    if frequency[-1] > expected_rows.lowest_expected_hz(technique, settings):
        raise Incomplete(f"the spectrum ends at {frequency[-1]:g} Hz and {technique.low_hz:g} Hz was ordered")
    if hole := next(((a, b) for a, b in pairwise(frequency) if a / b > expected_rows.widest_ratio(settings)), None):
        raise Incomplete(f"the spectrum has no frequency between {hole[0]:g} and {hole[1]:g} Hz")
    impedance = tuple(map(complex, file.column("real"), file.column("imaginary")))
    return Spectrum(frequency, impedance, _bias(technique, file))


def _bias(technique: Impedance, file: TextFile) -> float:
    text = file.parameter("Init E")
    try:
        return float(text) if text is not None else math.nan if technique.bias_v is None else technique.bias_v
    except ValueError as err:
        raise WrongFile(f"Init E of the file is {text!r}") from err


@result.register
def _(technique: OpenCircuit, file: TextFile, settings: Chi660eSettings) -> Trace:
    times, voltage = _times(file, technique.interval_s), file.column("potential")
    _must_cover(times, technique.duration_s, technique.interval_s)
    return Trace(times, voltage, (math.nan,) * len(times))


@result.register
def _(technique: HeldVoltage, file: TextFile, settings: Chi660eSettings) -> Trace:
    times, current = _times(file, technique.interval_s), _current(file, technique, settings)
    _must_cover(times, technique.duration_s, technique.interval_s)
    return Trace(times, (technique.voltage_v,) * len(times), current)


@result.register
def _(technique: VoltageSteps, file: TextFile, settings: Chi660eSettings) -> Trace:
    times, current = _times(file, technique.interval_s), _current(file, technique, settings)
    _must_cover(times, technique.steps * technique.pulse_s, technique.interval_s)
    levels = (technique.high_v, technique.low_v)
    first = 0 if technique.first is Direction.CHARGE else 1
    # A row at the very end of a step belongs to it.
    voltage = tuple(levels[(first + max(0, math.ceil(t / technique.pulse_s - 1e-9) - 1)) % 2] for t in times)
    return Trace(times, voltage, current)


@result.register
def _(technique: CyclicVoltammetry, file: TextFile, settings: Chi660eSettings) -> Trace:
    return _swept(technique, file, settings, expected_rows.sweeps(technique))


@result.register
def _(technique: LinearSweep, file: TextFile, settings: Chi660eSettings) -> Trace:
    return _swept(technique, file, settings, [(technique.initial_v, technique.final_v)])


def _swept(
    technique: CyclicVoltammetry | LinearSweep,
    file: TextFile,
    settings: Chi660eSettings,
    path_v: Sequence[tuple[float, float]],
) -> Trace:
    voltage, current = file.column("potential"), _current(file, technique, settings)
    times = sweep_rows.times_s(voltage, path_v, technique.scan_rate_v_per_s, technique.interval_v)
    return Trace(times, voltage, current)


@result.register
def _(technique: CurrentSteps, file: TextFile, settings: Chi660eSettings) -> Trace:
    times, voltage = _times(file, technique.interval_s), file.column("potential")
    duration_s = expected_rows.expected(technique, settings).seconds
    _must_not_exceed(times, duration_s, technique.interval_s)
    is_whole = time_digits.covers(times, duration_s, technique.interval_s)
    # Unlike CP, a limit ends it: the rows before it are the whole result.
    if not is_whole and not current_rebuilding.at_limit(
        voltage, technique.low_v, technique.high_v, settings.limit_margin_v
    ):
        raise Incomplete(f"the rows end at {times[-1]:g} s of {duration_s:g} s, at {voltage[-1]:g} V within the limits")
    return Trace(times, voltage, current_rebuilding.of_steps(technique, times), rebuilt_current=True)


@result.register
def _(technique: ReversedCurrent, file: TextFile, settings: Chi660eSettings) -> Trace:
    times, voltage = _times(file, technique.interval_s), file.column("potential")
    duration_s = expected_rows.expected(technique, settings).seconds
    if not technique.switch_at_voltage:
        _must_not_exceed(times, duration_s, technique.interval_s)
    # Where a half-cycle may end at its voltage, nothing but the last line end tells that no row is missing.
    if not file.ends_with_line and not time_digits.covers(times, duration_s, technique.interval_s):
        raise Incomplete(f"the text file ends without a line end at {times[-1]:g} s of {duration_s:g} s")
    current = current_rebuilding.of_reversals(technique, times, voltage, settings.limit_margin_v)
    return Trace(times, voltage, current, rebuilt_current=True)


def _times(file: TextFile, interval_s: float) -> tuple[float, ...]:
    try:
        return time_digits.rebuilt(file.column("time"), interval_s)
    except ValueError as err:
        raise WrongFile("the times of the file fall from one row to the next") from err


def _must_cover(times: Sequence[float], duration_s: float, interval_s: float) -> None:
    if not time_digits.covers(times, duration_s, interval_s):
        raise Incomplete(f"the rows end at {times[-1]:g} s and {duration_s:g} s were ordered")
    _must_not_exceed(times, duration_s, interval_s)


def _must_not_exceed(times: Sequence[float], duration_s: float, interval_s: float) -> None:
    if times[-1] > duration_s * 1.01 + 2 * interval_s:
        raise WrongFile(f"the rows end at {times[-1]:g} s, after the {duration_s:g} s that were ordered")


def _current(
    file: TextFile,
    technique: CyclicVoltammetry | LinearSweep | VoltageSteps | HeldVoltage,
    settings: Chi660eSettings,
) -> tuple[float, ...]:
    current = file.column("current")
    fixed = macro.sensitivity(technique, settings)
    if fixed is not None:
        full_a = _FULL_SCALE_V * fixed
        clipped = sum(abs(value) >= _CLIPPED * full_a for value in current)
        if clipped:
            raise Incomplete(
                f"{clipped} readings are at the end of their range, {full_a:g} A: measure again with a larger "
                "sensitivity_a_per_v"
            )
    sign = -1.0 if settings.cathodic_current_positive else 1.0
    return tuple(sign * value for value in current)
