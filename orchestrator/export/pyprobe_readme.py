"""The README.yaml of PyProBE: the steps of a program in the words of a PyBaMM experiment, and which are its cycles.

Each loop is an experiment of its own, so that cycles of a formation and of the test behind it are counted apart. Texts
keep to what PyBaMM understands: "for" before "until", because a step without a time is ended there after a day without
a word, and milliamperes for less, because it knows no microamperes (seen with PyBaMM 26.10).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Program, Rest, Segment
from protocols.program_steps import (
    CcCv,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    RecordedStep,
    Step,
    longest,
    loops,
    recorded,
)

_LEAST_A = 0.1
"""Currents below are written in mA."""


@dataclass(frozen=True, slots=True)
class StepNumbers:
    """The numbers of a program's steps, counted on from one segment to the next: PyProBE knows no segments."""

    firsts: tuple[int, ...]

    @classmethod
    def of(cls, program: Program) -> StepNumbers:
        """Count the steps of a program; a measurement of a potentiostat is one."""
        return cls(tuple(accumulate((_length(segment) for segment in program.segments), initial=0)))

    def before(self, segment: int) -> int:
        """Return how many steps lie before a segment."""
        return self.firsts[segment]


def _length(segment: Segment) -> int:
    return len(segment.steps) if isinstance(segment, CyclingSegment) else 1


def readme_text(program: Program, segments: Collection[int]) -> str:
    """Return the text of a README.yaml: of the ``segments`` that have records, by their places in the program."""
    from io import StringIO

    from ruamel.yaml import YAML

    numbers, experiments = StepNumbers.of(program), {}
    for index in sorted(segment for segment in segments if segment < len(program.segments)):
        segment = program.segments[index]
        offset = numbers.before(index)
        if not isinstance(segment, CyclingSegment):
            experiments[f"Segment {index + 1}"] = {"Steps": {offset + 1: "Rest (measurement by a potentiostat)"}}
            continue
        for first, last in _blocks(segment.steps):
            is_loop = any(first <= own <= last for own, _ in loops(segment.steps))
            end = max(number for number, _ in recorded(segment.steps) if number <= last)
            name = f"Segment {index + 1}, {'cycles of steps' if is_loop else 'steps'} {first} to {end}"
            experiments[name] = _experiment(segment.steps, first, last, offset)
    text = StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.dump(experiments, text)
    return text.getvalue()


def _blocks(steps: tuple[Step, ...]) -> list[tuple[int, int]]:
    """Return the outermost loops and the stretches between them, as first and last step number."""
    spans = sorted((loop.back_to, own) for own, loop in loops(steps) if loop.back_to < own)
    found: list[tuple[int, int]] = []
    at = 1
    for first, last in _outermost(spans):
        if first > at:
            found.append((at, first - 1))
        found.append((first, last))
        at = last + 1
    if at <= len(steps):
        found.append((at, len(steps)))
    return [block for block in found if any(block[0] <= number <= block[1] for number, _ in recorded(steps))]


def _outermost(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans that lie in no other; where two share a part, the one that begins first."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not found or first > found[-1][1]:
            found.append((first, last))
    return found


def _experiment(steps: tuple[Step, ...], first: int, last: int, offset: int) -> dict[str, Any]:
    """Return one experiment: its steps, and its loops, the outermost first, by the last step that makes records."""
    mine = {number: step for number, step in recorded(steps) if first <= number <= last}
    told: dict[str, Any] = {"Steps": {offset + number: pybamm_text(step) for number, step in mine.items()}}
    ends: dict[int, tuple[int, int]] = {}
    for own, loop in loops(steps):
        inside = [number for number in mine if loop.back_to <= number < own]
        if first <= own <= last and inside:
            # PyProBE sees a cycle end where its last step is left: two loops that end alike are one to it.
            start, times = ends.get(inside[-1], (inside[0], 1))
            ends[inside[-1]] = (max(start, inside[0]), times * loop.times)
    wide_first = sorted(ends.items(), key=lambda item: item[1][0] - item[0])
    for number, (end, (start, times)) in enumerate(wide_first, 1):
        told[f"Cycle {number}"] = {"Start": offset + start, "End": offset + end, "Count": times}
    return told


def pybamm_text(step: RecordedStep) -> str:
    """Return a step in the words of a PyBaMM experiment."""
    time_s, _ = longest(step)
    lasting = f" for {_number(time_s)} seconds" if time_s < float("inf") else ""
    if isinstance(step, Rest):
        return f"Rest{lasting}"
    if isinstance(step, ConstantVoltage):
        ends = [] if step.until.current_a is None else [_current(step.until.current_a)]
        return _joined(f"Hold at {_number(step.voltage_v)} V{lasting}", ends)
    if isinstance(step, ConstantPower | ConstantResistance):
        return _loaded(step, lasting)
    word = "Charge" if step.direction is Direction.CHARGE else "Discharge"
    text = f"{word} at {_current(abs(step.current_a))}{lasting}"
    target_v = step.target_v
    told = _joined(text, [] if target_v is None else [f"{_number(target_v)} V"])
    if not isinstance(step, CcCv):
        return told
    # Two steps to PyBaMM: it refuses the text, which is better than half of what was done.
    ends = [] if step.until.current_a is None else [_current(step.until.current_a)]
    return f"{told}, then {_joined(f'hold at {_number(step.voltage_v)} V', ends)}"


def _loaded(step: ConstantPower | ConstantResistance, lasting: str) -> str:
    """Return a step of constant power or resistance in the words of a PyBaMM experiment."""
    word = "Charge" if step.direction is Direction.CHARGE else "Discharge"
    held = (
        f"{_number(step.resistance_ohm)} Ohm" if step.resistance_ohm is not None else f"{_number(step.power_w or 0)} W"
    )
    return _joined(f"{word} at {held}{lasting}", [] if step.target_v is None else [f"{_number(step.target_v)} V"])


def _joined(text: str, ends: list[str]) -> str:
    if not ends:
        return text
    return f"{text} or until {ends[0]}" if " for " in text else f"{text} until {ends[0]}"


def _current(current_a: float) -> str:
    return f"{_number(current_a)} A" if current_a >= _LEAST_A else f"{_number(current_a * 1e3)} mA"


def _number(value: float) -> str:
    return f"{value:.12g}"
