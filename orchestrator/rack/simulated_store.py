"""Keeps simulated runs out of the stores of real cells: they have a store of their own."""

from __future__ import annotations

from pathlib import Path

from orchestrator.events import EventKind
from orchestrator.rack.lock import owner_of
from orchestrator.store import CannotOpen, open_store
from orchestrator.store.companion_files import simulated_path
from orchestrator.store.errors import explained

_SERVED = "SELECT 1 FROM event WHERE kind = ? AND run_id IS NULL LIMIT 1"
# Runs of older versions, whose cells may have been real, count as real; imported ones belong to no rack.
_REAL = (
    "SELECT run_id FROM run WHERE simulated IS NOT 1 AND run_id NOT IN (SELECT run_id FROM imported) "
    "ORDER BY number LIMIT 1"
)


def check_takes_simulated(store: Path, *, by_bench: bool = False) -> None:
    """Check that a store may take a simulated run. Raises CannotOpen for a service's, or one of real runs.

    ``by_bench``: the run is on the simulated instruments of a bench file, whose service may have had the store before.
    """
    if not store.is_file():
        return
    own = simulated_path(store)
    else_there = "" if own == store else f"leave --store out ({own.name}), or "
    not_there = f"a simulated run does not go there: {else_there}name another file"
    if not by_bench and (owner := owner_of(store)) is not None:
        raise CannotOpen(f"{store} is the store of a service ({owner}); {not_there}")
    with open_store(store, read_only=True) as opened, explained(opened.path):
        served = opened.connection.execute(_SERVED, (EventKind.SERVICE_STARTED.value,)).fetchone()
        real = opened.connection.execute(_REAL).fetchone()
    if served and not by_bench:
        raise CannotOpen(f"{store} is the store of a service; {not_there}")
    if real:
        raise CannotOpen(f"{store} holds runs that are not known to be simulated, such as {real[0]}; {not_there}")
