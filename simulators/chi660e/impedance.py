"""Measures an impedance spectrum, and the open-circuit potential over time: the techniques without a set current."""

from __future__ import annotations

import cmath
import math

from simulators.chi660e import grids
from simulators.chi660e.checking import Refused
from simulators.chi660e.instrument import Run
from simulators.chi660e.number_format import parameter
from simulators.chi660e.records import TECHNIQUES, Recorded

_CYCLE_LINES = (
    (1.0, "cl2", ".1-1Hz"),
    (0.1, "cl3", ".01-.1Hz"),
    (0.01, "cl4", ".001-.01Hz"),
    (0.001, "cl5", ".0001-.001Hz"),
)


def measure_impedance(run: Run) -> Recorded:
    """Measure from high to low frequency around Init E [8]."""
    p, settings = run.parameters, run.settings
    low_hz, high_hz = p["fl"], p["fh"]
    single = p.mode("mode") == "sf"
    if low_hz > high_hz:
        raise Refused("Warning", "Low Frequency is above High Frequency")
    if not single and high_hz > grids.FT_LIMIT_HZ:
        if settings.ft_limit == "popup":
            raise Refused("Warning", "High Frequency is limited to 1e5 Hz in FT mode")
        high_hz = p.values["fh"] = grids.FT_LIMIT_HZ
    at_rest = p.from_rest.get("ei") == 0.0
    top_hz = min(high_hz, settings.top_hz)
    points = (grids.single_frequency_hz if single else grids.fourier_hz)(low_hz, top_hz)
    if not at_rest:
        run.quiet()
    elif p["qt"] > 0.0:
        run.call("sleep", seconds=p["qt"])
    timed = [(hz, grids.seconds_at(hz, p.values, settings.timing)) for hz in points]
    peak_v = p["amp"] * (math.sqrt(2.0) if settings.amplitude_is == "rms" else 1.0)
    bias_v = None if at_rest else p["ei"]
    found = run.call("impedance", points=timed, bias_v=bias_v, amplitude_v=peak_v)["impedance_ohm"]
    rows = []
    for hz, (real, imaginary) in zip(points, found, strict=True):
        z = _as_measured(run, hz, complex(real, imaginary))
        rows.append((hz, z.real, z.imag, abs(z), math.degrees(cmath.phase(z))))
    return Recorded(TECHNIQUES["imp"], tuple(_impedance_lines(run, single=single)), tuple(rows), dict(p.values))


def measure_open_circuit(run: Run) -> Recorded:
    """Record the potential with the counter electrode disconnected [6, OCPT]."""
    p = run.parameters
    found = run.call("pass", current_a=None, seconds=p["st"], every_s=p["si"], low_v=p["el"], high_v=p["eh"])
    if found["reached"] and run.settings.ocpt_limit == "popup":
        raise Refused("Warning", f"Potential {'High' if found['reached'] == 'high' else 'Low'} Limit reached")
    lines = (
        f"High E Limit (V) = {parameter(p['eh'])}",
        f"Low E Limit (V) = {parameter(p['el'])}",
        f"Sample Interval (V) = {parameter(p['si'])}",  # The vendor's own slip of the unit [9.2].
        f"Run Time (sec) = {parameter(p['st'])}",
    )
    rows = tuple(zip(found["time_s"], found["voltage_v"], strict=True))
    return Recorded(TECHNIQUES["ocpt"], lines, rows, dict(p.values))


def _as_measured(run: Run, frequency_hz: float, z: complex) -> complex:
    """Clip a current beyond a manual range: the impedance then looks larger."""
    decade = min(10, max(0, 5 - math.floor(math.log10(frequency_hz) + 1e-9)))
    sens = run.parameters.values.get(f"impsens{decade}")
    if sens is None or not run.settings.clips:
        return z
    return z * max(1.0, run.parameters["amp"] / abs(z) / (10.0 * sens))


def _impedance_lines(run: Run, *, single: bool) -> list[str]:
    p = run.parameters
    mode_line = "Imp SF" if single else run.settings.ft_line
    lines = [
        f"Init E (V) = {parameter(round(p['ei'], 4))}",
        f"High Frequency (Hz) = {parameter(p['fh'])}",
        f"Low Frequency (Hz) = {parameter(p['fl'])}",
        *([mode_line] if mode_line else []),
        f"Amplitude (V) = {parameter(p['amp'])}",
        f"Quiet Time (sec) = {parameter(p['qt'])}",
    ]
    lines += [
        f"Cycles ({range_}) = {parameter(p[key])}" for below_hz, key, range_ in _CYCLE_LINES if p["fl"] < below_hz
    ]
    return lines
