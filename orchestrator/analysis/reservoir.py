"""Mean efficiency of lithium plating over a reservoir, the modified Aurbach method for Li/Cu cells.

A reservoir is plated on the copper, a small part of it is stripped and plated n times, and at last all is stripped up
to a cutoff. What was stripped in all over what was plated in all is the efficiency of one cycle in the mean:
(n Q_cycle + Q_strip) / (n Q_cycle + Q_reservoir) of Adams et al., Adv. Energy Mater. 8 (2018) 1702097. Here both sums
are of the charges that passed, not of those that were set, so that a cycle that was cut short counts as it was.

The parts are told apart by the program: after a plating, cycles whose halves are set to one and the same smaller
charge, then a strip to a voltage that is not set to that charge. Platings and strips before the reservoir condition the
copper and have efficiencies of their own (``orchestrator.judging.cycles``). Plating is a discharge, stripping a charge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from math import inf, isclose
from typing import TYPE_CHECKING

from drivers.interfaces import EndReason
from orchestrator.judging.cycles import COMPLETE_ENDS, ENDED_BY
from protocols.current_sign import Direction
from protocols.half_cycles import CycleNumbers
from protocols.program import CyclingSegment, PoweredStep

if TYPE_CHECKING:
    from orchestrator.tables.run_data import RunData

_LI_CU = "li-cu"
# Set charges are equal within this part: times and currents are written with a few digits.
_EQUAL = 0.01


@dataclass(frozen=True, slots=True)
class Passage:
    """Charge that passed in one direction in one part of the program; ``cycle`` is that in which it began.

    ``set_ah`` is the charge that the program sets, by charge or by time and current; infinite where it sets none.
    """

    cycle: int
    direction: Direction
    loop: tuple[int, int]
    ah: float
    set_ah: float
    ends_by_voltage: bool
    end_reason: EndReason

    @property
    def is_complete(self) -> bool:
        """Whether the cell's own voltage ended it."""
        return self.end_reason in COMPLETE_ENDS

    def joined(self, later: Passage) -> Passage:
        """Return this passage and one that goes on with it."""
        return Passage(
            self.cycle,
            self.direction,
            self.loop,
            self.ah + later.ah,
            self.set_ah + later.set_ah,
            later.ends_by_voltage,
            later.end_reason,
        )


@dataclass(frozen=True, slots=True)
class Conditioning:
    """A plating and a strip before the reservoir, in Ah."""

    cycle: int
    plated_ah: float
    stripped_ah: float
    strip_ended_by: EndReason


@dataclass(frozen=True, slots=True)
class ReservoirTest:
    """One reservoir test of a run, as far as it has run; charges are magnitudes in Ah.

    ``cycled_plated_ah`` and ``cycled_stripped_ah`` are sums over the ``n`` cycles of ``set_ah`` each.
    ``efficiency`` is a fraction; None, with the reason among the ``remarks``, until the final strip has run.
    """

    conditioning: tuple[Conditioning, ...]
    reservoir_cycle: int
    reservoir_ah: float
    n: int
    set_ah: float
    cycled_plated_ah: float
    cycled_stripped_ah: float
    final_cycle: int | None
    final_strip_ah: float | None
    final_strip_ended_by: EndReason | None
    efficiency: float | None
    remarks: tuple[str, ...]


def reservoir_tests(data: RunData) -> list[ReservoirTest]:
    """Return the reservoir tests of a Li/Cu run, in order; none of another kind of cell, or without its program."""
    if data.program.cell.kind != _LI_CU or not data.program.segments:
        return []
    return reservoir_tests_of(passages(data))


def reservoir_tests_of(passed: Sequence[Passage]) -> list[ReservoirTest]:
    """Return the reservoir tests among the platings and strips of a Li/Cu cell, in order."""
    return list(_tests(passed))


def passages(data: RunData) -> list[Passage]:
    """Return the platings and strips of a run; two in one direction are apart where a loop begins or ends between."""
    numbers = CycleNumbers.of(data.as_run)
    found: list[Passage] = []
    halves: list[int] = []
    for parts in data.whole_steps:
        place, segment = numbers.at(parts[0].place.count), data.program.segments[parts[0].place.segment]
        if not place.half or place.pulse is not None or not isinstance(segment, CyclingSegment):
            continue
        step = segment.steps[parts[0].place.step - 1]
        if not isinstance(step, PoweredStep) or place.direction is None:
            continue
        this = Passage(
            place.cycle,
            place.direction,
            place.loop,
            sum(part.executed.capacity_ah for part in parts),
            _set_ah(step),
            step.target_v is not None,
            parts[-1].executed.end_reason,
        )
        if found and halves[-1] == place.half and found[-1].loop == place.loop:
            found[-1] = found[-1].joined(this)
        else:
            found.append(this)
            halves.append(place.half)
    return found


