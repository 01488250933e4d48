"""The feed's marks on a full disk, in the hands of another program, damaged, or of a store that was put back."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.feed.live_samples import LiveSamples
from orchestrator.feed.marks import EventMark, Marks
from orchestrator.feed.messages import Topics
from orchestrator.feed.outbox import CYCLES, EventOutbox, RowOutbox
from orchestrator.store import open_store
from orchestrator.store.companion_files import mqtt_marks_path
from orchestrator.store.errors import CannotOpen
from tests.feed_rig import Rack, open_rack

TOPICS = Topics("lab-3", "5b1f0c4e9a7d")


@pytest.fixture
def marks(store_path: Path) -> Iterator[Marks]:
    """Give the marks of a feed that has sent seven events."""
    opened = Marks(mqtt_marks_path(store_path))
    opened.note_events(EventMark(7, 7, 1.0))
    yield opened
    opened.close()


def sent_cycles(outbox: RowOutbox) -> list[int]:
    """Send all cycles that wait, and return their numbers."""
    numbers = []
    while rows := outbox.pending(outbox.behind(), 50):
        outbox.trying(rows)
        outbox.answered(rows)
        numbers += [json.loads(row.message.payload)["sequence"] for row in rows]
    return numbers


def everything_sent(rack: Rack, marks: Marks) -> None:
    """Write ten cycles and 2,000 records into a store, and send all that is in it."""
    for _ in range(10):
        rack.cycle()
    rack.record(2000)
    assert sent_cycles(RowOutbox(CYCLES, lambda: rack.store, marks, TOPICS, is_new=False)) == list(range(1, 11))
    marks.note_samples({rack.test: 2000})
    events = EventOutbox(lambda: rack.store, marks, TOPICS)
    events.answered(events.pending(10))


def test_marks_that_another_program_holds_are_not_taken_for_damaged(store_path: Path, marks: Marks) -> None:
    """What waits for a broker is known by the marks alone: they are opened later, and never set aside for that."""
    marks.close()
    path = mqtt_marks_path(store_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("INSERT INTO meta VALUES ('of', 'another')")
        with pytest.raises(CannotOpen, match="cannot be used: database is locked"):
            Marks(path)
        other.execute("ROLLBACK")
    with closing(Marks(path)) as again:
        assert again.events() == EventMark(7, 7, 1.0)


def test_marks_that_take_nothing_keep_no_message_from_being_sent(
    store_path: Path, marks: Marks, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk is logged once; what was noted before is still there when the disk has room again."""
    marks._connection.execute("PRAGMA max_page_count = 1")  # noqa: SLF001 - as on a full disk, without one
    large = {str(number): "x" * 4000 for number in range(50)}
    marks.note_discovered(f"{name}{text}" for name, text in large.items())
    marks.note_discovered(f"{name}{text}" for name, text in large.items())
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert marks.events() == EventMark(7, 7, 1.0)
    assert marks.discovered() == set()


def test_marks_with_a_damaged_page_are_set_aside(store_path: Path, marks: Marks) -> None:
    """Damage behind the first page, which tells what tables there are, is found when the file is opened."""
    marks.close()
    path = mqtt_marks_path(store_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with closing(Marks(path)) as again:
        assert again.events() is None
    assert path.with_name(f"{path.name}.damaged").is_file()


async def test_rows_of_another_store_are_sent_although_their_numbers_were(
    store_path: Path, tmp_path: Path, marks: Marks
) -> None:
    """A store that was deleted begins with run and test 1 again: its cycles and records are no old ones."""
    marks.note_events(EventMark(0, 0, 0.0))
    with open_rack(store_path).store as store:
        everything_sent(Rack(store, "R000001", 1), marks)
    new = open_rack(tmp_path / "new.sqlite")
    with new.store:
        cycles = RowOutbox(CYCLES, lambda: new.store, marks, TOPICS, is_new=False)
        live = LiveSamples(lambda: new.store, marks, TOPICS, 600, is_new=False)
        for _ in range(8):
            new.cycle()
        new.record(50)
        assert sent_cycles(cycles) == list(range(1, 9))
        (bundle,) = live.due(1e9)
        assert bundle.newest == 50


async def test_rows_behind_those_of_a_backup_are_sent_again(store_path: Path, tmp_path: Path, marks: Marks) -> None:
    """Without any event since the backup too: a row that was sent and is not in the store shows that it went back."""
    marks.note_events(EventMark(0, 0, 0.0))
    rack = open_rack(store_path)
    with rack.store:
        for _ in range(3):
            rack.cycle()
        rack.record(100)
        events = EventOutbox(lambda: rack.store, marks, TOPICS)
        events.answered(events.pending(10))
        with closing(sqlite3.connect(tmp_path / "back.sqlite")) as backup:
            rack.store.connection.backup(backup)
        for _ in range(3):
            rack.cycle()
        rack.record(100)
        assert sent_cycles(RowOutbox(CYCLES, lambda: rack.store, marks, TOPICS, is_new=False)) == [1, 2, 3, 4, 5, 6]
        marks.note_samples({rack.test: 200})
    with open_store(tmp_path / "back.sqlite") as store:
        back = Rack(store, rack.run_id, rack.test, written=100, cycles=3)
        cycles = RowOutbox(CYCLES, lambda: store, marks, TOPICS, is_new=False)
        live = LiveSamples(lambda: store, marks, TOPICS, 600, is_new=False)
        back.cycle()
        back.record(50)
        assert sent_cycles(cycles)[-1] == 4
        (bundle,) = live.due(1e9)
        assert bundle.newest == 150
