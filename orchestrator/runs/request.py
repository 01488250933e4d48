"""The order of a run: a program, a channel and a label."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.clock.virtual import wall_time
from orchestrator.store import Store
from protocols.program import Program


@dataclass(frozen=True, slots=True)
class RunRequest:
    """An order of a run: a program, a channel, and a label for tables and pictures."""

    program: Program
    channel: str
    label: str

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
