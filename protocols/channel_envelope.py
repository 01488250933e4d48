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

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from itertools import pairwise
from math import inf, isfinite

from protocols.by_identity import Same
from protocols.cell import SYMMETRIC, on_wrong_side
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Limits, Program, Record
from protocols.program_steps import (
    LOOP_DEPTH_MAX,
    REST_TO_PART_S,
    STEPS_MAX,
    RecordedStep,
    Rest,
    Step,
    crossings,
    depth,
    loops,
    recorded,
)
from protocols.voltage_order import step_flaws

_Reason = tuple[int | None, str]  # the step it is about, or None, and the words without a full stop


@dataclass(frozen=True, slots=True)
class CurrentRange:
    """One current range: magnitudes from ``low_a`` to full scale ``high_a`` can be set, in amperes."""

    low_a: float
    high_a: float


@dataclass(frozen=True, slots=True)
class ChannelEnvelope:
    """What one channel can do. Defaults are those of the CT-4000 family (reference neware-ct4008, section 1.2).

    The resolutions are the smallest time, voltage and change of current that are not zero to the channel: it looks for
    the end of a step once in ``time_resolution_s`` (section 7.3), and its program holds voltages in 0.1 mV and currents
    in mA with six decimals (section 5.2). Constant power and constant resistance are what a channel must say that it
    passes.
    """

    voltage_low_v: float
    voltage_high_v: float
    current_ranges: tuple[CurrentRange, ...]
    record_every_min_s: float = 0.1
    time_resolution_s: float = 0.1
    voltage_resolution_v: float = 1e-4
    current_resolution_a: float = 1e-9
    steps_max: int = STEPS_MAX
    loop_times_max: int = 65535
    loop_depth_max: int = LOOP_DEPTH_MAX
    step_time_max_s: float = 365 * 86400.0
    discharge_voltage_min_v: float | None = None
    holds_voltage_on_discharge: bool = True
    passes_constant_power: bool = False
    passes_constant_resistance: bool = False

    @property
    def negative_voltage(self) -> bool:
        """Whether the channel can drive a cell below zero volts."""
        return self.voltage_low_v < 0


def problems(program: Program, envelope: ChannelEnvelope) -> list[str]:
    """Give every reason, as a sentence, why a channel cannot or must not run a program; empty if it can."""
    return list(_problems(Same(program), envelope))


@lru_cache(maxsize=32)
def _problems(same: Same[Program], envelope: ChannelEnvelope) -> tuple[str, ...]:
    """Judge the very same program once for channels that are alike: a rack has sixty-four."""
    program = same.value
    if not _is_finite(program):
        return ("The program holds a value that is not a finite number; resolve its recipe again.",)
    if not program.segments:
        return ("The program is empty.",)
    found: list[_Reason] = []
    symmetric = program.cell.kind in SYMMETRIC
    # Passes of a loop that the host decides share their steps and limits: what is wrong with one is with all.
    different = {
        (id(it.steps), id(it.limits), it.record, it.measured_ranges): it for it in reversed(program.cycling)
    }.values()
    for segment in (extreme for one in different for extreme in one.extremes):
        steps = [_Demand(number, step) for number, step in recorded(segment.steps)]
        drives = [step for step in steps if step.direction is not None]
        if symmetric and not envelope.negative_voltage:
            found += _below_zero(program.cell.kind, drives)
        for check in (_reach, _discharge, _loads, _range):
            found += check(segment, drives, envelope)
        found += _size(segment, envelope)
        found += _times(steps, envelope)
        found += _records(segment, steps, envelope)
        found += _resolutions(segment, steps, envelope)
        found += _flaws(segment, steps, drives, symmetric, segment is program.cycling[0])
    return tuple(_sentences(found))


def size_problems(program: Program) -> list[str]:
    """Give every reason, as a sentence, why no usual channel holds a program's steps and loops; empty if they do."""
    usual = ChannelEnvelope(-inf, inf, ())
    segments = {id(segment.steps): segment for segment in program.cycling}
    return _sentences(reason for segment in segments.values() for reason in _size(segment, usual))


class _Demand:
    """The values of one step that its channel must reach; ``currents_a`` are the magnitudes it sets or is judged by."""

    def __init__(self, number: int, step: RecordedStep) -> None:
        self.number = number
        self.until, self.ceiling, self.record = step.until, step.ceiling, step.record
        self.direction, self.target_v, self.holds_voltage = step.direction, step.target_v, step.holds_voltage
        self.is_power, self.is_resistance = step.power_w is not None, step.resistance_ohm is not None
        self.currents_a = [value for value in (step.largest_a, step.until.current_a) if value is not None]


