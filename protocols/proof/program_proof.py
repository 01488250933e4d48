"""Proves a program safe for its cell, or tells in a short story how it is not.

>>> from protocols.loading import load_cell, load_recipe
>>> from protocols.resolve import resolve
>>> cell = load_cell("bare-li-li")
>>> proof = prove(resolve(load_recipe("li-li-0.4"), cell), cell)
>>> proof.steps, round(proof.longest_s / 3600, 2), proof.voltage.high_v
(203, 200.17, 0.55)
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from protocols.branches import HostEnd, StepEnd
from protocols.by_identity import Same
from protocols.cell import SYMMETRIC, Cell, CellKind, kind_defaults
from protocols.execution_order import Leaf, Node, nest
from protocols.measured_amounts import MeasuredRange
from protocols.normalised import capacity_mah
from protocols.program import (
    CellFacts,
    CyclingSegment,
    Limits,
    MeasurementSegment,
    PoweredStep,
    Program,
    Step,
    VoltageBand,
)
from protocols.program_steps import powered, recorded
from protocols.proof.drift import UNGUARDED_PART, Copper, Drift, Foils, Guard, passed_whole, walk
from protocols.proof.effects import Effect, effect_of, held, most_moved
from protocols.proof.findings import CounterExample, Proof, Rule, Unproven, unproven
from protocols.proof.intervals import Interval
from protocols.proof.layers import inside, layers, measured
from protocols.proof.passes import passes_move
from protocols.proof.ways import Ways, host_ends
from protocols.usual_bands import BANDS, Judged, usual
from protocols.voltage_order import step_flaws

LONGEST_S = 10 * 365 * 86400.0
"""What no program of a coin cell takes, at most: a calendar ageing test is planned for years, not for ten."""
_ROUNDED = Fraction(1_000_000_001, 1_000_000_000)
# A measurement may be tried again, and its instrument may be slower than expected (forecast.py).
_MEASURED_TIMES = 3


_Key = tuple[Same[tuple[Step, ...]], Limits, tuple[HostEnd, ...], float | None, bool, tuple[MeasuredRange, ...]]
_Steps = tuple[tuple[Node, ...], dict[int, Effect], Effect]


def prove(program: Program, cell: Cell | None = None, *, longest_s: float = LONGEST_S) -> Proof | CounterExample:
    """Prove that every step of a program ends, inside its limits and inside what its cell holds.

    ``cell``: the cell that is to be on the channel, where it is known besides what the program says of it;
    ``longest_s``: the bound of the duration. The bounds of the proof are exact, whatever the cell does.
    """
    if cell is None and longest_s == LONGEST_S:
        return _proven_before(Same(program))
    return _proven(program, cell, longest_s)


@lru_cache(maxsize=8)
def _proven_before(program: Same[Program]) -> Proof | CounterExample:
    """Prove the very same program once: a service asks again and again between an order and its start."""
    return _proven(program.value, None, LONGEST_S)


def _proven(program: Program, cell: Cell | None, longest_s: float) -> Proof | CounterExample:
    try:
        return _Prover(program).proof(cell, longest_s)
    except Unproven as err:
        return err.found


class _Prover:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._several = len(program.segments) > 1
        different = {(id(it.steps), it.measured_ranges): it for it in program.cycling}.values()
        extremes = [one for segment in different for one in segment.extremes]
        currents = [step.largest_a or 0.0 for segment in extremes for _, step in powered(segment.steps)]
        self._largest_a = max(currents, default=0.0)
        full_mah = _full_mah(program.cell)
        self._proven: dict[_Key, _Steps] = {}
        self._behind: dict[tuple[_Key, Interval], Interval] = {}
        self._full_ah = None if full_mah is None or not full_mah > 0 else Fraction(full_mah) / 1000

    def proof(self, cell: Cell | None, longest_s: float) -> Proof:
        """Prove the whole program, and give its bounds. Raises Unproven at the first rule that it breaks."""
        program = self._program
        if cell is not None and cell.facts() != program.cell:
            what = f"made for cell {program.cell.name}"
            raise unproven(Rule.WAY, "The program", what, f"Cell {cell.name} has other facts: resolve the recipe anew.")
        if not program.cycling:
            raise unproven(Rule.WAY, "The program", "nothing to run", "It has no step for a tester.")
        total = self._segments()
        if total.time_s.high > Fraction(longest_s):
            what = f"may take {float(total.time_s.high) / 3600:.6g} h"
            raise unproven(Rule.TIME, "The program", what, f"The bound is {longest_s / 3600:.6g} h.")
        return self._told(total)

    def _segments(self) -> Effect:
        """Prove the segments in order, and give the effect of all of them; one that the run may pass over adds or not.

        What is counted of a cell when a segment begins holds every way that leads there.
        """
        segments = self._program.segments
        ways = Ways(segments)
        host = self._program.cycling[0].limits.host
        total, counted = Effect(), {0: Interval()}
        for index, segment in enumerate(segments):
            where = f"test {index + 1}, " if self._several else ""
            before = counted[index]
            if isinstance(segment, MeasurementSegment):
                measured(f"test {index + 1}", segment, host)
                longest = Fraction(segment.settle_max_s) + _MEASURED_TIMES * Fraction(segment.technique.expected_s)
                effect, behind = Effect(time_s=Interval(Fraction(segment.rest_s), longest), executed=1), before
            else:
                host = segment.limits.host
                effect, behind = self._cycling(where, segment, before)
            total = total.then(effect.or_less() if index in ways.passed_over else effect)
            for there in ways.behind(index):
                came = self._by_charge(index, behind) if there == index + 1 else behind
                counted[there] = came if there not in counted else counted[there] | came
        passes_move(segments)
        return total

    def _by_charge(self, index: int, behind: Interval) -> Interval:
        """Give what is counted where a run goes on with the next segment, though at a voltage it leaves.

        A reservoir on copper is cycled until a strip meets its voltage: where the run goes on, the strip was whole. So
        was a plating at whose voltage the run is over.
        """
        segment = self._program.segments[index]
        # Another condition that leads on, too, may hold first.
        goes_on = any(branch.to == index + 1 for branch in segment.after)
        leaves = not goes_on and any(branch.reason is StepEnd.VOLTAGE for branch in segment.after)
        if not leaves or not isinstance(segment, CyclingSegment) or self._program.cell.kind != CellKind.LI_CU:
            return behind
        number, step = recorded(segment.steps)[-1]
        # The last step of a loop has ended earlier passes too, of which the branch has not seen the ends. One that the
        # host has ended leads on as well.
        is_alone = number == len(segment.steps) and not segment.host_may_end
        if not is_alone or not isinstance(step, PoweredStep) or step.target_v is None:
            return behind
        return passed_whole(behind, step, self._proven[_key(segment)][1][number])

    def _cycling(self, where: str, segment: CyclingSegment, counted: Interval) -> tuple[Effect, Interval]:
        """Prove a segment, and give its effect and what the guard of its cell counts behind it."""
        # The passes of a loop that the host decides are alike: each is proven once for what is counted before it.
        key = _key(segment)
        proven = self._proven.get(key)
        if proven is None:
            proven = self._proven[key] = self._steps(where, segment)
        nodes, effects, effect = proven
        behind = self._behind.get((key, counted))
        if behind is None:
            guard = self._guard(effects, segment.guards.resistance_low_ohm)
            behind = counted if guard is None else walk(guard, nodes, effects, where, counted)
            self._behind[key, counted] = behind
        return effect, behind

    def _steps(self, where: str, segment: CyclingSegment) -> _Steps:
        nodes = _nested(where, segment)
        effects: dict[int, Effect] = {}
        for extreme in segment.extremes:
            for number, step in recorded(extreme.steps):
                effect = effect_of(f"{where}step {number}", step)
                effects[number] = effects[number].or_as(effect) if number in effects else effect
        if segment.host_may_end:
            last = max(effects)
            effects[last] = effects[last].or_less()
        layers(f"{where}limits", segment.limits, self._largest_a)
        for extreme in segment.extremes:
            inside(where, extreme, self._program)
        host_ends(f"{where}step {max(effects)}", segment)
        self._order(where, segment)
        self._charges(where, segment, effects)
        return nodes, effects, self._passes(where, nodes, effects)

    def _guard(self, effects: dict[int, Effect], least_ohm: float | None) -> Guard | None:
        """Give what watches over the charge of a cell of this kind; None where the cell's file does not allow it."""
        cell = self._program.cell
        foil_ah = _foil_ah(cell)
        if cell.kind in SYMMETRIC:
            return None if foil_ah is None else Foils(foil_ah, least_ohm)
        if cell.kind == CellKind.LI_CU:
            return None if foil_ah is None else Copper(foil_ah, least_ohm)
        # Where no capacity is known, the largest charge that a step may pass stands for it.
        largest = max((effect.largest_ah for effect in effects.values()), default=Fraction(0))
        return Drift(UNGUARDED_PART * (self._full_ah or largest))

    def _charges(self, where: str, segment: CyclingSegment, effects: dict[int, Effect]) -> None:
        """See that no step passes more than its cell holds."""
        cell, least_ohm = self._program.cell, segment.guards.resistance_low_ohm
        if cell.kind in SYMMETRIC or cell.kind == CellKind.LI_CU:
            most, holds = _foil_ah(cell), "a foil"
        else:
            factor = Fraction(kind_defaults(cell.kind).capacity_factor)
            most, holds = None if self._full_ah is None else factor * self._full_ah, f"{float(factor):g} times the cell"
        for number, step in powered(segment.steps):
            passed = most_moved(step, effects[number], least_ohm)
            if most is not None and passed > most * _ROUNDED:
                what = f"may pass {float(passed) * 1000:.4g} mAh"
                more = f"That is more than {holds} holds, {float(most) * 1000:.4g} mAh"
                ends = "" if step.holds_voltage else ", if its voltage does not end it"
                raise unproven(Rule.CHARGE, f"{where}step {number}", what, f"{more}{ends}.", *held(step, least_ohm))

    def _order(self, where: str, segment: CyclingSegment) -> None:
        window = segment.guards.open_circuit if segment is self._program.cycling[0] else None
        mounted = None if window is None else (window.low_v, window.high_v)
        for flaw in step_flaws(segment.steps, mounted, None if self._full_ah is None else float(self._full_ah)):
            if flaw.is_unsound:
                behind = "as it is mounted" if flaw.behind is None else f"after step {flaw.behind}"
                what = f"a {flaw.direction} to {flaw.target_v:g} V"
                story = (
                    f"The cell is at {flaw.begins_v:g} V or beyond {behind}: the step ends as it begins, every time."
                )
                raise unproven(Rule.ORDER, f"{where}step {flaw.key}", what, story)

    def _passes(self, where: str, nodes: Sequence[Node], effects: dict[int, Effect]) -> Effect:
        """Give the effect of steps and loops, and see that each pass of a loop goes on."""
        total = Effect()
        for node in nodes:
            if isinstance(node, Leaf):
                total = total.then(effects[node.number])
                continue
            body = self._passes(where, node.body, effects)
            if node.times > 1 and body.time_s.low == 0:
                self._progress(where, node.body, node.times)
            total = total.then(body.repeated(node.times))
        return total

    def _progress(self, where: str, body: Sequence[Node], times: int) -> None:
        """See that a loop that only voltages end moves its cell both ways: else they end each later pass at once."""
        leaves = _leaves(body)
        drives = [leaf.step for leaf in leaves if isinstance(leaf.step, PoweredStep)]
        own = [end for step in drives for end in (step.until.time_s, step.until.capacity_ah) if end is not None]
        if drives and not own and len({step.direction for step in drives}) == 1:
            raise unproven(
                Rule.LOOPS,
                f"{where}steps {leaves[0].number} to {leaves[-1].number}",
                f"repeated {times} times, each a {drives[0].direction} to a voltage",
                "The first pass brings the cell there. Every later one ends as it begins: the loop does nothing.",
            )

    def _told(self, total: Effect) -> Proof:
        bands = [segment.limits.host for segment in self._program.cycling]
        return Proof(
            steps=total.executed,
            shortest_s=float(total.time_s.low),
            longest_s=float(total.time_s.high),
            charge_ah=float(total.passed_ah),
            step_charge_ah=float(total.largest_ah),
            net_charge_ah=(float(total.net_ah.low), float(total.net_ah.high)),
            largest_current_a=float(total.largest_a),
            voltage=VoltageBand(min(band.low_v for band in bands), max(band.high_v for band in bands)),
        )


