"""How far the charge of a cell may drift between two steps that its voltage ends: what a proof asks of each kind.

Of a full cell, charge that passes with no voltage to end it adds up until a step with one puts the cell between its
cutoffs again. Of a Li/Li cell what counts is the lithium that has moved from one foil to the other. Of a Li/Cu cell it
is the lithium on the copper, of which no step without a voltage may strip more than the steps before have plated.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from protocols.current_sign import Direction
from protocols.execution_order import Leaf, Node
from protocols.program import PoweredStep, Purpose
from protocols.proof.effects import Effect, held, most_moved
from protocols.proof.findings import Rule, unproven
from protocols.proof.intervals import Interval

UNGUARDED_PART = Fraction(1, 10)
"""Part of a capacity that may pass with no voltage to end it: pulses of 10 to 30 s pass less than a hundredth of it,
and a host's limit that has to stop a step is a trip, not a plan."""
BARE_V = Fraction(1, 10)
"""From this voltage on a strip has taken all that it can reach; below it its own overpotential may end it."""
_ROUNDED = Fraction(1_000_000_001, 1_000_000_000)


class Drift:
    """The charge that a walk through the steps of a full cell has passed since a voltage last ended a step.

    ``most_ah`` is what may pass without one. Raises Unproven where more may.
    """

    def __init__(self, most_ah: Fraction) -> None:
        self._most_ah = most_ah

    def after(self, where: str, step: PoweredStep, effect: Effect, before: Interval, passes: int) -> Interval:
        """Give the drift after a step, in its pass number ``passes`` of the loops around it."""
        if step.target_v is not None:
            return Interval()
        there = before + effect.net_ah
        far = max(abs(there.low), abs(there.high))
        if far > self._most_ah * _ROUNDED:
            with_whom = f"In pass {passes} of its loop" if passes > 1 else "With the steps before it"
            raise unproven(
                Rule.VOLTAGE,
                where,
                f"a {step.direction} without a voltage that ends it",
                f"It may pass {_mah(effect.largest_ah)}.",
                f"{with_whom} {_mah(far)} pass with no voltage to end them; at most {_mah(self._most_ah)} may.",
                "Only the host's limit would stop the cell: give the step an end voltage.",
            )
        return there


class Foils:
    """The lithium that a walk has moved between the foils of a Li/Li cell, as its steps set it.

    ``most_ah``: what a foil holds; ``least_ohm``: the least resistance of a sound cell, where it is known. Raises
    Unproven where more would move.
    """

    def __init__(self, most_ah: Fraction, least_ohm: float | None = None) -> None:
        self._most_ah = most_ah
        self._least_ohm = least_ohm

    def after(self, where: str, step: PoweredStep, effect: Effect, before: Interval, passes: int) -> Interval:
        """Give what has moved after a step, in its pass number ``passes`` of the loops around it."""
        moved = effect.set_interval
        if moved is None and step.constant_a is None:
            # A held voltage sets no charge.
            most = most_moved(step, effect, self._least_ohm)
            moved = Interval.of(most if step.direction is Direction.CHARGE else -most)
        if moved is None or step.purpose is Purpose.CHECK:
            return before
        there = before + moved
        far = max(abs(there.low), abs(there.high))
        if far > self._most_ah * _ROUNDED:
            after = f" after {passes} passes" if passes > 1 else ""
            raise unproven(
                Rule.CHARGE,
                where,
                f"{_mah(far)} moved from one electrode to the other{after}",
                f"A foil holds at most {_mah(self._most_ah)}: its current collector would be bare.",
                "Nothing moves it back: is a step's direction, its time or its current meant otherwise?",
                *held(step, self._least_ohm),
            )
        return there


