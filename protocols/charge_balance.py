"""Doubts about the charge that a program moves one way, and about limits wider than a kind of cell is used in.

They are possible and sometimes meant, so that a person is asked: in a loop of a Li/Li cell each pass moves lithium to
the same side, or a strip of a Li/Cu cell is over before it can have taken what was plated.

>>> from protocols.program import CellFacts, ConstantCurrent, Loop, Until
>>> up, down = ConstantCurrent(1e-3, Until(time_s=3600.0)), ConstantCurrent(-1e-3, Until(time_s=360.0))
>>> [round(loop.net_ah * 1000, 3) for loop in unbalanced_loops((up, down, Loop(1, 50)))]
[0.9]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from protocols.branches import StepEnd
from protocols.cell import SYMMETRIC, CellKind, kind_defaults
from protocols.current_sign import Direction
from protocols.execution_order import Block, Leaf, Node, nest
from protocols.normalised import plain
from protocols.plated_charge import strippable
from protocols.program import MeasurementSegment, Program
from protocols.program_steps import PoweredStep, Purpose, Step, longest, powered

TAKEN_BACK = 8.0
"""A half-cycle of a symmetric cell that passes so many times what the next one takes back is probably a slip of ten."""
UNBALANCED_PART = 0.01
"""Part of what a pass moves that may stay on one side: rounding of times and currents, not a half-cycle."""
_SECONDS_PER_HOUR = 3600.0
_LEFT_PART = 0.9
"""Part of the plated lithium that a strip must be able to take: one that is left behind is no longer its own."""
LEAST_STRIP_V = 0.01
"""Strips end at 0.5 to 1.5 V, where no lithium is left; below 10 mV the overpotential of any cell ends them."""
_LI_CU_BAND = -1.0, 4.5
"""Volts between which Li/Cu cells are used: far below 0 V a cell is dry, above 4.5 V its electrolyte is oxidised."""


@dataclass(frozen=True, slots=True)
class UnbalancedLoop:
    """A loop whose passes all move charge to one side: its steps, passes, and net charge of a pass (Ah, signed)."""

    first: int
    last: int
    times: int
    net_ah: float


def unbalanced_loops(steps: Sequence[Step], *, is_one_way: bool = False) -> list[UnbalancedLoop]:
    """Give the loops of several powered steps whose set charges do not balance; none where a step sets no charge.

    ``is_one_way``: nothing in the program goes the other way, so that a loop of one powered step counts too.
    """
    try:
        nodes = nest(steps)
    except ValueError:
        return []
    return list(_loops(nodes, 1 if is_one_way else 2))


def _loops(nodes: Sequence[Node], least: int) -> Iterator[UnbalancedLoop]:
    for node in nodes:
        if isinstance(node, Block):
            charges = list(_charges(node.body))
            known = [charge_ah for charge_ah in charges if charge_ah is not None]
            net_ah, moved_ah = sum(known), sum(map(abs, known))
            is_pair = node.times > 1 and len(charges) >= least and len(known) == len(charges)
            if is_pair and abs(net_ah) > UNBALANCED_PART * moved_ah:
                numbers = list(_numbers(node.body))
                yield UnbalancedLoop(min(numbers), max(numbers), node.times, net_ah)
            else:
                yield from _loops(node.body, least)


def _charges(nodes: Sequence[Node]) -> Iterator[float | None]:
    """Give the signed charge that each execution of a powered step sets, None where it sets none."""
    for node in nodes:
        if isinstance(node, Block):
            inside = list(_charges(node.body))
            yield from (None if one is None else one * node.times for one in inside)
        elif isinstance(node.step, PoweredStep) and node.step.purpose is Purpose.RECIPE:
            yield _set_ah(node.step)


def _set_ah(step: PoweredStep) -> float | None:
    if step.constant_a is None:
        return None
    charges = [] if step.until.capacity_ah is None else [step.until.capacity_ah]
    if step.until.time_s is not None:
        charges.append(abs(step.constant_a) * step.until.time_s / _SECONDS_PER_HOUR)
    sign = 1 if step.direction is Direction.CHARGE else -1
    return sign * min(charges) if charges else None


def _numbers(nodes: Sequence[Node]) -> Iterator[int]:
    for node in nodes:
        if isinstance(node, Leaf):
            yield node.number
        else:
            yield from _numbers(node.body)


def _pairs(test: str, steps: Sequence[Step]) -> Iterator[str]:
    """Give a sentence for two half-cycles behind each other of which one passes many times the charge of the other."""
    drives = [(number, step) for number, step in powered(steps) if step.purpose is Purpose.RECIPE]
    for (first, one), (second, other) in pairwise(drives):
        charge_ah, back_ah = _set_ah(one), _set_ah(other)
        if charge_ah is None or back_ah is None or charge_ah * back_ah > 0:
            continue
        ratio = abs(charge_ah / back_ah)
        if max(ratio, 1 / ratio) >= TAKEN_BACK:
            passes, takes = plain(abs(charge_ah) * 1000), plain(abs(back_ah) * 1000)
            yield f"Steps {test}{first} and {test}{second}: one passes {passes} mAh and the other {takes} mAh back."


def _at_once(program: Program) -> Iterator[str]:
    """Give a sentence for each end voltage of a symmetric cell below what its current takes in any sound cell."""
    several = len(program.segments) > 1
    for test, segment in enumerate(program.segments, 1):
        least_ohm = None if isinstance(segment, MeasurementSegment) else segment.guards.resistance_low_ohm
        if isinstance(segment, MeasurementSegment) or least_ohm is None:
            continue
        for number, step in powered(segment.steps):
            takes_v = (step.largest_a or 0.0) * least_ohm
            if step.purpose is Purpose.RECIPE and step.target_v is not None and abs(step.target_v) <= takes_v:
                where = f"{test}.{number}" if several else f"{number}"
                told = f"{plain((step.largest_a or 0.0) * 1000)} mA take {plain(takes_v)} V in {plain(least_ohm)} ohm"
                yield f"Step {where}: {told}, the least of a sound cell: it ends at {step.target_v:g} V as it begins."


def balance_doubts(program: Program) -> Iterator[str]:
    """Give a sentence for each loop of a symmetric cell that moves charge one way, and each strip that is too short."""
    if program.cell.kind in SYMMETRIC:
        yield from _one_way(program)
        yield from _at_once(program)
    if program.cell.kind == CellKind.LI_CU:
        yield from _short_strips(program)


def _one_way(program: Program) -> Iterator[str]:
    several = len(program.segments) > 1
    drives = [step for segment in program.cycling for _, step in powered(segment.steps)]
    is_one_way = len({step.direction for step in drives if step.purpose is Purpose.RECIPE}) == 1
    for test, segment in enumerate(program.segments, 1):
        if isinstance(segment, MeasurementSegment):
            continue
        where = f"{test}." if several else ""
        found = unbalanced_loops(segment.steps, is_one_way=is_one_way)
        if not found:
            yield from _pairs(where, segment.steps)
        for loop in found:
            moved_mah, passes = abs(loop.net_ah) * 1000, f"{loop.times} passes"
            what = f"each pass moves {plain(moved_mah)} mAh more by {'charge' if loop.net_ah > 0 else 'discharge'}"
            yield (
                f"Steps {where}{loop.first} to {where}{loop.last}: {what}, {plain(moved_mah * loop.times)} mAh in "
                f"{passes}, and nothing moves it back."
            )


def _short_strips(program: Program) -> Iterator[str]:
    segments = [() if isinstance(one, MeasurementSegment) else one.steps for one in program.segments]
    try:
        plated = strippable(segments)
    except ValueError:
        return
    several = len(segments) > 1
    for index, steps in enumerate(segments):
        test = f"{index + 1}." if several else ""
        yield from _only_plating(test, nest(steps))
        for number, step in powered(steps):
            ends_v = step.target_v
            if step.direction is Direction.CHARGE and ends_v is not None and ends_v <= LEAST_STRIP_V:
                yield f"Step {test}{number}: lithium on copper is at 0 V: a strip to {ends_v:g} V ends as it begins."
    # The strips of a reservoir leave lithium behind on purpose: what counts is the last one.
    for (index, number), plated_ah in sorted(plated.items())[-1:]:
        step = dict(powered(segments[index]))[number]
        longest_s, most_ah = longest(step)
        most_ah = min(most_ah, (step.largest_a or 0.0) * longest_s / _SECONDS_PER_HOUR)
        if any(branch.reason is StepEnd.VOLTAGE for branch in program.segments[index].after):
            # What it leaves is asked for: the run goes on until a strip meets its voltage.
            continue
        if step.target_v is not None and most_ah < _LEFT_PART * plated_ah:
            where = f"{index + 1}.{number}" if several else f"{number}"
            plates = f"the steps before it plate {plain(plated_ah * 1000)} mAh"
            yield (
                f"Step {where}: it strips at most {plain(most_ah * 1000)} mAh, and {plates}: it ends before its "
                f"{step.target_v:g} V."
            )


def _only_plating(test: str, nodes: Sequence[Node]) -> Iterator[str]:
    """Give a sentence for each loop of several powered steps that plates in each pass and never strips."""
    for node in nodes:
        if not isinstance(node, Block):
            continue
        drives = [step for step in _drives(node.body) if step.purpose is Purpose.RECIPE]
        if node.times > 1 and len(drives) > 1 and all(step.direction is Direction.DISCHARGE for step in drives):
            numbers = list(_numbers(node.body))
            steps = f"Steps {test}{min(numbers)} to {test}{max(numbers)}"
            yield f"{steps}: each of {node.times} passes plates lithium, and no step in them strips any."
        else:
            yield from _only_plating(test, node.body)


def _drives(nodes: Sequence[Node]) -> Iterator[PoweredStep]:
    for node in nodes:
        if isinstance(node, Block):
            yield from _drives(node.body)
        elif isinstance(node.step, PoweredStep):
            yield node.step


def limit_doubts(program: Program) -> Iterator[str]:
    """Give a sentence where the host lets a cell go further than its kind is ever taken."""
    kind = program.cell.kind
    usual = kind_defaults(kind).absolute
    band = _LI_CU_BAND if kind == CellKind.LI_CU else None if usual is None else (float(usual[0]), float(usual[1]))
    hosts = [segment.limits.host for segment in program.cycling]
    if band is None or not hosts:
        return
    low_v, high_v = min(host.low_v for host in hosts), max(host.high_v for host in hosts)
    if low_v < band[0] or high_v > band[1]:
        yield (
            f"limits: the host lets the cell go to {low_v:g} and {high_v:g} V, and a {kind} cell is used between "
            f"{band[0]:g} and {band[1]:g} V."
        )