def _below_zero(kind: str, drives: Sequence[_Demand]) -> Iterator[_Reason]:
    text = f"a discharge drives a {kind} cell below 0 V, and this channel has no negative voltage"
    return ((drive.number, text) for drive in drives if drive.direction is Direction.DISCHARGE)


def _reach(segment: CyclingSegment, drives: Sequence[_Demand], envelope: ChannelEnvelope) -> Iterator[_Reason]:
    low_v, high_v = envelope.voltage_low_v, envelope.voltage_high_v
    measures = f"outside what this channel measures, {_in_volts(low_v, high_v)}"
    for drive in drives:
        volts = drive.target_v
        if volts is not None and not low_v <= volts <= high_v:
            yield drive.number, f"{_in_volts(volts)} is {measures}"
    tester = segment.limits.tester
    if tester.low_v < low_v or tester.high_v > high_v:
        limits = _in_volts(tester.low_v, tester.high_v)
        yield None, f"The tester's limits, {limits}, are {measures}: they would never act"


def _discharge(segment: CyclingSegment, drives: Sequence[_Demand], envelope: ChannelEnvelope) -> Iterator[_Reason]:
    bottom_v = envelope.discharge_voltage_min_v
    for drive in drives:
        if drive.direction is Direction.CHARGE:
            continue
        volts = drive.target_v
        lowest_v = segment.limits.host.low_v if volts is None else volts
        if bottom_v is not None and lowest_v < bottom_v:
            yield (
                drive.number,
                f"a discharge to {_in_volts(lowest_v)}; this channel discharges down to {_in_volts(bottom_v)}",
            )
        if not envelope.holds_voltage_on_discharge and drive.holds_voltage:
            yield drive.number, "this channel cannot hold a voltage on discharge"


def _loads(segment: CyclingSegment, drives: Sequence[_Demand], envelope: ChannelEnvelope) -> Iterator[_Reason]:
    for drive in drives:
        for asked, passes, what in (
            (drive.is_power, envelope.passes_constant_power, "power"),
            (drive.is_resistance, envelope.passes_constant_resistance, "resistance"),
        ):
            if asked and not passes:
                yield drive.number, f"a constant {what}, which this channel does not pass"
            elif asked and not drive.currents_a:
                yield drive.number, f"a constant {what} without the voltages from which its current follows"


def _range(segment: CyclingSegment, drives: Sequence[_Demand], envelope: ChannelEnvelope) -> Iterator[_Reason]:
    if not envelope.current_ranges:
        yield None, "This channel has no current range"
        return
    low_a = min(one.low_a for one in envelope.current_ranges)
    high_a = max(one.high_a for one in envelope.current_ranges)
    for drive in drives:
        for current_a in drive.currents_a:
            if current_a < low_a:
                yield drive.number, f"{_in_amperes(current_a)} is below the smallest current here, {_in_amperes(low_a)}"
            elif current_a > high_a:
                yield drive.number, f"{_in_amperes(current_a)} is above the largest current here, {_in_amperes(high_a)}"
            elif not any(one.low_a <= current_a <= one.high_a for one in envelope.current_ranges):
                yield drive.number, f"{_in_amperes(current_a)} lies between two ranges of this channel"
    if segment.limits.tester_current_a > high_a:
        limit = _in_amperes(segment.limits.tester_current_a)
        yield None, f"The tester's limit of {limit} is above what this channel measures, {_in_amperes(high_a)}"


def _size(segment: CyclingSegment, envelope: ChannelEnvelope) -> Iterator[_Reason]:
    count = len(segment.steps) + 1  # the tester's list ends with an End step of its own
    if count > envelope.steps_max:
        needed = _rest_needed(segment.steps, envelope.steps_max)
        yield None, f"The program has {count} steps with its End; this channel holds {envelope.steps_max}{needed}"
        return
    for number, loop in loops(segment.steps):
        if not 1 <= loop.back_to < number:
            yield number, f"a loop back to step {loop.back_to}; it must go back to a step before it"
        if not 1 <= loop.times <= envelope.loop_times_max:
            yield number, f"a loop of {loop.times} times; this channel counts from 1 to {envelope.loop_times_max}"
    if (deep := depth(segment.steps)) > envelope.loop_depth_max:
        at_end = (
            f"a rest of {REST_TO_PART_S:g} s or more at the end of each pass, in which the outer loop can be parted"
        )
        help_ = "" if envelope.loop_depth_max < LOOP_DEPTH_MAX else f": put {at_end}, or write the loop out"
        yield None, f"Loops are nested {deep} deep; this channel nests {envelope.loop_depth_max}{help_}"
    for first, second in crossings(segment.steps):
        yield None, f"The loops at steps {first} and {second} cross; one must hold the other whole"


