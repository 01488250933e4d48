"""What the watch over a rack does when the store takes nothing: it goes on, and makes up for what was not written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from orchestrator.runs.run import Run
from orchestrator.states import IllegalMove, RunState
from orchestrator.store import Refused, StoreConflict, StoreError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE_S = 60.0


class StoreTrouble:
    """Keeps what the store refuses from ending more than it must (faults F01, F02, F05), and says that it does."""

    def __init__(self) -> None:
        self._now = self._before = ""

    @property
    def sentence(self) -> str:
        """What the store has refused in this poll or the one before; empty when it takes everything."""
        return self._now or self._before

    def begin_poll(self) -> None:
        """Begin a poll: what the one before the last has met is over."""
        self._now, self._before = "", self._now

    @contextmanager
    def endured(self, what: str) -> Iterator[None]:
        """Let a refusal end no more than what is done inside."""
        try:
            yield
        except StoreError as err:
            # Nothing is lost: the tester keeps its records, and the next poll asks for them again.
            self.note(what, err)

    def note(self, what: str, err: StoreError) -> None:
        """Take in a refusal."""
        self._now = str(err)
        logger.error("%s: the store takes nothing: %s", what, err)


async def patiently(write: Callable[[], T], say: Callable[[str], None]) -> T:
    """Write as soon as the store takes it, for a cell that rests meanwhile; ``say`` is told what is waited for.

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
    """Moves of runs that the store did not take, tried again at every poll until the run has moved."""

    def __init__(self, trouble: StoreTrouble) -> None:
        self._trouble = trouble
        self._moves: dict[str, tuple[Run, RunState, Callable[[], None]]] = {}

    def __contains__(self, run: Run) -> bool:
        return run.run_id in self._moves

    def write(self, run: Run, move: Callable[[], None]) -> None:
        """Move a run now, or as soon as the store takes it; a move that its state does not allow is logged."""
        self._moves.pop(run.run_id, None)
        try:
            move()
        except StoreError as err:
            self._trouble.note(f"run {run.run_id}", err)
            self._moves[run.run_id] = (run, run.state, move)
        except IllegalMove:
            logger.exception("run %s cannot be moved", run.run_id)

    def make_up(self) -> None:
        """Try again what is owed; of a run that has moved otherwise since, nothing is."""
        for run, state, move in list(self._moves.values()):
            if run.state is state:
                self.write(run, move)
            else:
                del self._moves[run.run_id]
