"""Reads the samples of one test as the store has them into polars frames: many of them through a second process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.store.archives import refuse_archived
from orchestrator.store.arrow_pages import PAGE_ROWS, WORTH_ROWS, arrow_pages, file_of, has_driver
from orchestrator.store.sample_numbers import number_pages

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.store.sample_numbers import SamplePage


def stored_frames(
    connection: sqlite3.Connection,
    test: int,
    modes: Sequence[str],
    last: int,
    rows: int,
    worth_rows: int = WORTH_ROWS,
) -> Iterator[pl.DataFrame]:
    """Yield a test's samples up to the one with sequence number ``last``, in order, at most ``rows`` in a frame.

    The columns are those of ``orchestrator.store.arrow_reader``; a missing reading is null. ``modes`` are the words
    expected. From ``worth_rows`` on a second process reads, where its libraries are installed. Raises RunArchived.
    """
    pages: Iterable[Any] = ()
    if last >= worth_rows and has_driver() and (file := file_of(connection)) is not None:
        pages = arrow_pages(file, test, last, min(rows, PAGE_ROWS))
    yield from continued(pages, connection, test, modes, last, rows)


def continued(
    pages: Iterable[Any], connection: sqlite3.Connection, test: int, modes: Sequence[str], last: int, rows: int
) -> Iterator[pl.DataFrame]:
    """Yield the samples of ``pages``, which another process reads and which may end early, and then the others."""
    after = -1
    # What an archive takes away or brings back meanwhile, that process may have missed.
    refuse_archived(connection, test)
    for frame in _together(pages, rows):
        refuse_archived(connection, test, after)
        after = frame["sequence"][-1]
        yield frame
    for page in number_pages(connection, test, modes, last, rows, after):
        yield _of_numbers(page)


def _together(pages: Iterable[Any], rows: int) -> Iterator[pl.DataFrame]:
    """Yield frames of as many pages as have at most ``rows`` rows: small pages take little memory on their way."""
    import polars as pl

    gathered: list[pl.DataFrame] = []
    for page in pages:
        gathered.append(pl.DataFrame(page))
        if sum(frame.height for frame in gathered) + gathered[0].height > rows:
            yield pl.concat(gathered, rechunk=True)
            gathered = []
    if gathered:
        yield pl.concat(gathered, rechunk=True)


def _of_numbers(page: SamplePage) -> pl.DataFrame:
    import polars as pl

    numbers = {name: pl.Series(values, nan_to_null=True) for name, values in page.numbers.items()}
    numbers["sequence"] = pl.Series(page.numbers["sequence"].astype(np.int64))
    if len(page.modes) == 1:
        mode = pl.repeat(page.modes[0], len(page.mode_codes), dtype=pl.String, eager=True)
    else:
        mode = pl.Series(list(page.modes), dtype=pl.String).gather(page.mode_codes)
    return pl.DataFrame(numbers).with_columns(mode.alias("mode"))