class Copper:
    """The lithium on the copper of a Li/Cu cell, as its steps set it; never less than nothing.

    ``most_ah``: what the counter electrode holds; ``least_ohm``: as of foils. Raises Unproven where a step without a
    voltage strips more than is there for certain, and where more is plated than the counter electrode holds. A strip
    that its voltage may end leaves nothing for certain. It takes what it sets, or all where only the voltage of bare
    copper ends it: what a cycle loses is not set, and told by its efficiency.
    """

    def __init__(self, most_ah: Fraction, least_ohm: float | None = None) -> None:
        self._most_ah = most_ah
        self._least_ohm = least_ohm

    def after(self, where: str, step: PoweredStep, effect: Effect, before: Interval, passes: int) -> Interval:
        """Give what is on the copper after a step, in its pass number ``passes`` of the loops around it."""
        if step.purpose is Purpose.CHECK:
            return before
        # A walk that counts what each pass of a loop takes may have counted beyond what there was.
        before = Interval(max(before.low, Fraction(0)), max(before.high, Fraction(0)))
        if step.direction is Direction.DISCHARGE:
            if effect.set_ah is None and step.constant_a is not None and (step.target_v is None or step.target_v <= 0):
                what = "plates lithium with neither a time nor a capacity to end it"
                story = "A healthy cell never reaches that voltage: it plates to the step's ceiling, and the run trips."
                raise unproven(Rule.ENDS, where, what, story)
            own = effect.set_interval
            added = most_moved(step, effect, self._least_ohm) if own is None else -own.low
            least = added if own is None else -own.high
            # Where its voltage or the host may end a plating, it leaves less, and even nothing.
            is_sure = own is not None and not effect.may_be_less and step.target_v is None
            there = before + Interval(least if is_sure else Fraction(0), added)
            if there.high > self._most_ah * _ROUNDED:
                after = f" after {passes} passes" if passes > 1 else ""
                what = f"{_mah(there.high)} plated onto the copper{after}"
                raise unproven(Rule.CHARGE, where, what, *self._holds(), *held(step, self._least_ohm))
            return there
        set_ah = effect.set_interval
        if step.target_v is not None:
            if step.target_v < BARE_V:
                return Interval(Fraction(0), before.high)
            return Interval(Fraction(0), Fraction(0) if set_ah is None else max(Fraction(0), before.high - set_ah.low))
        stripped = effect.largest_ah if set_ah is None else set_ah.high
        if stripped > before.low * _ROUNDED:
            raise unproven(
                Rule.VOLTAGE,
                where,
                f"strips {_mah(stripped)} without a voltage that ends it",
                f"The steps before it leave {_mah(before.low)} on the copper.",
                "When that is gone the electrolyte is oxidised until the host's limit: give it an end voltage.",
            )
        least = stripped if set_ah is None else set_ah.low
        # The host may end it before it has taken anything.
        return Interval(before.low - stripped, before.high if effect.may_be_less else before.high - least)

    def _holds(self) -> tuple[str, str]:
        return (
            f"The counter electrode holds at most {_mah(self._most_ah)}.",
            f"Strips take back what they set, or all of it where a voltage of {float(BARE_V):g} V or more ends them.",
        )


def passed_whole(behind: Interval, step: PoweredStep, effect: Effect) -> Interval:
    """Give what is on the copper behind a step that its own charge has ended, where its voltage might have.

    ``behind`` is what the walk counts where either may have ended it.
    """
    own = effect.set_interval
    if own is None:
        return behind
    if own.high < 0:
        return Interval(min(behind.low - own.high, behind.high), behind.high)
    is_counted = step.target_v is None or step.target_v >= BARE_V
    return behind if is_counted else Interval(behind.low, max(Fraction(0), behind.high - own.low))


Guard = Drift | Foils | Copper


def walk(
    guard: Guard, nodes: Sequence[Node], effects: dict[int, Effect], where: str, before: Interval, passes: int = 1
) -> Interval:
    """Walk through steps and loops, and give what the guard counts behind them. Raises Unproven.

    A loop adds the same in each pass from the second on, so that its first two passes and its last tell all of it.
    """
    for node in nodes:
        if isinstance(node, Leaf):
            if isinstance(node.step, PoweredStep):
                at = f"{where}step {node.number}"
                before = guard.after(at, node.step, effects[node.number], before, passes)
            continue
        first = walk(guard, node.body, effects, where, before, passes)
        if node.times > 1:
            first = _later(guard, node.body, node.times, effects, where, first)
        before = first
    return before


def _later(
    guard: Guard, body: Sequence[Node], times: int, effects: dict[int, Effect], where: str, first: Interval
) -> Interval:
    second = walk(guard, body, effects, where, first, 2)
    if times == 2 or second == first:
        return second
    more = times - 2
    low, high = (first.low + (second.low - first.low) * more, first.high + (second.high - first.high) * more)
    before_last = Interval(min(low, high), max(low, high))
    return walk(guard, body, effects, where, before_last, times)


def _mah(charge_ah: Fraction) -> str:
    return f"{float(charge_ah) * 1000:.4g} mAh"
