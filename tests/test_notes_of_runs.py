"""Notes of people on runs: added and never changed, by REST, by the command line, and into packages."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.packaging.contents import notes_text
from orchestrator.packaging.opened import package_store
from orchestrator.store import Notes, StoreError, note_text, open_store
from tests.api_client import ORDER, Client
from tests.command_line import cellrig, refused
from tests.package_rig import sealed


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Give the path of a store with one run."""
    path = tmp_path / "lab.db"
    with open_store(path) as store:
        sealed(store)
    return path


def test_note_is_never_changed_and_never_removed(made: Path) -> None:
    """The file itself refuses both, whatever program asks; the note is there as it was written."""
    with open_store(made) as store:
        kept = Notes(store).add("R000001", " Pressed the cell in again. \r\nLooks dry ", "ada", 1795797643.0)
        for sql in ("UPDATE note SET text = 'nothing'", "UPDATE note SET written_by = 'bob'", "DELETE FROM note"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                store.connection.execute(sql)
        assert Notes(store).of("R000001") == [kept]
        assert kept.text == "Pressed the cell in again.\nLooks dry"
        assert Notes(store).counts() == {"R000001": 1}
        with pytest.raises(StoreError, match="R000009"):
            Notes(store).add("R000009", "a note", "ada", 1.0)


@given(st.text(max_size=60))
def test_text_of_a_note_is_kept_or_refused_and_never_made_up(text: str) -> None:
    """What is kept has the words of what was written, and is the same when it is given again."""
    try:
        kept = note_text(text)
    except ValueError:
        return
    assert note_text(kept) == kept
    assert kept.split() == text.split()


@pytest.mark.parametrize("text", ["", " \n ", "...", "a" * 2001, "bell \x07", "nul \x00"])
def test_note_that_says_nothing_or_is_no_text_is_refused(made: Path, text: str) -> None:
    """The sentence says what a note is; nothing is stored."""
    with open_store(made) as store:
        with pytest.raises(ValueError, match="a note"):
            Notes(store).add("R000001", text, "ada", 1.0)
        assert Notes(store).of("R000001") == []


async def test_notes_are_added_by_rest_in_order(client: Client) -> None:
    """Each has its writer and its time; a run that is not there and a note without words are refused."""
    await client.post("/runs", ORDER, 201)
    for number, by in enumerate(("ada", "bob"), 1):
        told = await client.post("/runs/R000001/notes", {"text": f"look {number}", "by": by}, 201)
        assert (told["text"], told["by"], told["run_id"]) == (f"look {number}", by, "R000001")
    found = (await client.get("/runs/R000001/notes"))["notes"]
    assert [(note["text"], note["by"]) for note in found] == [("look 1", "ada"), ("look 2", "bob")]
    assert found[0]["at_unix_s"] <= found[1]["at_unix_s"]
    await client.post("/runs/R000009/notes", {"text": "look", "by": "ada"}, 404)
    await client.get("/runs/R000009/notes", 404)
    await client.post("/runs/R000001/notes", {"text": "...", "by": "ada"}, 422)
    await client.post("/runs/R000001/notes", {"text": "look"}, 422)
    assert (await client.get("/runs/R000001/notes"))["notes"] == found


def test_note_is_written_at_the_terminal_and_shown_with_its_run(made: Path) -> None:
    """Without a service it is written here; show and its JSON list it."""
    told = cellrig("note", "R000001", "The <cell> looks dry", "--by", "ada", "--store", made, "--json")
    assert json.loads(told.stdout)["text"] == "The <cell> looks dry"
    assert "looks dry" in cellrig("show", "R000001", "--store", made).stdout
    shown = json.loads(cellrig("show", "R000001", "--store", made, "--json").stdout)
    assert [(note["by"], note["text"]) for note in shown["notes"]] == [("ada", "The <cell> looks dry")]
    refused(cellrig("note", "R000009", "hm", "--by", "ada", "--store", made), 1, "R000009")
    refused(cellrig("note", "R000001", "", "--by", "ada", "--store", made), 2, "a note has a letter")


def test_notes_go_into_the_package_and_come_back_with_an_import(made: Path, tmp_path: Path) -> None:
    """A package is sound with them; who imports it has them too."""
    with open_store(made) as store:
        Notes(store).add("R000001", "Pressed the cell in again", "ada", 1795797643.0)
    package = tmp_path / "R000001.cellrig.zip"
    assert cellrig("export", "R000001", "--to", "crate", "--store", made, "--out", package).returncode == 0
    assert cellrig("verify", package).returncode == 0
    with open_store(made, read_only=True) as store, package_store(package) as packed:
        assert notes_text(packed, "R000001") == notes_text(store, "R000001")
    other = tmp_path / "other.db"
    assert cellrig("import", package, "--store", other, "--by", "bob").returncode == 0
    with open_store(other, read_only=True) as store:
        assert [(note.text, note.written_by) for note in Notes(store).of("R000001")] == [
            ("Pressed the cell in again", "ada")
        ]


def test_runs_are_listed_by_cell_under_either_of_its_names(made: Path) -> None:
    """The name in the cell's file and the label that the order gave both find the run."""
    row = json.loads(cellrig("runs", "--store", made, "--json").stdout)["runs"][0]
    for name in filter(None, {row["cell"], row["label"]}):
        found = json.loads(cellrig("runs", "--store", made, "--cell", name, "--json").stdout)["runs"]
        assert [one["run"] for one in found] == ["R000001"]
    assert json.loads(cellrig("runs", "--store", made, "--cell", "nobody", "--json").stdout)["runs"] == []
