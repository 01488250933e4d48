"""Records of one run as arrays of numbers, cut into whole steps: what every analysis of samples is fed with.

Analyses take a table in the columns of the sample table: a polars data frame, read from a store or from any of the
formats in which a run leaves it, or a mapping of arrays by name. ``WholeSteps`` is fed piece by piece, as records come
in or as a file is read, and gives back blocks of steps that are over. An analysis sees each step once and whole, in the
same arrays however the records were cut into pieces: going on with a run gives exactly what the whole run gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orchestrator.tables.bdf import labels_of
from orchestrator.tables.bdf_terms import BY_LABEL

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Table: TypeAlias = Any
"""A polars data frame, or a mapping of arrays of equal length by name.

Columns are those of the sample table: ``test_time_s`` (seconds since the run's first record), ``cycle``,
``step_count`` (rises by one at each executed step), ``voltage_v``, ``current_a`` (positive charges), and where there
are any ``run_id``, ``test``, ``step`` (of the program), ``step_time_s``, ``mode``, ``capacity_ah`` (the tester's, since
the step's start). A missing reading is null or NaN. Others are not looked at. The labels and machine names that the
Battery Data Format has for these are known too.
"""

_REQUIRED = ("test_time_s", "cycle", "step_count", "voltage_v", "current_a")
# Numbers of which 0 says that they are not known; without the others nothing can be told.
_MAY_LACK = ("test", "step")
_FLOATS = ("test_time_s", "step_time_s", "voltage_v", "current_a", "capacity_ah")
_INTS = ("test", "cycle", "step", "step_count")
AT_REST = 1e-4
"""Part of the largest current of a run below which none flows: a tester at rest shows some nanoamperes."""
# The words of testers, ours (docs/store.md) and Neware's, by their beginnings.
_RESTS, _HOLDS = ("rest", "ocv", "pause"), ("cv", "dv")
TAPERS = (*_HOLDS, "cccv", "cccd")
"""Beginnings of the words for steps that hold a voltage at their end, while the current falls."""
LOADS = ("cp", "dp", "cr", "dr")
"""Beginnings of the words for steps whose current follows from their voltage."""
# Rows that are worked on at once: their columns fit into the caches of a processor.
_PIECE_ROWS = 50_000
# Names under which a table may have what the sample table calls otherwise: labels and machine names of the Battery Data
# Format, and what ``RunData.chunks`` calls the time.
_ALIASES = {name: [label, BY_LABEL[label].name] for name, label in labels_of().items()}
_ALIASES["test_time_s"].append("time_s")


class NoSuchTable(ValueError):
    """A table that cannot be analysed; the message says what is wrong with it and what would be right."""


@dataclass(frozen=True, slots=True)
class StepSamples:
    """The records of one executed step: its numbers, and its columns in s, V, A and Ah; a missing reading is NaN.

    ``step_time_s`` counts from the step's start, ``capacity_ah`` is the tester's magnitude since then.
    """

    test: int
    cycle: int
    step: int
    step_count: int
    mode: str
    test_time_s: Floats
    step_time_s: Floats
    voltage_v: Floats
    current_a: Floats
    capacity_ah: Floats

    @property
    def start_s(self) -> float:
        """The time of the run at which the step began."""
        return float(self.test_time_s[0] - self.step_time_s[0])

    @property
    def duration_s(self) -> float:
        """How long the step took, to its last record."""
        return float(self.step_time_s[-1])

    @property
    def mean_current_a(self) -> float:
        """The mean current, signed, weighted by time; of one record its own; 0.0 where none was read."""
        good = ~np.isnan(self.current_a)
        times, amperes = self.step_time_s[good], self.current_a[good]
        if not len(amperes):
            return 0.0
        span_s = float(times[-1] - times[0])
        passed_as = float(((amperes[1:] + amperes[:-1]) / 2 * np.diff(times)).sum())
        return passed_as / span_s if span_s > 0 else float(amperes[-1])

    def is_rest(self, largest_a: float) -> bool:
        """Return whether no current was set: by the tester's word, or against the largest mean current so far."""
        return self.mode.lower().startswith(_RESTS) or abs(self.mean_current_a) <= AT_REST * largest_a

    @property
    def holds_voltage(self) -> bool:
        """Whether the tester held a voltage from the beginning, by its own word."""
        return self.mode.lower().startswith(_HOLDS)

    def charge_ah(self) -> Floats:
        """Return the charge since the step's start at each record: the tester's, else the integral of the current."""
        if not np.isnan(self.capacity_ah).all():
            return self.capacity_ah
        amperes = np.abs(self.current_a)
        before = amperes[:1] * self.step_time_s[:1]
        between = (amperes[1:] + amperes[:-1]) / 2 * np.diff(self.step_time_s)
        return np.asarray(np.cumsum(np.concatenate((before, between))) / 3600)


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Records in order; ``starts`` are the rows at which a step begins, ``modes`` what the tester did there."""

    columns: Mapping[str, NDArray[Any]]
    starts: Ints
    modes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.columns["step_count"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column."""
        return self.columns[name]

    @property
    def counts(self) -> Ints:
        """How many records each step has."""
        return np.diff(self.starts, append=len(self))

    def cut(self, at_step: int) -> tuple[SampleBlock, SampleBlock]:
        """Return what is before a step, by its place among ``starts`` (from the end where negative), and the rest."""
        row = int(self.starts[at_step])
        before = {name: values[:row] for name, values in self.columns.items()}
        after = {name: values[row:] for name, values in self.columns.items()}
        return (
            SampleBlock(before, self.starts[:at_step], self.modes[:at_step]),
            SampleBlock(after, self.starts[at_step:] - row, self.modes[at_step:]),
        )

    @classmethod
    def joined(cls, blocks: Sequence[SampleBlock]) -> SampleBlock:
        """Return blocks in a row, at least one with a record; a step that goes on from one to the next is one step."""
        blocks = [block for block in blocks if len(block)] or list(blocks[:1])
        if len(blocks) == 1:
            return blocks[0]
        columns = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0].columns}
        starts, modes, rows, count = list[Ints](), list[str](), 0, None
        for block in blocks:
            goes_on = int(block["step_count"][0] == count)
            starts.append(block.starts[goes_on:] + rows)
            modes += block.modes[goes_on:]
            rows, count = rows + len(block), block["step_count"][-1]
        return cls(columns, np.concatenate(starts), tuple(modes))

    def steps(self) -> Iterator[StepSamples]:
        """Yield the steps one by one."""
        ends = self.starts + self.counts
        for first, end, mode in zip(self.starts.tolist(), ends.tolist(), self.modes, strict=True):
            test, cycle, step, count = (int(self[name][first]) for name in _INTS)
            time_s, step_time_s, volts, amperes, charge = (self[name][first:end] for name in _FLOATS)
            yield StepSamples(test, cycle, step, count, mode, time_s, step_time_s, volts, amperes, charge)


