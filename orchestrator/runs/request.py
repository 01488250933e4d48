"""The order of a run: a program, a channel, a label, and who has confirmed what is implausible in it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

from orchestrator.clock.virtual import wall_time
from orchestrator.store import Damaged, RunRow, Store
from protocols.plausibility import Plausibility, confirmed
from protocols.program import Program
from protocols.usual_bands import UsualBands


def stored_program(row: RunRow) -> Program:
    """Read a run's program from its row. Raises Damaged when the text is not that of the stored hash."""
    if hashlib.sha256(row.program_json.encode()).hexdigest() != row.program_sha256:
        raise Damaged(
            f"the program of run {row.run_id} in the store is not the one that was ordered (its hash differs): the run "
            f"is not judged by it and not started, and nothing starts on channel {row.channel}; stop it with "
            f"'cellrig stop {row.run_id}', and go back to the last backup"
        )
    return Program.from_json(row.program_json)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """An order of a run: a program, a channel, and a label for tables and pictures.

    ``confirmed_by`` is the person who takes on what is implausible in the program, ``plausibility`` what was found.
    """

    program: Program
    channel: str
    label: str
    confirmed_by: str = ""
    plausibility: Plausibility | None = None

    def judged(self, bands: UsualBands) -> RunRequest:
        """Give the order with its plausibility. Raises Implausible when something is and nobody has confirmed it."""
        by = self.confirmed_by.strip()
        return replace(self, confirmed_by=by, plausibility=confirmed(self.program, bands, by))

    def add_to(self, store: Store) -> str:
        """Add a queued run to the store, with the facts of its cell as they are now, and return its id."""
        cell = self.program.cell
        with store.transaction():
            store.add_cell(cell.name, json.dumps(asdict(cell), separators=(",", ":"), ensure_ascii=False))
            return store.add_run(
                recipe=self.program.recipe,
                cell=cell.name,
                channel=self.channel,
                program_json=self.program.to_json(),
                program_sha256=self.program.sha256,
                label=self.label,
                created_unix_s=wall_time(),
            )
