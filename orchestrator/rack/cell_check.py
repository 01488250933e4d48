"""The check of the word on a cell: which cell is on a channel, by whose word, and what speaks against it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.checks import Check, CheckName, failed, passed, warned
from orchestrator.runs.request import RunRequest
from orchestrator.store import MountingKind, RunOnChannel
from protocols.loading import shipped_cells

_WORDS = {
    MountingKind.ORDERED: "nothing else was on {channel}: the order says that {label} is there",
    MountingKind.MOUNTED: "{label} is on {channel}, as was said by name",
    MountingKind.SAME_CELL: "{label} is still on {channel}, as for the run before",
    MountingKind.QUEUED: "{label} is not on {channel} yet: the run waits until somebody says that it is",
}
# The words of somebody who has seen the cell on this very channel.
_IS_THERE = frozenset({MountingKind.ORDERED, MountingKind.MOUNTED})


def is_specimen(label: str) -> bool:
    """Return whether a name may be that of one cell: the shipped ones are of models, of which there are many."""
    return label not in shipped_cells()


def cell_check(
    request: RunRequest,
    kind: MountingKind,
    elsewhere: Mapping[str, RunOnChannel],
    *,
    is_named: bool,
    mounted: str = "",
    by: str = "",
) -> Check:
    """Judge the word of an order that has the name of its cell.

    ``elsewhere`` has the runs whose cells of that name are on other channels, by channel; ``is_named``: a person gave
    the name with the order, which is not that of the cell's file alone; ``mounted`` is the name that was said to be
    mounted with it. A cell is in one holder: that it runs in another one fails. The name of a cell's file may be that
    of a batch, and only warns then.
    """
    label, channel, cell = request.label or request.program.cell.name, request.channel, request.program.cell.name
    said = _WORDS[kind].format(label=label, channel=channel)
    said = f"{said} ({by})" if by else said
    if not is_specimen(cell):
        mounted = ""
    if is_named and kind in _IS_THERE and is_specimen(label) and elsewhere:
        other, run = min(elsewhere.items(), key=lambda it: it[1].state.is_over)
        if not run.state.is_over:
            runs = f"{label} is on channel {other} just now, where {run.run_id} of it is {run.state.value}"
            do = f"look which cell is on {channel} and which on {other}, and order this with the name of the one here"
            return (warned if label == cell else failed)(CheckName.CELL, f"{said}; but {runs}", do)
        left = (
            f"{said}; but {label} of {run.run_id}, which {run.state.in_the_past}, is still mounted on channel {other}"
        )
        return warned(CheckName.CELL, left, f"if it was moved from there, say so: cellrig empty {other}")
    if mounted and mounted != cell:
        differs = f"{said}; but the cell file is that of {cell}, and {mounted} is said to be mounted"
        return warned(CheckName.CELL, differs, f"see that mass, area and capacity in the file are those of {mounted}")
    return passed(CheckName.CELL, said)
