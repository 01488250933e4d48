"""Names the steps of a stored run as the recipe with which it was ordered, where that was kept."""

from __future__ import annotations

from orchestrator.store.errors import StoreError
from orchestrator.store.origins import Origins
from orchestrator.store.store import Store
from protocols.errors import InputError
from protocols.loading import recipe_of
from protocols.program import Program
from protocols.step_names import StepNames


def names_of_run(store: Store, run_id: str, program: Program) -> StepNames:
    """Return the names of a run's steps; by the program alone where its recipe was not kept or cannot be read.

    Never raises for that: a name is for people, and no reason to show or run nothing.
    """
    try:
        document = Origins(store).of(run_id).recipe
        return StepNames(program, None if document is None else recipe_of(document))
    except (StoreError, InputError):
        return StepNames(program)
