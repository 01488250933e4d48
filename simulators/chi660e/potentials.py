"""Measures under a set potential: sweeps, steps, and a constant one [6]."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from simulators.chi660e.checking import Refused
from simulators.chi660e.instrument import Run
from simulators.chi660e.number_format import exponent, parameter
from simulators.chi660e.records import TECHNIQUES, Recorded

_LEAST_SPAN_V = 0.01
_MOST_SPAN_V = 13.1
_LEAST_POINTS_A_STEP = 100

Rows = list[tuple[float, ...]]


def measure_cyclic(run: Run) -> Recorded:
    """Measure CV: ``cl`` segments between High E and Low E, the first towards Init P/N."""
    p = run.parameters
    _adjust_span(run)
    rises = _rises_first(run)
    rows: Rows = []
    results = ["Results:", "Channel 1:"]
    run.quiet()
    here_v = p["ei"]
    count = int(p["cl"])
    for segment in range(1, count + 1):
        ends_at_ef = segment == count and p.mode("efon") == "on"
        there_v = p["ef"] if ends_at_ef else p["eh" if rises else "el"]
        swept, stopped = _sweep(run, here_v, there_v)
        rows += swept
        if swept:
            peak_v, peak_a = max(swept, key=lambda row: abs(row[1]))
            results += [f"Segment {segment}:", f"Ep = {peak_v:.3f}V", f"ip = {exponent(peak_a)}A"]
        if stopped:
            break
        here_v, rises = there_v, not rises
    lines = [
        f"Init E (V) = {parameter(p['ei'])}",
        f"High E (V) = {parameter(p['eh'])}",
        f"Low E (V) = {parameter(p['el'])}",
        f"Init P/N = {'P' if _rises_first(run) else 'N'}",
        f"Scan Rate (V/s) = {parameter(p['v'])}",
        f"Segment = {parameter(p['cl'])}",
        f"Sample Interval (V) = {parameter(p['si'])}",
        *_quiet_lines(run),
    ]
    values = {**p.values, "pn": float(_rises_first(run))}
    return Recorded(TECHNIQUES["cv"], tuple(lines), tuple(rows), values, tuple(results))


def measure_linear(run: Run) -> Recorded:
    """Measure LSV: one sweep from Init E to Final E."""
    p = run.parameters
    run.quiet()
    rows, _ = _sweep(run, p["ei"], p["ef"])
    lines = [
        f"Init E (V) = {parameter(p['ei'])}",
        f"Final E (V) = {parameter(p['ef'])}",
        f"Scan Rate (V/s) = {parameter(p['v'])}",
        f"Sample Interval (V) = {parameter(p['si'])}",
        *_quiet_lines(run),
    ]
    return Recorded(TECHNIQUES["lsv"], tuple(lines), tuple(rows), dict(p.values))


def measure_steps(run: Run) -> Recorded:
    """Measure CA: ``cl`` steps of one pulse width between High E and Low E, at least 100 points in each."""
    p = run.parameters
    p.values["si"] = every_s = min(p["si"], p["pw"] / _LEAST_POINTS_A_STEP)
    rises = _rises_first(run)
    run.quiet()
    levels = [(p["eh" if (step % 2 == 0) == rises else "el"], p["pw"]) for step in range(int(p["cl"]))]
    found = run.levels(levels, every_s)
    lines = [
        f"Init E (V) = {parameter(p['ei'])}",
        f"High E (V) = {parameter(p['eh'])}",
        f"Low E (V) = {parameter(p['el'])}",
        f"Init P/N = {'P' if rises else 'N'}",
        f"Step = {parameter(p['cl'])}",
        f"Pulse Width (sec) = {parameter(p['pw'])}",
        f"Sample Interval (s) = {parameter(every_s)}",
        *_quiet_lines(run),
    ]
    values = {**p.values, "pn": float(rises)}
    return Recorded(TECHNIQUES["ca"], tuple(lines), tuple(_over_time(run, found)), values)


def measure_constant(run: Run) -> Recorded:
    """Measure i-t: one potential; the interval doubles each time the buffer is full."""
    p = run.parameters
    run.quiet()
    rows: Rows = []
    begin_s, every_s = 0.0, p["si"]
    while p["st"] - begin_s > 1e-9:
        seconds = min(p["st"] - begin_s, run.settings.most_points * every_s)
        found = run.hold(p["ei"], seconds, every_s)
        rows += [(begin_s + time_s, current_a) for time_s, current_a in _over_time(run, found)]
        if found["stopped"]:
            break
        begin_s += seconds
        every_s *= 2.0
    lines = [
        f"Init E (V) = {parameter(p['ei'])}",
        f"Sample Interval (s) = {parameter(p['si'])}",
        f"Run Time (sec) = {parameter(p['st'])}",
        *_quiet_lines(run),
    ]
    return Recorded(TECHNIQUES["i-t"], tuple(lines), tuple(rows), dict(p.values))


MEASURES: Mapping[str, Callable[[Run], Recorded]] = {
    "cv": measure_cyclic,
    "lsv": measure_linear,
    "ca": measure_steps,
    "i-t": measure_constant,
}


def _over_time(run: Run, found: Mapping[str, list[float]]) -> Rows:
    return [(t, run.recorded_a(a)) for t, a in zip(found["time_s"], found["current_a"], strict=True)]


def _sweep(run: Run, from_v: float, to_v: float) -> tuple[Rows, bool]:
    """Sweep in steps of the sample interval, a reading at the end of each; also tell whether it was aborted.

    As in real files the first step is at the begin of the sweep, and the last one an interval before its end.
    """
    p = run.parameters
    step_v = math.copysign(p["si"], to_v - from_v)
    steps = abs(to_v - from_v) / p["si"]
    if run.settings.sweep_begins_at_init:
        levels_v = [from_v + k * step_v for k in range(math.ceil(steps * (1.0 - 1e-9)))]
    else:
        levels_v = [from_v + k * step_v for k in range(1, math.floor(steps * (1.0 + 1e-9)) + 1)]
    if not levels_v:
        return [], False
    seconds = p["si"] / p["v"]
    found = run.levels([(level_v, seconds) for level_v in levels_v], seconds)
    rows: Rows = [(v, run.recorded_a(a)) for v, a in zip(levels_v, found["current_a"], strict=False)]
    return rows, bool(found["stopped"])


def _rises_first(run: Run) -> bool:
    """Return whether the first sweep rises; an impossible direction is reversed silently [6, CV]."""
    p = run.parameters
    if p["ei"] >= p["eh"]:
        return False
    return p["ei"] <= p["el"] or p.mode("pn") == "p"


def _adjust_span(run: Run) -> None:
    """Adjust High E and Low E without a word where they are too close or the wrong way round; refuse a wide span."""
    p = run.parameters
    if p["eh"] < p["el"]:
        p.values["eh"], p.values["el"] = p["el"], p["eh"]
    if p["eh"] - p["el"] < _LEAST_SPAN_V:
        p.values["eh"] = p["el"] + _LEAST_SPAN_V
    if p["eh"] - p["el"] > _MOST_SPAN_V:
        raise Refused("Warning", f"Potential range {p['eh'] - p['el']:g} V is wider than {_MOST_SPAN_V} V")


def _quiet_lines(run: Run) -> list[str]:
    p = run.parameters
    return [f"Quiet Time (sec) = {parameter(p['qt'])}", f"Sensitivity (A/V) = {parameter(p['sens'])}"]
