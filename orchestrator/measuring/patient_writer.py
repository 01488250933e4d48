"""How an errand writes: it waits for the store while its cell rests, but keeps nobody waiting who ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from orchestrator.runs.run import Run
from orchestrator.runs.store_outage import T, patiently
from orchestrator.store import Refused, Store, StoreConflict, StoreError

logger = logging.getLogger(__name__)


class Words:
    """What an errand writes: as soon as the store takes it, but at once or not now when the errand is being ended.

    A person's stop, or the service's end, is not to wait for a store: what it does not take then is kept for `make_up`.
    """

    def __init__(self, store: Store, say: Callable[[Run, str], None]) -> None:
        self._store = store
        self._say = say
        self._unwritten: dict[str, list[Callable[[], object]]] = {}

    async def first(self, run: Run, write: Callable[[], T]) -> T:
        """Write what must be in the store before anything else is done; an errand that is being ended stops here."""
        self.stop_here_if_ended()
        return await patiently(write, lambda why: self._say(run, why))

    def stop_here_if_ended(self) -> None:
        """Raise CancelledError in an errand that is being ended."""
        if _is_being_ended():
            raise asyncio.CancelledError

    async def last(self, run: Run, what: str, write: Callable[[], object]) -> bool:
        """Write what has happened; False when the errand is being ended and the store does not take it."""
        if not _is_being_ended():
            try:
                await patiently(write, lambda why: self._say(run, f"{what}; {why}"))
            except asyncio.CancelledError:
                # Still to be seen: the errand has more to say, and stops at the next `first`.
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

    def owes(self, run: Run) -> bool:
        """Tell whether something of a run is still to be made up."""
        return run.run_id in self._unwritten

    def make_up(self, run: Run) -> None:
        """Write, in one commit, what an errand that was ended could not. Raises StoreError."""
        if not self.owes(run):
            return
        with self._store.transaction():
            for write in self._unwritten.get(run.run_id, []):
                write()
        self._unwritten.pop(run.run_id, None)


async def in_full(work: Awaitable[T]) -> T:
    """Wait for what must not be cut short; whoever is being ended meanwhile stops at the next `Words.first`."""
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