def names_of(table: Table) -> set[str]:
    """Return the names of a table's columns."""
    return {str(name) for name in (table.columns if hasattr(table, "columns") else table)}


def block_of(table: Table) -> SampleBlock:
    """Return a table's records as a block. Raises NoSuchTable for one that lacks a column, or is not in order."""
    names = names_of(table)
    names |= {name for name, others in _ALIASES.items() if not names.isdisjoint(others)}
    if missing := [name for name in _REQUIRED if name not in names]:
        needs = f"the table has no column {missing[0]!r}; an analysis needs {', '.join(_REQUIRED)}"
        raise NoSuchTable(
            f"{needs}, or their labels of the Battery Data Format. A file without numbers of steps and cycles gets "
            "them by cellrig import"
        )
    columns: dict[str, NDArray[Any]] = {name: _numbers(table, names, name, np.float64) for name in _FLOATS}
    columns |= {name: _numbers(table, names, name, np.int64) for name in _INTS}
    _check_order(table, names, columns)
    count = columns["step_count"]
    starts = np.flatnonzero(np.diff(count, prepend=count[:1] - 1)).astype(np.int64)
    if "step_time_s" not in names:
        columns["step_time_s"] = columns["test_time_s"] - np.repeat(
            columns["test_time_s"][starts], np.diff(starts, append=len(count))
        )
    return SampleBlock(columns, starts, _texts_at(table, names, starts))