def _set_ah(step: PoweredStep) -> float:
    """Return the charge at which a step ends by what is set of it, whatever the cell does."""
    by_time = inf
    if step.until.time_s is not None and step.constant_a is not None:
        by_time = abs(step.constant_a) * step.until.time_s / 3600
    return min(by_time, inf if step.until.capacity_ah is None else step.until.capacity_ah)


def _tests(passed: Sequence[Passage]) -> Iterator[ReservoirTest]:
    behind = at = 0
    while at < len(passed):
        cycled = _cycled(passed, at)
        if not cycled:
            at += 1
            continue
        after = at + 1 + len(cycled)
        final = passed[after] if after < len(passed) and _is_final(passed[after], cycled[0].set_ah) else None
        yield _test(passed[behind:at], passed[at], cycled, final)
        behind = at = after + (final is not None)


def _is_final(one: Passage, set_ah: float) -> bool:
    """Return whether a passage strips to a voltage, and is not the half of one more cycle."""
    is_half = isclose(one.set_ah, set_ah, rel_tol=_EQUAL)
    return one.direction is Direction.CHARGE and one.ends_by_voltage and not is_half


def _cycled(passed: Sequence[Passage], at: int) -> Sequence[Passage]:
    """Return the halves of the cycles over a reservoir that is plated at this place; empty where there is none."""
    reservoir, later = passed[at], passed[at + 1 :]
    if reservoir.direction is not Direction.DISCHARGE or not later or later[0].set_ah == inf:
        return []
    set_ah = later[0].set_ah
    if not reservoir.set_ah > set_ah * (1 + _EQUAL):
        return []
    equal = list(takewhile(lambda one: isclose(one.set_ah, set_ah, rel_tol=_EQUAL), later))
    turns = [one for n, one in enumerate(equal) if one.direction is not equal[n - 1].direction or n == 0]
    # A cycle is two halves, in either order.
    return turns[: len(turns) // 2 * 2] if len(turns) == len(equal) else []


def _test(
    before: Sequence[Passage], reservoir: Passage, cycled: Sequence[Passage], final: Passage | None
) -> ReservoirTest:
    plated = sum(one.ah for one in cycled if one.direction is Direction.DISCHARGE)
    stripped = sum(one.ah for one in cycled if one.direction is Direction.CHARGE)
    conditioning = tuple(
        Conditioning(one.cycle, one.ah, other.ah, other.end_reason)
        for one, other in pairwise(before)
        if one.direction is Direction.DISCHARGE and other.direction is Direction.CHARGE
    )
    efficiency = None
    if final is not None and final.end_reason is not EndReason.EXTERNAL and plated + reservoir.ah > 0:
        efficiency = (stripped + final.ah) / (plated + reservoir.ah)
    return ReservoirTest(
        conditioning=conditioning,
        reservoir_cycle=reservoir.cycle,
        reservoir_ah=reservoir.ah,
        n=len(cycled) // 2,
        set_ah=cycled[0].set_ah,
        cycled_plated_ah=plated,
        cycled_stripped_ah=stripped,
        final_cycle=None if final is None else final.cycle,
        final_strip_ah=None if final is None else final.ah,
        final_strip_ended_by=None if final is None else final.end_reason,
        efficiency=efficiency,
        remarks=tuple(_remarks(before, cycled, final)),
    )


def _remarks(before: Sequence[Passage], cycled: Sequence[Passage], final: Passage | None) -> Iterator[str]:
    if final is None:
        yield "the final strip has not run: no efficiency yet"
    elif final.end_reason is EndReason.EXTERNAL:
        yield "the final strip was ended from outside: no efficiency"
    elif not final.is_complete:
        yield (
            f"the final strip was ended by {ENDED_BY[final.end_reason]}, not by its voltage: lithium may be left on "
            "the copper, and the efficiency may be too low; give it more time"
        )
    last = before[-1] if before else None
    if last is not None and last.direction is Direction.CHARGE and not last.is_complete:
        yield (
            f"the strip before the reservoir was ended by {ENDED_BY[last.end_reason]}, not by its voltage: what it "
            "left on the copper counts as stripped at the end, and the efficiency may be too high"
        )
    empty = [one for one in cycled if one.direction is Direction.CHARGE and one.is_complete]
    if empty:
        yield (
            f"in cycle {empty[0].cycle} a strip met its voltage after {empty[0].ah * 1e3:.4g} of "
            f"{empty[0].set_ah * 1e3:.4g} mAh: the reservoir was used up there"
        )
