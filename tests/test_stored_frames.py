"""Samples in frames: what a second process reads is what this one reads, and what it does not read is read here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orchestrator.packaging.archiving import archive_run
from orchestrator.store import Store, open_store
from orchestrator.store.arrow_pages import arrow_pages, file_of
from orchestrator.store.errors import RunArchived
from orchestrator.tables.run_data import RunData
from orchestrator.tables.sample_table import sample_batches
from orchestrator.tables.stored_frames import continued, stored_frames
from tests.run_maker import CHARGE, START_UNIX_S, RunMaker, program_of
from tests.segments import segment_of

ROWS = 20
NEVER = 10**9


def made(store: Store) -> tuple[int, int]:
    """Give the number of a test, and its last record, with what is rare: nothing, zero, infinity, other words."""
    run_id = RunMaker(store, program_of(segment_of(CHARGE))).run()
    (test,) = RunData(store, run_id).tests
    assert test.last is not None
    with store.transaction() as connection:
        # A whole page without a reading, and the first one after it.
        connection.execute("UPDATE sample SET voltage_v = NULL, energy_wh = NULL WHERE sequence < 45")
        connection.execute("UPDATE sample SET current_a = -2.5e-9, capacity_ah = 0.1 + 0.2 WHERE sequence = 50")
        connection.execute("UPDATE sample SET voltage_v = -0.0, current_a = 9e999 WHERE sequence = 51")
        connection.execute("UPDATE sample SET mode = '恒流', temperature_degc = 25.125 WHERE sequence = 52")
        connection.execute("DELETE FROM sample WHERE sequence BETWEEN 55 AND 58")
    return test.row.id, test.last.sequence


def test_second_process_reads_what_this_one_reads(tmp_path: Path) -> None:
    """Row for row and value for value, with the same types and no larger frames, from a place with an odd name."""
    folder = tmp_path / "a b%20#?ü"
    folder.mkdir()
    with open_store(folder / "x%y.sqlite") as store:
        test, last = made(store)
        file = file_of(store.connection)
        assert file is not None
        pages = list(arrow_pages(file, test, last, ROWS // 3))
        there = list(continued(pages, store.connection, test, (), NEVER, ROWS))
        here = list(stored_frames(store.connection, test, ("constant_current",), last, ROWS, NEVER))
        assert sum(page.num_rows for page in pages) == sum(frame.height for frame in here) == last - 4
        assert max(frame.height for frame in there) == ROWS // 3 * 3 < ROWS
        assert pl.concat(there).equals(pl.concat(here).select(there[0].columns))
        assert pl.concat(there).schema == pl.concat(here).select(there[0].columns).schema


def test_what_a_second_process_leaves_is_read_here(store: Store) -> None:
    """Where its pages end early, after any of them, no row is lost and none comes twice."""
    test, last = made(store)
    file = file_of(store.connection)
    assert file is not None
    whole = pl.concat(stored_frames(store.connection, test, (), last, ROWS, NEVER))
    pages = list(arrow_pages(file, test, last, ROWS))
    for read in range(len(pages) + 1):
        frames = list(continued(islice(pages, read), store.connection, test, (), last, ROWS))
        assert pl.concat([frame.select(whole.columns) for frame in frames]).equals(whole)


def test_second_process_that_fails_costs_nothing_but_time(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A store that only this process still has open is read here, and the log has the reason."""
    test, last = made(store)
    store.path.rename(store.path.with_name("elsewhere"))
    frames = stored_frames(store.connection, test, (), last, ROWS, worth_rows=1)
    assert sum(frame.height for frame in frames) == last - 4
    assert "failed to open" in caplog.text


def test_second_process_sees_what_is_committed(store: Store) -> None:
    """Rows of a transaction that is open are in no file: they are read here."""
    with store.transaction():
        test, last = made(store)
        assert file_of(store.connection) is None
        frames = stored_frames(store.connection, test, (), last, ROWS, worth_rows=1)
        assert sum(frame.height for frame in frames) == last - 4


def test_run_that_is_archived_meanwhile_ends_with_an_error(store: Store, tmp_path: Path) -> None:
    """Records that go into a package while they are read are told, and no part of a run looks like the whole."""
    run_id = RunMaker(store, program_of(segment_of(CHARGE))).run()
    store.set_run_state(run_id, "completed", "all steps done", START_UNIX_S + 9e4)
    batches = sample_batches(store, run_id, ROWS)
    next(batches)
    archive_run(store, run_id, tmp_path, START_UNIX_S + 1e6, lambda _part: lambda _done, _all: None, [], pictures=False)
    with pytest.raises(RunArchived, match="unarchive"):
        list(batches)


def test_second_process_that_an_archive_overtook_is_not_believed(store: Store, tmp_path: Path) -> None:
    """Its pages are the rows that an archive had not taken away yet: they are no run, and the command is told."""
    run_id = RunMaker(store, program_of(segment_of(CHARGE))).run()
    store.set_run_state(run_id, "completed", "all steps done", START_UNIX_S + 9e4)
    (test,) = RunData(store, run_id).tests
    assert test.last is not None
    file = file_of(store.connection)
    assert file is not None
    pages = list(arrow_pages(file, test.row.id, test.last.sequence, ROWS))

    def overtaken() -> Iterator[Any]:
        archive_run(store, run_id, tmp_path, 0.0, lambda _part: lambda _done, _all: None, [], pictures=False)
        yield from pages[1:]

    with pytest.raises(RunArchived, match="unarchive"):
        list(continued(overtaken(), store.connection, test.row.id, (), test.last.sequence, ROWS))
