"""How much lithium a program has plated onto the copper of a Li/Cu cell when each stripping step begins.

A discharge plates its set charge, a charge strips what there is, at most its own set charge. What is plated and
stripped in passes adds up: ten short cycles that strip what they plate leave a reservoir as it is. Where a program
strips more than it has plated by then, the cell bore lithium before, and nothing is known until all of it is stripped.

>>> from protocols.program import ConstantCurrent, Loop, Until
>>> plate, strip = ConstantCurrent(-1e-3, Until(capacity_ah=2e-3)), ConstantCurrent(1e-3, Until(voltage_v=1.0))
>>> strippable([(plate, plate, Loop(2, 3), strip)])
{(0, 4): 0.008}
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from protocols.current_sign import Direction
from protocols.execution_order import Leaf, Node, nest
from protocols.program_steps import PoweredStep, Purpose, Step

_SECONDS_PER_HOUR = 3600.0
# Above this voltage against Li no lithium is plated: a discharge that ends or holds there forms a film.
_FILM_V = 0.0


def strippable(segments: Sequence[Sequence[Step]]) -> dict[tuple[int, int], float]:
    """Give the charge (Ah) on the copper before stripping steps, by index of the segment and number of the step.

    Of a step that is executed several times it is the largest; steps of which nothing is known are left out.
    """
    found: dict[tuple[int, int], float] = {}
    plated: float | None = 0.0
    for index, steps in enumerate(segments):
        walk = _Walk()
        plated = walk.nodes(nest(steps), plated)
        found |= {(index, number): charge_ah for number, charge_ah in walk.found.items() if charge_ah > 0}
    return found


class _Walk:
    def __init__(self) -> None:
        self.found: dict[int, float] = {}

    def nodes(self, nodes: Sequence[Node], plated_ah: float | None) -> float | None:
        """Walk through nodes, and give what is on the copper behind them; None where that is not known."""
        for node in nodes:
            if isinstance(node, Leaf):
                if isinstance(node.step, PoweredStep) and node.step.purpose is Purpose.RECIPE:
                    plated_ah = self._step(node.number, node.step, plated_ah)
                continue
            plated_ah = self._passes(node.body, node.times, plated_ah)
        return plated_ah

    def _passes(self, body: Sequence[Node], times: int, plated_ah: float | None) -> float | None:
        """Walk through the first, the second and the last pass: what a pass adds is the same from the second on."""
        first = self.nodes(body, plated_ah)
        if times == 1:
            return first
        second = self.nodes(body, first)
        if times == 2 or first is None or second is None or first == second:
            return second
        return self.nodes(body, max(0.0, first + (second - first) * (times - 2)))

    def _step(self, number: int, step: PoweredStep, plated_ah: float | None) -> float | None:
        set_ah = _set_ah(step)
        if step.direction is Direction.DISCHARGE:
            if step.target_v is not None and step.target_v > _FILM_V:
                return plated_ah
            return None if plated_ah is None or set_ah == inf else plated_ah + set_ah
        if plated_ah is not None:
            self.found[number] = max(plated_ah, self.found.get(number, 0.0))
        if step.target_v is None:
            # Only its charge or time ends it: what it strips has been there.
            return None if plated_ah is None or set_ah > plated_ah * _ROUNDED else max(0.0, plated_ah - set_ah)
        if set_ah == inf:
            return 0.0
        return None if plated_ah is None else max(0.0, plated_ah - set_ah)


# Charges that were set in decimals and added up in binary.
_ROUNDED = 1 + 1e-9


def _set_ah(step: PoweredStep) -> float:
    """Give the charge at which a step ends by its own charge or time at the latest; infinite where neither is set."""
    until, largest_a = step.until, step.largest_a
    charges = [] if until.capacity_ah is None else [until.capacity_ah]
    if until.time_s is not None and largest_a is not None:
        charges.append(largest_a * until.time_s / _SECONDS_PER_HOUR)
    return min(charges, default=inf)
