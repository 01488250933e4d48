"""Reads stores: runs, and of each its samples as numpy columns, cycles, steps, spectra, events. Nothing is changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import index
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from orchestrator.analysis.summary import RunSummary, summarize
from orchestrator.events import Event, stored_event
from orchestrator.judging.cycles import Cycle
from orchestrator.judging.steps import ExecutedStep
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.store import open_store as open_any
from orchestrator.store.origins import Origin, Origins
from orchestrator.store.rows import RunRow
from orchestrator.tables.run_data import CHUNK_ROWS, Gap, RunData
from orchestrator.tables.sample_columns import Columns
from protocols.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class RunSpectrum:
    """An impedance spectrum of a run, in the order measured.

    ``frequency_hz`` (float64) and ``impedance_ohm`` (complex128; a capacitor's imaginary part is negative) have one
    entry a point. ``cycle`` is the cycle behind which it was measured, 0 before the first; ``bias_v`` is NaN where it
    is not known.
    """

    cycle: int
    started_unix_s: float
    bias_v: float
    frequency_hz: NDArray[np.float64]
    impedance_ohm: NDArray[np.complex128]


class StoredRun:
    """One run of an open store; what it holds is read when it is first asked for, and not again."""

    def __init__(self, store: Store, row: RunRow) -> None:
        self._store = store
        self._row = row

    def __repr__(self) -> str:
        return f"<StoredRun {self.run_id}: {self._row.recipe} for {self._row.cell}, {self.state.value}>"

    @property
    def run_id(self) -> str:
        """Id of the run in its store, such as ``R000001``."""
        return self._row.run_id

    @property
    def label(self) -> str:
        """Name of the very cell, as it was ordered; empty if none was given."""
        return self._row.label

    @property
    def recipe(self) -> str:
        """Name of the recipe."""
        return self._row.recipe

    @property
    def cell(self) -> str:
        """Name of the cell in its file."""
        return self._row.cell

    @property
    def channel(self) -> str:
        """Name of the channel at its instrument."""
        return self._row.channel

    @property
    def state(self) -> RunState:
        """State of the run when the store was asked for it."""
        return self._row.state

    @property
    def reason(self) -> str:
        """Reason of the state, in a sentence: why the run ended, or waits."""
        return self._row.reason

    @property
    def created_unix_s(self) -> float:
        """When the run was ordered."""
        return self._row.created_unix_s

    @property
    def simulated(self) -> bool | None:
        """Whether no cell was real; None in runs of older versions, which did not keep it."""
        return self._row.simulated

    @cached_property
    def program(self) -> Program:
        """The program that the recipe gave for the cell."""
        return self._data.program

    @cached_property
    def _data(self) -> RunData:
        return RunData(self._store, self.run_id)

    @property
    def duration_s(self) -> float:
        """Test time so far, in seconds: without the times in which nothing was recorded (``gaps``)."""
        return self._data.duration_s

    def summary(self) -> RunSummary:
        """Return the run in a few numbers, those of ``cellrig runs``."""
        return summarize(self._store, self.run_id)

    def origin(self) -> Origin:
        """Return the files of the order, and who, where and with which version; None is what was not kept."""
        return Origins(self._store).of(self.run_id)

    def samples(self, *names: str) -> Columns:
        """Return the samples of the whole run as numpy columns of equal length, by name: those named, or all.

        ``time_s`` is run time (float64, s), ``unix_time_s`` the tester's clock (float64, s); ``voltage_v``,
        ``current_a`` (positive charges), ``capacity_ah``, ``energy_wh`` (magnitudes, from 0 in each step) and
        ``temperature_degc`` (of the cell's place) are float64, NaN where a reading is missing; ``step_time_s`` float64,
        s; ``cycle``, ``half_cycle``, ``segment``, ``step``, ``step_count``, ``part``, ``test``, ``sequence`` are
        integers, ``repeated_check`` boolean, ``mode`` texts. A month of records each second is 2.6 million rows, 21 MB
        a column; ``chunks`` needs no such memory.
        Raises ValueError for an unknown column.
        """
        return self._data.columns(*names)

    def chunks(self, *names: str, rows: int = CHUNK_ROWS) -> Iterator[Columns]:
        """Yield the same columns piece by piece, each of at most ``rows`` rows. Raises ValueError for less than one."""
        try:
            is_number = index(rows) >= 1
        except TypeError:
            is_number = False
        if not is_number:
            raise ValueError(f"rows={rows!r}: say how many rows a piece may have, a whole number from 1")
        return self._data.chunks(names, rows)

    def cycles(self) -> list[Cycle]:
        """Return the numbers of each cycle, in order; the last of an ended run may be half a cycle."""
        return list(self._data.cycles)

    def steps(self) -> list[ExecutedStep]:
        """Return the executed steps in order, in run time; parts of a step that was interrupted are joined."""
        return [self._data.joined(parts) for parts in self._data.whole_steps]

    def spectra(self) -> list[RunSpectrum]:
        """Return the impedance spectra, in the order measured."""
        return [
            RunSpectrum(
                found.cycle,
                found.started_unix_s,
                found.spectrum.bias_v,
                np.array(found.spectrum.frequency_hz),
                np.array(found.spectrum.impedance_ohm),
            )
            for found in self._data.spectra
        ]

    def events(self) -> list[Event]:
        """Return what happened to the run, in the order of writing."""
        return _events(self._store, self.run_id, self.channel)

    def gaps(self) -> list[Gap]:
        """Return the spans in which the run has no records, with the reason of each that was not planned."""
        return list(self._data.gaps)


class StoreReader:
    """An open store; use it in ``with``, and in the thread that opened it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        self._store.close()

    @property
    def path(self) -> Path:
        """The file of the store."""
        return self._store.path

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection itself, to read with SQL (``pandas.read_sql``); SQLite refuses every write."""
        return self._store.connection

    def runs(self) -> list[StoredRun]:
        """Return all runs, the oldest first."""
        return [StoredRun(self._store, row) for row in self._store.runs()]

    def run(self, run_id: str) -> StoredRun:
        """Return one run. Raises StoreError when the store has none of this id."""
        return StoredRun(self._store, self._store.run(run_id))

    def events(self, after: int = 0) -> list[Event]:
        """Return what happened to all runs and to the rig, in the order of writing, from behind an ``Event.id``."""
        return _events(self._store, None, None, after)


def open_store(path: str | Path) -> StoreReader:
    """Open a store to read it, also while a service writes it, or one of an older version; the file is not changed.

    Raises CannotOpen for a path without a store, or another StoreError for one that cannot be read.
    """
    return StoreReader(open_any(path, read_only=True))


def _events(store: Store, run_id: str | None, channel: str | None, after: int = 0) -> list[Event]:
    channels = {} if run_id is not None else {row.run_id: row.channel for row in store.runs()}
    return [
        stored_event(
            row.id,
            channel if run_id is not None else channels.get(row.run_id or ""),
            row.run_id,
            row.kind,
            row.message,
            row.at_unix_s,
            row.data_json,
        )
        for row in store.events(run_id, after)
    ]
