"""What one tester channel can do, and every reason why it cannot run a given program.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> standard = ChannelEnvelope(0.025, 5.0, (CurrentRange(0.0005, 6.0),))
>>> for reason in problems(resolve(load_recipe("li-plating-1.0"), load_cell("bare-li-li")), standard):
...     print(reason)
Steps 2 and 4: a discharge drives a li-li cell below 0 V, and this channel has no negative voltage.
Steps 2 and 4: -0.5 V is outside what this channel measures, 0.025 to 5 V.
The tester's limits, -0.6 to 0.6 V, are outside what this channel measures, 0.025 to 5 V: they would never act.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.current_sign import Direction
from protocols.numbering import crossings, depth, loops
from protocols.program import ConstantCurrent, CyclingSegment, PoweredStep, Program, Record, Rest
from protocols.program_checks import (
    Reason,
    currents,
    direction,
    flaws,
    in_amperes,
    in_volts,
    is_finite,
    powered,
    sentences,
    symmetric,
    target_v,
)


@dataclass(frozen=True, slots=True)
class CurrentRange:
    """One current range: magnitudes from ``low_a`` to full scale ``high_a`` can be set, in amperes."""

    low_a: float
    high_a: float


@dataclass(frozen=True, slots=True)
class ChannelEnvelope:
    """What one channel can do. Defaults are those of the CT-4000 family (reference neware-ct4008, section 1.2)."""

    voltage_low_v: float
    voltage_high_v: float
    current_ranges: tuple[CurrentRange, ...]
    record_every_min_s: float = 0.1
    steps_max: int = 254
    loop_times_max: int = 65535
    loop_depth_max: int = 3
    step_time_max_s: float = 365 * 86400.0
    discharge_voltage_min_v: float | None = None
    holds_voltage_on_discharge: bool = True

    @property
    def negative_voltage(self) -> bool:
        """Whether the channel can drive a cell below zero volts."""
        return self.voltage_low_v < 0


def problems(program: Program, envelope: ChannelEnvelope) -> list[str]:
    """Give every reason, as a sentence, why a channel cannot or must not run a program; empty if it can."""
    if not is_finite(program):
        return ["The program holds a value that is not a finite number; resolve its recipe again."]
    if not program.segments:
        return ["The program is empty."]
    found: list[Reason] = []
    for segment in program.cycling:
        if symmetric(program) and not envelope.negative_voltage:
            found += _below_zero(program, segment)
        for check in (_reach, _discharge, _range, _size, _times, _records):
            found += check(segment, envelope)
        found += flaws(program, segment)
    return sentences(found)


def _below_zero(program: Program, segment: CyclingSegment) -> Iterator[Reason]:
    text = f"a discharge drives a {program.cell.kind} cell below 0 V, and this channel has no negative voltage"
    return ((number, text) for number, step in powered(segment) if direction(step) is Direction.DISCHARGE)


def _reach(segment: CyclingSegment, envelope: ChannelEnvelope) -> Iterator[Reason]:
    low_v, high_v = envelope.voltage_low_v, envelope.voltage_high_v
    measures = f"outside what this channel measures, {in_volts(low_v, high_v)}"
    for number, step in powered(segment):
        volts = target_v(step)
        if volts is not None and not low_v <= volts <= high_v:
            yield number, f"{in_volts(volts)} is {measures}"
    tester = segment.limits.tester
    if tester.low_v < low_v or tester.high_v > high_v:
        limits = in_volts(tester.low_v, tester.high_v)
        yield None, f"The tester's limits, {limits}, are {measures}: they would never act"


def _discharge(segment: CyclingSegment, envelope: ChannelEnvelope) -> Iterator[Reason]:
    bottom_v = envelope.discharge_voltage_min_v
    for number, step in powered(segment):
        if direction(step) is Direction.CHARGE:
            continue
        volts = target_v(step)
        lowest_v = segment.limits.host.low_v if volts is None else volts
        if bottom_v is not None and lowest_v < bottom_v:
            yield number, f"a discharge to {in_volts(lowest_v)}; this channel discharges down to {in_volts(bottom_v)}"
        if not envelope.holds_voltage_on_discharge and not isinstance(step, ConstantCurrent):
            yield number, "this channel cannot hold a voltage on discharge"


def _range(segment: CyclingSegment, envelope: ChannelEnvelope) -> Iterator[Reason]:
    if not envelope.current_ranges:
        yield None, "This channel has no current range"
        return
    low_a = min(one.low_a for one in envelope.current_ranges)
    high_a = max(one.high_a for one in envelope.current_ranges)
    for number, step in powered(segment):
        for current_a in currents(step):
            if current_a < low_a:
                yield number, f"{in_amperes(current_a)} is below the smallest current here, {in_amperes(low_a)}"
            elif current_a > high_a:
                yield number, f"{in_amperes(current_a)} is above the largest current here, {in_amperes(high_a)}"
            elif not any(one.low_a <= current_a <= one.high_a for one in envelope.current_ranges):
                yield number, f"{in_amperes(current_a)} lies between two ranges of this channel"
    if segment.limits.tester_current_a > high_a:
        limit = in_amperes(segment.limits.tester_current_a)
        yield None, f"The tester's limit of {limit} is above what this channel measures, {in_amperes(high_a)}"


def _size(segment: CyclingSegment, envelope: ChannelEnvelope) -> Iterator[Reason]:
    count = len(segment.steps) + 1  # the tester's list ends with an End step of its own
    if count > envelope.steps_max:
        yield None, f"The program has {count} steps with its End; this channel holds {envelope.steps_max}"
    for number, loop in loops(segment.steps):
        if not 1 <= loop.back_to < number:
            yield number, f"a loop back to step {loop.back_to}; it must go back to a step before it"
        if not 1 <= loop.times <= envelope.loop_times_max:
            yield number, f"a loop of {loop.times} times; this channel counts from 1 to {envelope.loop_times_max}"
    if depth(segment.steps) > envelope.loop_depth_max:
        yield None, f"Loops are nested {depth(segment.steps)} deep; this channel nests {envelope.loop_depth_max}"
    for first, second in crossings(segment.steps):
        yield None, f"The loops at steps {first} and {second} cross; one must hold the other whole"


def _times(segment: CyclingSegment, envelope: ChannelEnvelope) -> Iterator[Reason]:
    for number, step in enumerate(segment.steps, 1):
        times = [step.until.time_s] if isinstance(step, Rest | PoweredStep) else []
        times += [step.ceiling.time_s] if isinstance(step, PoweredStep) else []
        for time_s in times:
            if time_s is not None and time_s > envelope.step_time_max_s:
                most = envelope.step_time_max_s / 86400
                yield number, f"it may last {time_s / 86400:g} days; this channel allows {most:g} days a step"


def _records(segment: CyclingSegment, envelope: ChannelEnvelope) -> Iterator[Reason]:
    rules: list[tuple[int | None, Record]] = [(None, segment.record)]
    steps = enumerate(segment.steps, 1)
    rules += [(number, step.record) for number, step in steps if isinstance(step, Rest | PoweredStep) and step.record]
    for number, rule in rules:
        if rule.every_s is not None and rule.every_s < envelope.record_every_min_s:
            text = f"a record every {rule.every_s:g} s; this channel needs {envelope.record_every_min_s:g} s"
            yield number, text if number else f"The program asks for {text}"
