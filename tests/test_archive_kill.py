"""An archive, and a way back, that is killed at any moment: every record is in the store or in a sound package."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.failpoints import FAILPOINTS, VARIABLE
from orchestrator.packaging.archive_packages import ENDING
from orchestrator.packaging.opened import package_store
from orchestrator.packaging.verifying import verify
from orchestrator.store import RunArchived, Store, open_store
from orchestrator.store.archives import archived_run
from orchestrator.tables.sample_table import sample_table
from tests.command_line import PROGRAM, cellrig
from tests.package_rig import dump, sealed

POINTS = [name for name in FAILPOINTS if "archive" in name]
_DIED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM


def _killed(store: Path, words: list[str], point: str) -> int:
    """Run a command that dies at a point; give its status."""
    command = [*PROGRAM, *words, "--store", str(store)]
    return subprocess.run(
        command, env=os.environ | {VARIABLE: f"{point}:1"}, capture_output=True, check=False
    ).returncode


def _records(store: Path, folder: Path, run_id: str) -> list[list[Any]]:
    """Give the records of a run from each place that must have all: a store without a pointer, and a sound package."""
    found, rows = [], dump(store)
    if not rows["archive"]:
        found.append(rows["sample"])
    package = folder / f"{run_id}{ENDING}"
    if package.exists():
        assert verify(package).is_sound
        with package_store(package) as opened:
            found.append(sorted(opened.connection.execute("SELECT * FROM sample").fetchall(), key=repr))
    return found


def _whole_or_refused(store: Store, run_id: str, count: int) -> None:
    """Read a run: never a part of its records for all of them."""
    try:
        assert sample_table(store, run_id).height == count
    except RunArchived:
        assert archived_run(store.connection, run_id) is not None


@pytest.mark.parametrize("point", POINTS)
def test_no_record_is_lost_where_a_command_is_killed(tmp_path: Path, point: str) -> None:
    """Wherever it dies: all records are in one place or in both, the same ones, and the command said again ends it."""
    store, folder = tmp_path / "store.sqlite", tmp_path / "store-archive"
    with open_store(store) as opened:
        run_id = sealed(opened)
    before = dump(store)
    word = point.partition(" ")[0]
    words = [word, run_id, *(["--no-pictures"] if word == "archive" else [])]
    if word == "unarchive":
        assert cellrig("archive", run_id, "--no-pictures", "--store", store).returncode == 0
    assert _killed(store, words, point) == _DIED
    places = _records(store, folder, run_id)
    assert places
    assert all(rows == before["sample"] for rows in places)
    with open_store(store, read_only=True) as opened:
        assert sum(opened.sample_count(test.id) for test in opened.tests(run_id)) == len(before["sample"])
        assert opened.last_sample(1) is not None
        _whole_or_refused(opened, run_id, len(before["sample"]))
    again = cellrig(*words, "--store", store)
    assert again.returncode == int(point == "unarchive committed"), again.stderr
    if word == "archive":
        assert dump(store)["sample"] == []
        assert cellrig("unarchive", run_id, "--store", store).returncode == 0
    assert dump(store) == before
    assert [path.name for path in folder.iterdir()] == [f"{run_id}{ENDING}"]
