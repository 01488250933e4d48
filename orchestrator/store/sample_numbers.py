"""Reads samples of the store as arrays of numbers, page by page, in half the time that rows of Python values take.

SQLite's rows are poured into one array of floats: whole numbers up to 2**53 are exact in it, a mode travels as the
place of its word among those expected, and a missing reading as a number that no instrument gives.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from orchestrator.store.archives import refuse_archived
from orchestrator.store.samples import column_pages

_ALWAYS = ("sequence", "time_s", "step_time_s", "unix_time_s")
_MAY_BE_MISSING = ("voltage_v", "current_a", "capacity_ah", "energy_wh", "temperature_degc")
NUMBERS = _ALWAYS + _MAY_BE_MISSING
"""The columns of numbers, the sequence number first."""

# The lowest double stands for NULL on the way from SQLite: a literal, because a parameter is bound for each row.
_MISSING = -sys.float_info.max
_OTHER_MODE = -1


@dataclass(frozen=True, slots=True)
class SamplePage:
    """Samples of one test: ``numbers`` by name, NaN where a reading is missing, and each sample's mode.

    ``mode_codes`` are places in ``modes``.
    """

    numbers: dict[str, NDArray[np.float64]]
    mode_codes: NDArray[np.int64]
    modes: tuple[str, ...]


def number_pages(
    connection: sqlite3.Connection, test: int, modes: Sequence[str], last: int, rows: int, after: int = -1
) -> Iterator[SamplePage]:
    """Return a test's samples above sequence number ``after`` up to ``last``, in order, in pages of at most ``rows``.

    ``last`` is that of a sample. ``modes`` are the words expected; another one is found too, only more slowly. No
    cursor is open in between. Raises RunArchived, also where the samples go into a package in between.
    """
    known = tuple(dict.fromkeys(modes))
    cases = "".join(f" WHEN ? THEN {place}" for place in range(len(known)))
    mode = f"CASE mode{cases} ELSE {_OTHER_MODE} END" if known else str(_OTHER_MODE)
    missing = ", ".join(f"ifnull({name}, {_MISSING!r})" for name in _MAY_BE_MISSING)
    select = (
        f"SELECT {', '.join(_ALWAYS)}, {missing}, {mode} FROM sample "  # noqa: S608 names and numbers of ours
        "WHERE test = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
    )
    width = len(NUMBERS) + 1
    if after < last:
        refuse_archived(connection, test, after)
    while after < last:
        found = connection.execute(select, (*known, test, after, last, rows))
        page = np.fromiter(chain.from_iterable(found), np.float64).reshape(-1, width)
        refuse_archived(connection, test, after)
        if not len(page):
            return
        table = np.ascontiguousarray(page.T)
        codes = table[-1].astype(np.int64)
        before, after = after, int(table[0][-1])
        numbers = dict(zip(NUMBERS, table, strict=False))
        for name in _MAY_BE_MISSING:
            numbers[name][numbers[name] == _MISSING] = np.nan
        words = known
        if (codes == _OTHER_MODE).any():
            codes, words = _modes(connection, test, before, after)
        yield SamplePage(numbers, codes, words)


def _modes(
    connection: sqlite3.Connection, test: int, before: int, last: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the modes of a page that has others than those expected."""
    places: dict[str, int] = {}
    codes = [
        places.setdefault(mode, len(places))
        for _, modes in column_pages(connection, test, ["sequence", "mode"], last, last - before, before)
        for mode in modes
    ]
    return np.array(codes, dtype=np.int64), tuple(places)