def _key(segment: CyclingSegment) -> _Key:
    least_ohm, may_end = segment.guards.resistance_low_ohm, segment.host_may_end
    return Same(segment.steps), segment.limits, segment.ends, least_ohm, may_end, segment.measured_ranges


def _nested(where: str, segment: CyclingSegment) -> tuple[Node, ...]:
    if not segment.steps:
        raise unproven(Rule.WAY, f"{where}steps", "none", "A tester has nothing to run.")
    try:
        return nest(segment.steps)
    except ValueError as err:
        story = "A loop leads back to a step before it, at least once, and crosses no other."
        raise unproven(Rule.WAY, where.rstrip(", ") or "The program", str(err), story) from err


def _leaves(nodes: Sequence[Node]) -> list[Leaf]:
    """Give the steps of nodes in the order in which they stand, loops opened once."""
    found: list[Leaf] = []
    for node in nodes:
        found += [node] if isinstance(node, Leaf) else _leaves(node.body)
    return found


def _full_mah(cell: CellFacts) -> float | None:
    """Give what a cell holds when full, as its ceilings take it: by its active mass where the kind tells that."""
    specific = kind_defaults(cell.kind).specific_capacity
    if specific is not None and cell.active_mass_mg is not None:
        return float(specific) * cell.active_mass_mg
    return capacity_mah(cell)


def _foil_ah(cell: CellFacts) -> Fraction | None:
    """Give the charge of a lithium foil on the area of a cell; None where its area is not known."""
    band = usual(cell.kind, BANDS).get(Judged.STEP_CHARGE)
    return None if band is None or not cell.area_cm2 else Fraction(band.high) * Fraction(cell.area_cm2) / 1000
