"""Writes batches on one thread while the next ones are read on another: SQLite reads here, polars and pyarrow there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# Batches that may wait to be written: one is enough to keep both threads busy, and memory holds them all.
_WAITING = 1


def write_all(frames: Iterable[pl.DataFrame], write: Callable[[pl.DataFrame], None]) -> None:
    """Call ``write`` with each frame, in order, on a thread of its own, while the next frames are made on this one.

    Raises the first error of either; nothing is written after it.
    """
    with ThreadPoolExecutor(1, "export") as writer:
        waiting: deque[Future[None]] = deque()
        try:
            for frame in frames:
                waiting.append(writer.submit(write, frame))
                while len(waiting) > _WAITING:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
