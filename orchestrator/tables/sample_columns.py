"""A run's samples as columns of numbers, in chunks, ready for numpy, polars, pandas or pyarrow.

Kept apart from ``orchestrator.tables.run_data``, so that a reader of steps and cycles alone does not load numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.store import Store
from orchestrator.store.errors import explained
from orchestrator.store.samples import column_pages
from orchestrator.tables.run_steps import RunStep, RunTest

Columns = dict[str, NDArray[Any]]
"""Columns of equal length by name, in the order of ``COLUMNS``."""

# What the store has of a sample, and its type here.
_STORED: dict[str, Any] = {
    "sequence": np.int64,
    "time_s": np.float64,
    "step_time_s": np.float64,
    "mode": object,
    "voltage_v": np.float64,
    "current_a": np.float64,
    "capacity_ah": np.float64,
    "energy_wh": np.float64,
    "unix_time_s": np.float64,
    "temperature_degc": np.float64,
}
# What follows from the step that a sample belongs to.
_PLACED: dict[str, Any] = {
    "segment": np.int32,
    "step": np.int32,
    "step_count": np.int64,
    "part": np.int32,
    "cycle": np.int32,
    "half_cycle": np.int32,
    "repeated_check": np.bool_,
}
# Counters that start again with each part of a step, and go on here.
_CONTINUED = ("step_time_s", "capacity_ah", "energy_wh")

COLUMNS: dict[str, Any] = {
    name: ({"test": np.int64} | _STORED | _PLACED)[name]
    for name in (
        "time_s",
        "unix_time_s",
        "test",
        "sequence",
        "segment",
        "step",
        "step_count",
        "part",
        "repeated_check",
        "cycle",
        "half_cycle",
        "mode",
        "step_time_s",
        "voltage_v",
        "current_a",
        "capacity_ah",
        "energy_wh",
        "temperature_degc",
    )
}
"""Names and types of all columns.

``time_s`` is run time, ``unix_time_s`` the tester's own clock to the second. ``test`` and ``sequence`` find the row in
the store. The next seven are those of ``orchestrator.judging.placing.RunPlace``. ``step_time_s``, ``capacity_ah`` and
``energy_wh`` (magnitudes) start with each step and go on through the parts of one that an interruption cut.
``voltage_v`` and ``current_a`` (positive charges) are as recorded; a missing reading is NaN. ``temperature_degc`` is
that of the cell's place, NaN where nobody measured it. ``mode`` is a text.
"""


def chunks(
    store: Store,
    test: RunTest,
    steps: Sequence[RunStep],
    names: Sequence[str],
    rows: int,
    only: RunStep | None = None,
) -> Iterator[Columns]:
    """Return one test's samples, or those of one of its steps, as columns, in chunks of at most ``rows`` rows."""
    wanted = _checked(names)
    if test.last is None or not steps:
        return
    after, last = -1, test.last.sequence
    if only is not None:
        after, last = only.executed.first_sequence - 1, min(last, only.executed.last_sequence)
    # The sequence number tells the step, also where nobody asked for it.
    stored = ["sequence", *(name for name in wanted if name in _STORED and name != "sequence")]
    firsts = np.array([step.executed.first_sequence for step in steps])
    table = _by_step(steps)
    earlier = {name: np.array([getattr(step.earlier, name) for step in steps]) for name in _CONTINUED}
    modes: dict[str, str] = {}
    with explained(store.path):
        for page in column_pages(store.connection, test.row.id, stored, last, rows, after):
            found: Columns = {name: _array(name, values, modes) for name, values in zip(stored, page, strict=True)}
            at = np.searchsorted(firsts, found["sequence"], side="right") - 1
            if "time_s" in found:
                found["time_s"] += test.start_s
            for name in _CONTINUED:
                if name in found:
                    found[name] += earlier[name][at]
            for name in wanted:
                if name in _PLACED:
                    found[name] = table[name][at]
            if "test" in wanted:
                found["test"] = np.full(len(at), test.row.id, COLUMNS["test"])
            yield {name: found[name] for name in wanted}


def concatenated(parts: Iterable[Columns], names: Sequence[str]) -> Columns:
    """Join chunks into complete columns; without chunks, return empty columns."""
    gathered: dict[str, list[NDArray[Any]]] = {name: [] for name in _checked(names)}
    for part in parts:
        for name, values in part.items():
            gathered[name].append(values)
    return {
        name: np.concatenate(arrays) if arrays else np.array([], COLUMNS[name]) for name, arrays in gathered.items()
    }


def _checked(names: Sequence[str]) -> list[str]:
    if unknown := [name for name in names if name not in COLUMNS]:
        raise ValueError(f"a run has no column {unknown[0]!r}; there are {', '.join(COLUMNS)}")
    return [name for name in COLUMNS if not names or name in names]


def _array(name: str, values: tuple[Any, ...], modes: dict[str, str]) -> NDArray[Any]:
    if name == "mode":
        # One text for all rows that have it, not one for each.
        return np.array([modes.setdefault(text, text) for text in values], dtype=object)
    return np.array(values, dtype=_STORED[name])


def _by_step(steps: Sequence[RunStep]) -> Columns:
    """Return the values that depend only on the place of each step, as columns indexed by step."""
    values = {
        "segment": [step.place.segment for step in steps],
        "step": [step.place.step for step in steps],
        "step_count": [step.place.count for step in steps],
        "part": [step.place.part for step in steps],
        "cycle": [step.place.cycle for step in steps],
        "half_cycle": [step.place.half_cycle for step in steps],
        "repeated_check": [step.place.is_repeated_check for step in steps],
    }
    return {name: np.array(column, dtype=_PLACED[name]) for name, column in values.items()}