def _rest_needed(steps: Sequence[Step], most: int) -> str:
    """Say where a rest would let a program be parted that is longer than a channel holds."""
    last = 0
    for number, step in enumerate(steps, 1):
        if isinstance(step, Rest) and (step.until.time_s or 0.0) >= REST_TO_PART_S:
            last = number
        if number - last >= most:
            between = f"between steps {last + 1} and {number} there is none"
            return f", and is parted behind a rest of {REST_TO_PART_S:g} s or more: {between}, put one there"
    if most < STEPS_MAX:
        return ""
    where = "at the end of the passes of its loops"
    return f", and is parted behind a rest of {REST_TO_PART_S:g} s or more: put one {where} too"


def _times(steps: Sequence[_Demand], envelope: ChannelEnvelope) -> Iterator[_Reason]:
    for step in steps:
        for time_s in (step.until.time_s, step.ceiling.time_s):
            if time_s is not None and time_s > envelope.step_time_max_s:
                most = envelope.step_time_max_s / 86400
                yield step.number, f"it may last {time_s / 86400:g} days; this channel allows {most:g} days a step"


def _records(segment: CyclingSegment, steps: Sequence[_Demand], envelope: ChannelEnvelope) -> Iterator[_Reason]:
    rules: list[tuple[int | None, Record]] = [(None, segment.record)]
    rules += [(step.number, step.record) for step in steps if step.record]
    for number, rule in rules:
        if rule.every_s is not None and rule.every_s < envelope.record_every_min_s:
            text = f"a record every {rule.every_s:g} s; this channel needs {envelope.record_every_min_s:g} s"
            yield number, text if number else f"The program asks for {text}"


def _resolutions(segment: CyclingSegment, steps: Sequence[_Demand], envelope: ChannelEnvelope) -> Iterator[_Reason]:
    """Give every value that the channel would take for zero: an end that it may not know as one."""
    tick_s, least_v, least_a = envelope.time_resolution_s, envelope.voltage_resolution_v, envelope.current_resolution_a
    for step in steps:
        for time_s in (step.until.time_s, step.ceiling.time_s):
            if time_s is not None and 0 < time_s < tick_s:
                yield step.number, f"an end after {time_s:g} s; this channel looks for ends every {tick_s:g} s"
        if step.target_v is not None and 0 < abs(step.target_v) < least_v:
            yield (
                step.number,
                f"{_in_volts(step.target_v)} is zero to this channel, whose steps are {least_v * 1e3:g} mV",
            )
        # The charge that flows between two looks: a smaller one has passed before the channel sees it.
        least_ah = max(step.currents_a, default=0.0) * tick_s / 3600
        for charge_ah in (step.until.capacity_ah, step.ceiling.capacity_ah):
            if charge_ah is not None and charge_ah < least_ah:
                yield (
                    step.number,
                    f"an end after {charge_ah * 1e3:g} mAh, less than flows between two looks, {tick_s:g} s",
                )
    rules: list[tuple[int | None, Record]] = [(None, segment.record)]
    rules += [(step.number, step.record) for step in steps if step.record]
    for number, rule in rules:
        for change, least, unit in (
            (rule.voltage_change_v, least_v, "V"),
            (rule.current_change_a, least_a, "A"),
        ):
            if change is not None and change < least:
                text = f"a record every {change:g} {unit}; this channel resolves {least:g} {unit}"
                yield number, text if number else f"The program asks for {text}"


def _flaws(
    segment: CyclingSegment, steps: Sequence[_Demand], drives: Sequence[_Demand], symmetric: bool, is_first: bool
) -> Iterator[_Reason]:
    """Give the flaws that make a segment unsound on any channel."""
    if not segment.steps:
        yield None, "A segment has no steps"
    yield from _ends(steps, drives)
    yield from _sides(segment, drives, symmetric, is_first)
    yield from _targets(segment.limits, drives)
    yield from _order(segment.limits)


