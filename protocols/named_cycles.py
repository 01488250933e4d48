"""Conditions of a recipe on cycles that never come: a share of a cycle that has not run yet whenever it is asked for.

The numbers of cycles follow from the program (``protocols.half_cycles``), so that this is known before it runs. Such a
condition would hold nowhere, and its loop would go on to its last pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.branches import Branch, Measure
from protocols.conditions import ConditionBlock
from protocols.half_cycles import CycleNumbers
from protocols.pieces import Piece
from protocols.program import Program
from protocols.recipe_steps import Path

_COUNTED = frozenset({Measure.CAPACITY_FRACTION, Measure.CYCLES})


def never_comes(program: Program, pieces: Sequence[Piece]) -> Iterator[tuple[Path, str]]:
    """Give the place of each condition on a cycle that never comes, and why it does not.

    ``pieces``: those that the program's segments were made of. Passes of a loop ask the same: what counts is the last.
    """
    asked: dict[tuple[Path, int, int], tuple[Branch, list[int]]] = {}
    for index, (segment, piece) in enumerate(zip(program.segments, pieces, strict=True)):
        counted = [branch for branch in segment.after if branch.measure in _COUNTED]
        if not counted:
            continue
        for decision in piece.decisions:
            for place, branch in enumerate(_of(decision.block, counted)):
                # The block is one object in all passes.
                key = decision.path, id(decision.block), place
                asked.setdefault(key, (branch, []))[1].append(index)
    for (path, *_), (branch, behind) in asked.items():
        why = _why_never(branch, behind, CycleNumbers.of(program))
        if why:
            yield path, why


def _of(block: ConditionBlock, counted: Sequence[Branch]) -> list[Branch]:
    """Give the branches that a block has made."""
    shares = {getattr(it, "of_cycle", None) for it in (block.capacity_below, block.capacity_above)}
    return [
        branch
        for branch in counted
        if (branch.of_cycle in shares if branch.of_cycle is not None else branch.above == block.cycles)
    ]


def _why_never(branch: Branch, behind: Sequence[int], numbers: CycleNumbers) -> str:
    """Say why a condition that is judged behind these segments never holds; "" where it may."""
    whole = numbers.whole_before(behind[-1] + 1)
    there = (
        "no whole cycle has run"
        if not whole
        else f"only {whole} whole {'cycle has' if whole == 1 else 'cycles have'} run"
    )
    if branch.measure is Measure.CYCLES:
        own = whole - numbers.cycle_before(branch.since)
        if branch.above is None or own >= branch.above:
            return ""
        counted = (
            f"its loop has {own} whole {'cycle' if own == 1 else 'cycles'} in all its passes" if own > 0 else there
        )
        return f"asks for {branch.above:.0f} cycles, which never come: {counted}; ask for fewer, or give the loop more"
    cycle = branch.of_cycle or 0
    # A share of the newest cycle of all is the whole of it. One pass alone decides nothing in any case.
    is_whole = cycle == whole and branch.below is not None and branch.below <= 1 and len(behind) > 1
    if cycle < whole or (cycle == whole and not is_whole):
        return ""
    if is_whole:
        why = f"cycle {cycle} is the last one that is asked about, and never below itself"
    else:
        why = f"{there} when it is asked for the last time"
    return f"asks for {branch.told}, which never comes: {why}; name an earlier cycle, or give the loop more passes"