class WholeSteps:
    """Cuts the records of one run, fed in order and in pieces of any size, into blocks of steps that are over.

    It holds the records of the step that still runs, and no others.
    """

    def __init__(self) -> None:
        # The pieces of the step that runs: joined when it is over, not at each record.
        self._open: list[SampleBlock] = []

    def feed(self, table: Table) -> SampleBlock:
        """Add records; return those of the steps that they complete. Raises NoSuchTable."""
        block = block_of(table)
        if not len(block):
            return block
        if self._open:
            last = self._open[-1]
            if block["step_count"][0] < last["step_count"][-1] or block["test_time_s"][0] < last["test_time_s"][-1]:
                raise NoSuchTable("these records lie before those that were fed last; feed a run in its order")
            if block["step_count"][-1] == last["step_count"][-1]:
                self._open.append(block)
                return block.cut(0)[0]
        whole, running = SampleBlock.joined([*self._open, block]).cut(-1)
        self._open = [running]
        return whole

    def blocks(self, table: Table) -> Iterator[SampleBlock]:
        """Do as ``feed`` does, piece by piece, so that a table of any length takes little memory besides its own."""
        is_frame = hasattr(table, "columns")
        for first in range(0, _height(table), _PIECE_ROWS):
            rows = slice(first, first + _PIECE_ROWS)
            yield self.feed(table[rows] if is_frame else {name: values[rows] for name, values in table.items()})

    @property
    def running(self) -> SampleBlock | None:
        """The records of the step that still runs; None before the first."""
        if len(self._open) > 1:
            self._open = [SampleBlock.joined(self._open)]
        return self._open[0] if self._open else None


def steps_of(table: Table, *, cycle: int | None = None, step_count: int | None = None) -> list[StepSamples]:
    """Return the steps of a table with their records: all, or those of a cycle, or of one number."""
    return [
        step
        for step in block_of(table).steps()
        if cycle in (None, step.cycle) and step_count in (None, step.step_count)
    ]


def _column(table: Table, names: set[str], name: str) -> Any:  # noqa: ANN401 - a series or an array
    if name not in names:
        return None
    have = names_of(table)
    return table[name if name in have else next(one for one in _ALIASES[name] if one in have)]


def _numbers(table: Table, names: set[str], name: str, kind: type) -> NDArray[Any]:
    """Return a column as numbers, NaN for what is missing; a counter must not lack any."""
    column = _column(table, names, name)
    if column is None:
        return np.full(_height(table), np.nan if kind is np.float64 else 0, kind)
    if name == "step" and str(getattr(column, "dtype", "")) == "String":
        # The Battery Data Format writes the program's step as a text.
        column = column.cast(_int64(), strict=False)
    if hasattr(column, "null_count") and column.null_count():
        if name in _MAY_LACK:
            return _plain(column.fill_null(0), kind)
        if kind is np.int64:
            raise NoSuchTable(f"{name} is not known in {column.null_count()} rows: leave those out, or number them")
        # A column of nothing but nulls has no type of its own.
        return np.array(column.to_list(), dtype=np.float64) if str(column.dtype) == "Null" else _plain(column, kind)
    return _plain(column, kind)


def _int64() -> Any:  # noqa: ANN401 - a type of polars, which is there where a frame is
    import polars as pl

    return pl.Int64


def _plain(column: Any, kind: type) -> NDArray[Any]:  # noqa: ANN401 - a series or an array
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
    return np.ascontiguousarray(values, dtype=kind)


def _height(table: Table) -> int:
    return len(table) if hasattr(table, "columns") else len(next(iter(table.values())))


def _texts_at(table: Table, names: set[str], rows: Ints) -> tuple[str, ...]:
    """Return what the tester did at some rows: all other texts are never made objects of Python."""
    column = _column(table, names, "mode")
    if column is None:
        return ("",) * len(rows)
    found = column.gather(rows) if hasattr(column, "gather") else np.asarray(column, dtype=object)[rows]
    return tuple("" if text is None else str(text) for text in found)


def _check_order(table: Table, names: set[str], columns: Mapping[str, NDArray[Any]]) -> None:
    runs = _column(table, names, "run_id")
    if runs is not None and len(runs) and runs[0] != runs[len(runs) - 1]:
        raise NoSuchTable("the table holds several runs; analyse one at a time: frame.partition_by('run_id')")
    times, count = columns["test_time_s"], columns["step_count"]
    if np.isnan(times).any():
        raise NoSuchTable("test_time_s is not known in some rows: an analysis needs the time of each record")
    if (count[1:] < count[:-1]).any() or (times[1:] < times[:-1]).any():
        raise NoSuchTable("the rows are not in the order of recording: sort them by test_time_s, step_count first")
