"""Checks, before anything is started, whether the instrument can measure an order; each reason is a sentence.

Reference chi660e, sections 2 (hardware), 6 (ranges and how techniques behave) and 9.1 (data length).
"""

from __future__ import annotations

import math
from functools import singledispatch

from drivers.chi660e import expected_rows, macro, ranges
from drivers.chi660e.settings import Chi660eSettings
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

_SPAN_MAX_V = 13.1
_SPAN_MIN_V = 0.01
_SEGMENTS_KEPT = 400
_STEP_MIN_S = 0.001
_ROWS_A_STEP = 100
# Faster than this the instrument keeps the points itself and has room for 64 K.
_MEMORY_BELOW_S = 0.002
_MEMORY_POINTS = 65_536


def problems(technique: Technique, settings: Chi660eSettings) -> list[str]:
    """Return every reason why this cannot be measured; empty when it can."""
    commands = list(macro.parameters(technique, settings))
    values = [(command.key, command.value) for command in commands if isinstance(command.value, int | float)]
    found = ranges.out_of_range(str(commands[0].value), values, settings.version)
    found += [f"{key} is {value}, no whole number" for key, value in values if key == "cl" and value != int(value)]
    if found:
        return found  # what follows computes with these numbers
    found = list(_own(technique, settings))
    rows = 0 if isinstance(technique, Impedance) else expected_rows.expected(technique, settings).rows
    if rows > settings.point_limit:
        found.append(f"it would make {rows} rows, and the program holds {settings.point_limit} (its data length)")
    return found


@singledispatch
def _own(technique: Technique, settings: Chi660eSettings) -> list[str]:
    raise TypeError(technique)


@_own.register
def _(technique: OpenCircuit, settings: Chi660eSettings) -> list[str]:
    return _band(technique.low_v, technique.high_v) + _room(technique.duration_s, technique.interval_s)


@_own.register
def _(technique: Impedance, settings: Chi660eSettings) -> list[str]:
    if technique.low_hz >= technique.high_hz:
        return [f"the lowest frequency, {technique.low_hz:g} Hz, is not below the highest, {technique.high_hz:g} Hz"]
    if technique.high_hz > settings.high_hz_max:
        known = f"{settings.high_hz_max:g} Hz is the highest that this program measures (high_hz_max)"
        return [f"a spectrum from {technique.high_hz:g} Hz: {known}"]
    if not expected_rows.frequencies(technique, settings):
        return [f"the instrument has no frequency between {technique.low_hz:g} and {technique.high_hz:g} Hz"]
    return []


@_own.register
def _(technique: CyclicVoltammetry, settings: Chi660eSettings) -> list[str]:
    found = _span(technique.low_v, technique.high_v)
    if not technique.low_v <= technique.initial_v <= technique.high_v:
        found.append(f"the initial voltage, {technique.initial_v:g} V, lies outside the sweep")
    return found + _range(technique, settings)


@_own.register
def _(technique: LinearSweep, settings: Chi660eSettings) -> list[str]:
    ends = sorted((technique.initial_v, technique.final_v))
    return _span(*ends) + _range(technique, settings)


@_own.register
def _(technique: VoltageSteps, settings: Chi660eSettings) -> list[str]:
    found = _span(technique.low_v, technique.high_v)
    if technique.interval_s * _ROWS_A_STEP > technique.pulse_s * (1 + 1e-9):
        found.append(
            f"each step makes at least {_ROWS_A_STEP} rows: the interval is at most {technique.pulse_s / 100:g} s"
        )
    rows = expected_rows.expected(technique, settings).rows
    return found + _memory(rows, technique.interval_s) + _range(technique, settings)


@_own.register
def _(technique: HeldVoltage, settings: Chi660eSettings) -> list[str]:
    found = _room(technique.duration_s, technique.interval_s)
    rows = expected_rows.expected(technique, settings).rows
    return found + _memory(rows, technique.interval_s) + _range(technique, settings)


@_own.register
def _(technique: ReversedCurrent, settings: Chi660eSettings) -> list[str]:
    found = _band(technique.low_v, technique.high_v)
    for value in (technique.charge_a, technique.discharge_a):
        found += _current(value, settings)
    if technique.half_cycles > _SEGMENTS_KEPT:
        found.append(f"of {technique.half_cycles} half-cycles only {_SEGMENTS_KEPT} are kept: measure several times")
    return found + _room(min(technique.charge_s, technique.discharge_s), technique.interval_s)


@_own.register
def _(technique: CurrentSteps, settings: Chi660eSettings) -> list[str]:
    found = _band(technique.low_v, technique.high_v)
    if not 1 <= len(technique.steps) <= macro.ISTEP_STEPS:
        found.append(f"there are {len(technique.steps)} steps; 1 to {macro.ISTEP_STEPS} fit")
    shortest = max(_STEP_MIN_S, technique.interval_s)
    for n, step in enumerate(technique.steps, 1):
        found += [f"step {n}: {problem}" for problem in _current(step.current_a, settings)]
        if not shortest <= step.duration_s <= ranges.ranges("istep", settings.version)["st1"].high:
            found.append(f"step {n} lasts {step.duration_s:g} s; steps of {shortest:g} to 10000 s are carried out")
    rows = expected_rows.expected(technique, settings).rows
    return found + _memory(rows, technique.interval_s)


def _band(low_v: float, high_v: float) -> list[str]:
    return [] if low_v < high_v else [f"the low limit, {low_v:g} V, is not below the high one, {high_v:g} V"]


def _span(low_v: float, high_v: float) -> list[str]:
    if _SPAN_MIN_V - 1e-9 <= round(high_v - low_v, 9) <= _SPAN_MAX_V:
        return []
    return [f"from {low_v:g} to {high_v:g} V are {high_v - low_v:g} V; {_SPAN_MIN_V} to {_SPAN_MAX_V} V can be swept"]


def _room(duration_s: float, interval_s: float) -> list[str]:
    return [] if interval_s <= duration_s else [f"no row fits: every {interval_s:g} s, for {duration_s:g} s"]


def _current(current_a: float, settings: Chi660eSettings) -> list[str]:
    size = abs(current_a)
    if math.isfinite(current_a) and (current_a == 0 or settings.smallest_current_a <= size <= settings.current_limit_a):
        return []
    return [f"{current_a:g} A; it sets {settings.smallest_current_a:g} to {settings.current_limit_a:g} A, or none"]


def _memory(rows: int, interval_s: float) -> list[str]:
    if interval_s >= _MEMORY_BELOW_S or rows <= _MEMORY_POINTS:
        return []
    return [f"{rows} rows every {interval_s:g} s; faster than every 2 ms the instrument holds {_MEMORY_POINTS}"]


def _range(
    technique: CyclicVoltammetry | LinearSweep | VoltageSteps | HeldVoltage, settings: Chi660eSettings
) -> list[str]:
    fixed = macro.sensitivity(technique, settings)
    if fixed is not None:
        # Whether others are rounded or refused is not documented.
        decade = math.log10(fixed)
        return [] if math.isclose(decade, round(decade), abs_tol=1e-6) else [f"{fixed:g} A/V: only powers of ten are"]
    if isinstance(technique, CyclicVoltammetry | LinearSweep) and (
        technique.scan_rate_v_per_s < macro.AUTOSENS_BELOW_V_PER_S
    ):
        return []
    return [
        "the instrument finds no current range by itself here: give sensitivity_a_per_v (full scale is 10 V times it)"
    ]
