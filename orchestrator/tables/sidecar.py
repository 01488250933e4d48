"""The file beside a table that says what the table itself has no room for: units, tests, gaps, what was left out.

It is JSON, named as its table with ``.metadata.json`` behind; a Parquet file bears the same text inside. ``records``
finds each row in the store: a span of rows has one test, and sequence numbers that rise by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

ENDING = ".metadata.json"
PARQUET_KEY = b"cellrig"
"""The key of the same text in the metadata of a Parquet file."""


@dataclass(slots=True)
class Spans:
    """The rows of a table as spans, gathered batch by batch: test, first sequence number, number of rows."""

    spans: list[list[int]] = field(default_factory=list)

    def add(self, frame: pl.DataFrame) -> None:
        """Add the next rows of a sample table, which are of one test."""
        if not frame.height:
            return
        sequence = frame["sequence"].to_numpy()
        breaks = np.flatnonzero(np.diff(sequence) != 1) + 1
        starts = [0, *breaks.tolist(), frame.height]
        test = int(frame["test"][0])
        for start, end in pairwise(starts):
            self._add(test, int(sequence[start]), end - start)

    def _add(self, test: int, first: int, rows: int) -> None:
        if self.spans:
            last = self.spans[-1]
            if last[0] == test and last[1] + last[2] == first:
                last[2] += rows
                return
        self.spans.append([test, first, rows])

    @property
    def rows(self) -> int:
        """The rows of all spans."""
        return sum(span[2] for span in self.spans)

    def columns(self) -> dict[str, pl.Series]:
        """Return the columns ``test`` and ``sequence`` of all rows."""
        import polars as pl

        rows = [span[2] for span in self.spans]
        tests = np.repeat(np.array([span[0] for span in self.spans], np.int64), rows)
        parts = [np.arange(first, first + n, dtype=np.int64) for _, first, n in self.spans]
        sequence = np.concatenate(parts) if parts else np.array([], np.int64)
        return {"test": pl.Series("test", tests), "sequence": pl.Series("sequence", sequence)}


def sidecar_path(table: Path) -> Path:
    """Return the name of the sidecar of a table's file."""
    return table.with_name(table.name + ENDING)


def encoded(facts: Mapping[str, Any]) -> str:
    """Return the text of a sidecar. Raises ValueError for a number that is not finite."""
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def read_sidecar(table: Path) -> dict[str, Any] | None:
    """Return what the sidecar of a table says; None where there is none. Raises ValueError for one that is no JSON."""
    path = sidecar_path(table)
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as err:
        raise ValueError(f"{path} is no sidecar: it is nested too deep") from err
    if not isinstance(found, dict):
        raise ValueError(f"{path} is no sidecar: an object in JSON is expected")
    return found
