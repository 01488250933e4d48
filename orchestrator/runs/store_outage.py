"""Keeps a rack under watch while the store refuses writes, and writes the missing entries later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from orchestrator.events.run_words import END_NOT_STORED, NOT_STORED
from orchestrator.runs.run import Run
from orchestrator.states import IllegalMove, RunState
from orchestrator.store import Refused, StoreConflict, StoreError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE_S = 60.0


class StoreTrouble:
    """Limits the effect of refused writes to one run or one poll (faults F01, F02, F05), and reports them."""

    def __init__(self) -> None:
        self._now = self._before = ""
        # By what was tried: an error that lasts is logged once, not at every poll.
        self._logged: dict[str, str] = {}
        # Runs whose records have come in the last poll, and were not stored, with the reason.
        self.unstored: dict[str, str] = {}

    @property
    def sentence(self) -> str:
        """The last error of the store in this poll or the one before; empty when there was none."""
        return self._now or self._before

    def begin_poll(self) -> None:
        """Begin a poll, and forget the errors of the poll before the last."""
        self._now, self._before = "", self._now
        if not self.sentence:
            self._logged.clear()

    @contextmanager
    def tolerating(self, what: str) -> Iterator[None]:
        """Run the ``with`` block; a store error ends only the block and is noted."""
        try:
            yield
        except StoreError as err:
            # Nothing is lost: the tester keeps its records, and the next poll asks for them again.
            self.note(what, err)

    def defect(self, what: str, err: Exception) -> None:
        """Remember a defect of cellrig for ``sentence``, and log it with its trace."""
        self._now = f"{what}: a defect of cellrig, {type(err).__name__}: {err}; the log has the details"
        logger.error("%s: a defect", what, exc_info=err)

    def note(self, what: str, err: StoreError) -> None:
        """Remember an error of the store for ``sentence``, and log it."""
        self._now = str(err)
        if self._logged.get(what) != self._now:
            self._logged[what] = self._now
            logger.error("%s: the store takes nothing: %s", what, err)

    def withhold(self, runs: Iterable[Run], refused: Collection[Run]) -> None:
        """Say of each run whose records come and are not stored what is at fault: it is not its tester."""
        self.unstored = {run.run_id: self.sentence for run in refused}
        for run in runs:
            said = f"{NOT_STORED}: {self.sentence}" if run.run_id in self.unstored else ""
            if (ending := run.status.ordered_end) is not None and run.stopping.is_confirmed:
                said = f"{END_NOT_STORED}: {ending.reason}; {self.sentence}"
            is_told = run.reason.startswith((NOT_STORED, END_NOT_STORED))
            if run.state is RunState.RUNNING and (said or is_told) and run.reason != said:
                run.say(said)


async def patiently(write: Callable[[], T], say: Callable[[str], None]) -> T:
    """Repeat a write until the store accepts it, while the cell rests; each failed try is reported through ``say``.

    Raises what no waiting mends: Refused, StoreConflict.
    """
    while True:
        try:
            return write()
        except (Refused, StoreConflict):
            raise
        except StoreError as err:
            say(f"waits for the store: {err}")
            await asyncio.sleep(_PATIENCE_S)


class OwedMoves:
    """State changes that the store refused, tried again at every poll until the run has changed its state."""

    def __init__(self, trouble: StoreTrouble) -> None:
        self._trouble = trouble
        self._moves: dict[str, tuple[Run, RunState, Callable[[], None]]] = {}

    def __contains__(self, run: Run) -> bool:
        return run.run_id in self._moves

    def write(self, run: Run, move: Callable[[], None]) -> None:
        """Change a run's state now, or as soon as the store accepts it; a change that is not allowed is logged."""
        self._moves.pop(run.run_id, None)
        try:
            move()
        except StoreError as err:
            self._trouble.note(f"run {run.run_id}", err)
            self._moves[run.run_id] = (run, run.state, move)
        except IllegalMove:
            logger.exception("run %s cannot be moved", run.run_id)

    def retry(self) -> None:
        """Try the refused state changes again, and drop those of runs that have changed their state since."""
        for run, state, move in list(self._moves.values()):
            if run.state is state:
                self.write(run, move)
            else:
                del self._moves[run.run_id]
