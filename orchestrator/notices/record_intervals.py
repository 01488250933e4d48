"""The record intervals of runs by the names of their steps, out of the programs in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.events import RunUpdate
from orchestrator.store import Store
from orchestrator.store.errors import StoreError
from protocols.program import Program
from protocols.program_steps import Loop
from protocols.step_names import words


class RecordIntervals:
    """The record intervals of the runs of one store; each program is read once."""

    def __init__(self, store: Callable[[], Store]) -> None:
        """Take a function that returns the open store, of now."""
        self._store = store
        self._known: dict[str, Mapping[str, float]] = {}

    def of(self, update: RunUpdate) -> float:
        """Return the largest record interval, in seconds, of the steps with the present one's name; 0 if unknown."""
        known = self._known.get(update.run_id)
        if known is None:
            try:
                known = intervals_by_name(Program.from_json(self._store().run(update.run_id).program_json))
            except StoreError:
                return 0.0
            except ValueError:
                # A program of a newer cellrig.
                known = {}
            self._known[update.run_id] = known
        bare, _, number = update.step_name.rpartition(" ")
        return known.get(bare if number.isdigit() else update.step_name, 0.0)


def intervals_by_name(program: Program) -> dict[str, float]:
    """Return the largest record interval of a program's steps, in seconds, by their words, without a number."""
    found: dict[str, float] = {}
    for segment in program.cycling:
        for step in segment.steps:
            if not isinstance(step, Loop):
                name, every_s = words(step), (step.record or segment.record).every_s or 0.0
                found[name] = max(found.get(name, 0.0), every_s)
    return found
