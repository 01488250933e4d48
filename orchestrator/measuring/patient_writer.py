"""Writes to the store while a cell rests between two segments, and repeats writes that the store refuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orchestrator.runs.run import Run
from orchestrator.runs.store_outage import T, patiently
from orchestrator.store import Refused, Store, StoreConflict, StoreError

logger = logging.getLogger(__name__)


class PatientWriter:
    """Retries a store write while the cell is safely at rest.

    Once the task is being cancelled, by a person's stop or the service's end, it tries once and keeps what the store
    refuses for ``write_pending``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unwritten: dict[str, list[Callable[[], object]]] = {}

    async def write_before_going_on(self, run: Run, write: Callable[[], T]) -> T:
        """Write an entry that the next step requires. Raises CancelledError in a task that is being cancelled."""
        self.raise_if_ended()
        return await patiently(write, run.say)

    def raise_if_ended(self) -> None:
        """Raise CancelledError in a task that is being cancelled."""
        if _is_being_ended():
            raise asyncio.CancelledError

    async def write_outcome(self, run: Run, what: str, write: Callable[[], object]) -> bool:
        """Write an outcome; False when the task is being cancelled and the store refuses it."""
        if not _is_being_ended():
            try:
                await patiently(write, lambda why: run.say(f"{what}; {why}"))
            except asyncio.CancelledError:
                # Still to be seen: the task has more to write, and stops at the next ``write_before_going_on``.
                logger.info("run %s: ended while it waited for the store", run.run_id)
            else:
                return True
        try:
            write()
        except StoreError as err:
            logger.error("run %s: not written down: %s: %s", run.run_id, what, err)
            if not isinstance(err, Refused | StoreConflict):
                self._unwritten.setdefault(run.run_id, []).append(write)
            return False
        return True

    def has_pending(self, run: Run) -> bool:
        """Return whether an outcome of a run is not written yet."""
        return run.run_id in self._unwritten

    def write_pending(self, run: Run) -> None:
        """Write the pending outcomes of a run, in one commit. Raises StoreError."""
        if not self.has_pending(run):
            return
        with self._store.transaction():
            for write in self._unwritten.get(run.run_id, []):
                write()
        self._unwritten.pop(run.run_id, None)


async def in_full(work: Awaitable[T]) -> T:
    """Wait for work that must not be cut short; a cancelled task stops at its next ``write_before_going_on``."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            logger.info("ended in what is not cut short")
    return task.result()


def _is_being_ended() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
