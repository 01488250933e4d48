"""A store of the second layout opens and shows its runs, and what its version left wrong is mended."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.store import Origin, Origins, open_store
from orchestrator.store.schema import APPLICATION_ID
from tests.command_line import cellrig, refused

GOLDEN = Path(__file__).parent / "golden" / "store-0002.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Give a store as commit 94b0233 wrote it: two simulated runs and one of a real tester, one cell's file changed."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(GOLDEN.read_text("utf-8"))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return path


def test_store_of_an_older_version_shows_its_runs_and_is_left_as_it_is(old: Path) -> None:
    """Its simulated runs are told by the names of their instruments; of the others nobody knows."""
    before = old.read_bytes()
    rows = json.loads(cellrig("runs", "--store", old, "--json").stdout)["runs"]
    assert [(row["run"], row["state"], row["simulated"]) for row in rows] == [
        ("R000001", "completed", True),
        ("R000002", "completed", True),
        ("R000003", "stopped", None),
    ]
    shown = " ".join(cellrig("show", "R000003", "--store", old).stdout.split())
    assert "ordered by ada not kept on, recipe file, cell file, check Events" in shown
    refused(cellrig("recipe", "show", "--run", "R000003", "--store", old), 1, "R000003 was not kept", "older cellrig")
    assert old.read_bytes() == before


def test_upgraded_store_has_null_where_nothing_was_kept(old: Path) -> None:
    """One command brings it up to date, and says where the copy of before is; the second finds nothing to do."""
    assert "old.before-0003_barcodes.db" in cellrig("store", "upgrade", "--store", old).stdout
    assert "is up to date\n" in cellrig("store", "upgrade", "--store", old).stdout
    with open_store(old, read_only=True) as store:
        assert [Origins(store).of(row.run_id) for row in store.runs()] == [Origin(), Origin(), Origin(ordered_by="ada")]


def test_runs_of_an_older_store_refer_to_the_facts_of_their_own_cells(old: Path) -> None:
    """That version kept the facts of the first cell of a name for all runs with that name."""
    with open_store(old) as store:
        rows = store.runs()
        assert [json.loads(row.facts_json) for row in rows] == [json.loads(row.program_json)["cell"] for row in rows]
        assert [json.loads(row.facts_json)["area_cm2"] for row in rows] == [0.7854, 1.131, 0.7854]
        assert store.connection.execute("SELECT count(*) FROM cell").fetchone() == (2,)


def test_run_like_one_of_an_older_store_needs_its_files(old: Path) -> None:
    """What was not kept is asked for by its name."""
    order = ("run", "--like", "R000001", "--from", old, "--simulate", "--store", old.with_name("new.db"))
    refused(cellrig(*order), 1, "the recipe file of R000001 was not kept", "Give the recipe by its name")