def _ends(steps: Sequence[_Demand], drives: Sequence[_Demand]) -> Iterator[_Reason]:
    for step in steps:
        if step.until.time_s is not None and step.until.time_s <= 0:
            yield step.number, f"it lasts {step.until.time_s:g} s"
        if step.direction is None and step.until.time_s is None:
            yield step.number, "a rest needs a time as its end"
    for drive in drives:
        until, ceiling = drive.until, drive.ceiling
        if until.time_s is until.voltage_v is until.current_a is until.capacity_ah is None:
            yield drive.number, "it has no end condition"
        if until.time_s is ceiling.time_s is None:
            yield drive.number, "nothing bounds its time"
        if until.capacity_ah is ceiling.capacity_ah is None:
            yield drive.number, "nothing bounds its charge"
        if until.capacity_ah is not None and until.capacity_ah <= 0:
            yield drive.number, f"it ends after {until.capacity_ah:g} Ah"
        if any(current_a <= 0 for current_a in drive.currents_a):
            yield drive.number, "a current of zero or less"


def _sides(segment: CyclingSegment, drives: Sequence[_Demand], symmetric: bool, is_first: bool) -> Iterator[_Reason]:
    """Give the steps that would end as they begin: on the wrong side of 0 V, or by what runs before them."""
    for drive in drives if symmetric else ():
        way, volts = drive.direction, drive.target_v
        if volts is not None and way is not None and on_wrong_side(way, volts):
            yield drive.number, f"a {way} to {_in_volts(volts)} is on the wrong side of 0 V and would end at once"
    window = segment.guards.open_circuit if is_first else None
    mounted = (0.0, 0.0) if symmetric else None if window is None else (window.low_v, window.high_v)
    for flaw in step_flaws(segment.steps, mounted):
        if flaw.is_unsound and not (symmetric and flaw.behind is None):
            side = "above" if flaw.direction is Direction.CHARGE else "below"
            behind = "as the cell is mounted" if flaw.behind is None else f"after step {flaw.behind}"
            begins = f"begins at {_in_volts(flaw.begins_v)} or {side}, {behind}"
            words = f"a {flaw.direction} to {_in_volts(flaw.target_v)} {begins}, and would end at once"
            yield (flaw.key if isinstance(flaw.key, int) else None), words


def _targets(limits: Limits, drives: Sequence[_Demand]) -> Iterator[_Reason]:
    host, host_a = limits.host, limits.host_current_a
    band = _in_volts(host.low_v, host.high_v)
    for drive in drives:
        volts = drive.target_v
        if volts is not None and not host.low_v < volts < host.high_v:
            yield (
                drive.number,
                f"{_in_volts(volts)} is not inside the host's limits, {band}",
            )
        for current_a in drive.currents_a:
            if current_a >= host_a:
                yield drive.number, f"{_in_amperes(current_a)} is not below the host's limit, {_in_amperes(host_a)}"


def _order(limits: Limits) -> Iterator[_Reason]:
    layers = (
        ("host", limits.host, limits.host_current_a),
        ("tester", limits.tester, limits.tester_current_a),
        ("absolute", limits.absolute, limits.absolute_current_a),
    )
    for (inner, band, current_a), (outer, wider, larger_a) in pairwise(layers):
        if not wider.low_v < band.low_v < band.high_v < wider.high_v:
            wide, narrow = _in_volts(wider.low_v, wider.high_v), _in_volts(band.low_v, band.high_v)
            yield None, f"The {outer} limits, {wide}, are not wider than the {inner} limits, {narrow}"
        if larger_a <= current_a:
            larger, smaller = _in_amperes(larger_a), _in_amperes(current_a)
            yield None, f"The {outer} current limit, {larger}, is not above the {inner} limit, {smaller}"


def _is_finite(value: object) -> bool:
    """Tell whether every number of a program is finite: a NaN would pass all comparisons."""
    if is_dataclass(value):
        return all(_is_finite(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, float) or isfinite(value)


def _sentences(reasons: Iterable[_Reason]) -> list[str]:
    """Turn reasons into sentences, in order; steps that share a reason share a sentence."""
    steps: dict[str, list[int]] = {}
    for number, text in reasons:
        said = steps.setdefault(text, [])
        if number is not None and number not in said:
            said.append(number)
    return [f"{_numbered(numbers)}{text}." for text, numbers in steps.items()]


def _numbered(numbers: list[int]) -> str:
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"Step {numbers[0]}: "
    shown = [str(number) for number in numbers]
    if len(shown) > 6:
        return f"Steps {', '.join(shown[:5])} and {len(shown) - 5} more: "
    return f"Steps {', '.join(shown[:-1])} and {shown[-1]}: "


def _in_volts(*values: float) -> str:
    """Write one voltage, or a band."""
    return " to ".join(f"{value:g}" for value in values) + " V"


def _in_amperes(value: float) -> str:
    """Write a current as a technician reads it."""
    return f"{value:g} A" if value >= 1 else f"{value * 1000:g} mA"
