"""The order of a run: a program, a channel, a label, and who has confirmed what is implausible in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.clock.virtual import wall_time
from orchestrator.store import Store
from protocols.plausibility import Plausibility, confirmed
from protocols.program import Program
from protocols.usual_bands import UsualBands


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
        """Add a queued run to the store and return its id."""
        return store.add_run(
            recipe=self.program.recipe,
            cell=self.program.cell.name,
            channel=self.channel,
            program_json=self.program.to_json(),
            program_sha256=self.program.sha256,
            label=self.label,
            created_unix_s=wall_time(),
        )
