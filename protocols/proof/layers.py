"""The limits of a segment: layers that lie inside each other, and steps and measurements that lie inside the first."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite

from protocols.cell import SYMMETRIC, on_wrong_side
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Limits, MeasurementSegment, PoweredStep, Program, VoltageBand
from protocols.program_steps import powered
from protocols.proof.findings import Rule, unproven
from protocols.techniques import CyclicVoltammetry, Impedance

CURRENT_LAYER = 2.0
"""A limit of current that is more than so many times the largest current of the program limits nothing: 1.05, 1.10 and
1.20 times are set."""
_LEAST_LIMIT_A = 1e-3  # of a program that passes no current, only rests and measures


def layers(where: str, limits: Limits, largest_a: float) -> None:
    """See that the limits lie in layers, and that those of the current mean something. Raises Unproven."""
    bands = [("host", limits.host), ("tester", limits.tester), ("absolute", limits.absolute)]
    for name, band in bands:
        if not (isfinite(band.low_v) and isfinite(band.high_v) and band.low_v < band.high_v):
            raise unproven(Rule.LAYERS, where, f"{name} limits of {_volts(band)}", "No voltage lies inside them.")
    for (inner_name, inner), (name, band) in pairwise(bands):
        if not (band.low_v < inner.low_v and inner.high_v < band.high_v):
            what = f"{name} limits of {_volts(band)}"
            beside = f"The {inner_name}'s, {_volts(inner)}, must lie inside them, so that they act first."
            raise unproven(Rule.LAYERS, where, what, beside)
    currents = [limits.host_current_a, limits.tester_current_a, limits.absolute_current_a]
    if not (0 < currents[0] < currents[1] < currents[2] < float("inf")):
        what = " / ".join(f"{current_a * 1e3:.4g} mA" for current_a in currents)
        raise unproven(Rule.LAYERS, where, f"limits of current {what}", "Each must be above the one before it.")
    most_a = CURRENT_LAYER * max(largest_a, _LEAST_LIMIT_A if largest_a == 0 else 0.0)
    if currents[2] > most_a:
        what = f"a limit of current of {currents[2] * 1e3:.4g} mA"
        passes = f"The program passes at most {largest_a * 1e3:.4g} mA"
        story = f"{passes}: a current {CURRENT_LAYER:g} times that would go unseen."
        raise unproven(Rule.LAYERS, where, what, story)


def inside(where: str, segment: CyclingSegment, program: Program) -> None:
    """See that every voltage and current of a segment lies inside the host's limits. Raises Unproven."""
    host, symmetric = segment.limits.host, program.cell.kind in SYMMETRIC
    for number, step in powered(segment.steps):
        _inside(f"{where}step {number}", step, segment.limits, host)
        if symmetric and step.target_v is not None and step.direction and on_wrong_side(step.direction, step.target_v):
            what = f"{step.target_v:g} V to end a {step.direction}"
            story = f"A {program.cell.kind} cell rests at 0 V: it is beyond that voltage when the step begins."
            raise unproven(Rule.ORDER, f"{where}step {number}", what, story)


def _inside(where: str, step: PoweredStep, limits: Limits, host: VoltageBand) -> None:
    target_v, largest_a = step.target_v, step.largest_a
    if target_v is not None and not host.low_v < target_v < host.high_v:
        story = f"The host stops the run at {_volts(host)}: before the step ends, or as soon as it does."
        raise unproven(Rule.VOLTAGE, where, f"goes to {target_v:g} V", story)
    low_v, high_v = step.ceiling.low_v, step.ceiling.high_v
    if (step.power_w is not None or step.resistance_ohm is not None) and target_v is not None:
        # Its bounds of current are those of the voltages that its cell may have: no fewer than the limits let it have.
        bands = (host.low_v, target_v) if step.direction is Direction.CHARGE else (target_v, host.high_v)
        if low_v is None or high_v is None or not 0 < low_v <= bands[0] or high_v < bands[1]:
            what = f"a current reckoned for {low_v} to {high_v} V"
            story = (
                f"The cell may be anywhere between {bands[0]:g} and {bands[1]:g} V, with a current outside the bounds."
            )
            raise unproven(Rule.CURRENT, where, what, story)
    if largest_a is not None and largest_a > limits.host_current_a:
        what = f"a current of {largest_a * 1e3:.4g} mA"
        raise unproven(Rule.CURRENT, where, what, f"The host stops the run at {limits.host_current_a * 1e3:.4g} mA.")


def measured(where: str, segment: MeasurementSegment, host: VoltageBand) -> None:
    """See that a measurement ends, and stays inside the host's limits. Raises Unproven."""
    technique, window = segment.technique, segment.window
    if window.low_v < host.low_v or window.high_v > host.high_v:
        what = f"a measurement between {_volts(window)}"
        raise unproven(Rule.VOLTAGE, where, what, f"The host's limits are {_volts(host)}.")
    times = {"measurement": technique.expected_s, "rest before it": segment.rest_s, "settling": segment.settle_max_s}
    for name, time_s in times.items():
        if not (isfinite(time_s) and time_s >= 0):
            raise unproven(Rule.ENDS, where, f"a {name} of {time_s:g} s", "It would not end.")
    volts: tuple[float, ...] = ()
    if isinstance(technique, CyclicVoltammetry):
        volts = (technique.low_v, technique.high_v, technique.initial_v)
    elif isinstance(technique, Impedance):
        if not (0 < technique.low_hz < technique.high_hz and technique.amplitude_v > 0):
            what = f"{technique.high_hz:g} to {technique.low_hz:g} Hz at {technique.amplitude_v * 1e3:g} mV"
            raise unproven(Rule.VALUES, where, what, "A spectrum goes from a higher to a lower frequency above zero.")
        volts = () if technique.bias_v is None else (technique.bias_v,)
    for value in volts:
        if not window.low_v <= value <= window.high_v:
            raise unproven(Rule.VOLTAGE, where, f"goes to {value:g} V", f"It must stay between {_volts(window)}.")


def _volts(band: VoltageBand) -> str:
    return f"{band.low_v:g} to {band.high_v:g} V"
