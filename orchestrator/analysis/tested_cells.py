"""Lists the cells of a store by their labels: the runs of each, how the newest one ended, and where the cell is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.clock.iso_time import iso_utc
from orchestrator.states import RunState
from orchestrator.store import Mountings, Store
from orchestrator.store.errors import explained

_RUNS = """
SELECT coalesce(nullif(run.label, ''), cell.name), cell.name, run.run_id, run.channel, run.state, run.state_unix_s,
    run.simulated
FROM run JOIN cell ON cell.id = run.cell_id ORDER BY run.number
"""


@dataclass(frozen=True, slots=True)
class TestedCell:
    """A cell of a store. ``label`` is the name of this very cell, ``cell`` that in its file, ``runs`` the ids in order.

    ``state`` and ``state_unix_s`` are those of the newest run, ``channel`` is where that was ordered. ``mounted_on``:
    the channel on which the cell still is; None where another cell followed it, or a person said that it is empty.
    ``simulated``: the newest run had no real cell; None where that was not kept.
    """

    __test__ = False  # no class of pytest's

    label: str
    cell: str
    runs: tuple[str, ...]
    channel: str
    state: RunState
    state_unix_s: float
    mounted_on: str | None
    simulated: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON, the moment in UTC."""
        return {
            "label": self.label,
            "cell": self.cell,
            "runs": list(self.runs),
            "channel": self.channel,
            "state": self.state.value,
            "state_since_utc": iso_utc(self.state_unix_s),
            "mounted_on": self.mounted_on,
            "simulated": self.simulated,
        }


def tested_cells(store: Store) -> list[TestedCell]:
    """Return the cells of a store, in the order in which each was tested first."""
    with explained(store.path):
        rows = store.connection.execute(_RUNS).fetchall()
    ids: dict[str, list[str]] = {}
    for label, _, run_id, *_ in rows:
        ids.setdefault(label, []).append(run_id)
    label_of = {row[2]: row[0] for row in rows}
    mountings = Mountings(store)
    mounted: dict[str, str] = {}
    for channel in sorted({row[3] for row in rows}):
        use = mountings.last_use(channel)
        if use is not None and use.run_id in label_of:
            mounted[label_of[use.run_id]] = channel
    newest = {row[0]: row for row in rows}
    return [
        TestedCell(
            label=label,
            cell=newest[label][1],
            runs=tuple(runs),
            channel=newest[label][3],
            state=RunState(newest[label][4]),
            state_unix_s=newest[label][5],
            mounted_on=mounted.get(label),
            simulated=None if newest[label][6] is None else bool(newest[label][6]),
        )
        for label, runs in ids.items()
    ]
