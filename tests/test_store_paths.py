"""Whatever is typed as the path of a store, every command answers with a sentence: no trace, no hang, no file made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.store import CannotOpen, back_up, open_store
from orchestrator.store.health import check_store
from orchestrator.store.place import check_path

COMMANDS = [
    ["status"], ["watch"], ["stop", "R000001"], ["hold", "R000001"], ["resume", "R000001"], ["ack", "R000001"],
    ["note", "R000001", "pressed in again"],
    ["mounted", "R000001"], ["empty", "21-1-1"], ["runs"], ["show", "R000001"], ["spectra", "R000001"],
    ["import", __file__], ["plot", "R000001"], ["analyse", "R000001"], ["report", "R000001"],
    ["export", "R000001", "--to", "csv"], ["cell", "list"], ["cell", "show", "bare-lfp"],
    ["store", "check"], ["store", "backup"], ["store", "upgrade"],
    ["recipe", "show", "--run", "R000001"], ["recipe", "list"],
    ["recipe", "forecast", "--run", "R000001"],
    ["bench", "check"], ["serve", "--simulate"], ["morning"],
    ["archive", "R000001"], ["unarchive", "R000001"],
    ["notices", "list"], ["notices", "ack", "1"], ["notices", "watch-service", "--bench", "bench.toml"],
    ["commission", "ct4008", "--channel", "21-1-1", "--simulate", "--yes"],
    ["preflight", "li-li-0.2", "--cell", "bare-li-li", "--channel", "21-1-1"],
    ["run", "li-li-0.2", "--cell", "bare-li-li", "--channel", "21-1-1", "--simulate"],
    ["run", "li-li-0.2", "--cell", "bare-li-li", "--channel", "21-1-1"],
]  # fmt: skip
PLACES: list[tuple[str, Callable[[Path], object], str]] = [
    ("folder", Path.mkdir, "is a folder"),
    ("pipe", os.mkfifo, "is a pipe"),
    ("device", lambda path: path.symlink_to("/dev/zero"), "is a device"),
    ("loop", lambda path: path.symlink_to(path), "leads to itself"),
    ("gone/store.db", lambda path: None, "is not a folder; make it first"),
    ("file/store.db", lambda path: path.parent.write_text("x"), "is not a folder; make it first"),
    ("x" * 230 + ".db", lambda path: None, "has a name of 233 bytes"),
    ("x" * 5000, lambda path: None, "has a name of 5000 bytes"),
]


@pytest.mark.parametrize(("name", "make", "words"), PLACES, ids=[place[2] for place in PLACES])
def test_every_command_says_why_a_path_can_be_no_store(
    tmp_path: Path, name: str, make: Callable[[Path], object], words: str
) -> None:
    """A folder, a pipe, a device, a link to itself, a missing folder, a long name: one sentence from each command."""
    place = tmp_path / name
    make(place)
    before = sorted(tmp_path.iterdir())
    for command in COMMANDS:
        result = CliRunner().invoke(app, [*command, "--store", str(place)])
        assert isinstance(result.exception, CannotOpen), (command, result.exception)
        assert words in str(result.exception), command
        assert len(str(result.exception)) < 1000
    for use in (
        open_store,
        lambda path: check_store(path, now_unix_s=0.0),
        lambda path: back_up(path, None, now_unix_s=0.0),
    ):
        with pytest.raises(CannotOpen, match=words):
            use(place)
    assert sorted(tmp_path.iterdir()) == before


def test_no_command_is_left_out() -> None:
    """Whoever adds a command that opens a store adds it to those that are tried here."""

    def with_store(command: Any, words: list[str]) -> Iterator[list[str]]:  # noqa: ANN401 - a group or a command
        for name, inner in getattr(command, "commands", {}).items():
            yield from with_store(inner, [*words, name])
        if any("--store" in option.opts for option in command.params):
            yield words

    # They name the store beside which the file of people is, and open that file alone.
    of_people = {"people", "audit-log"}
    for words in (words for words in with_store(get_command(app), []) if words[0] not in of_people):
        assert words in [command[: len(words)] for command in COMMANDS]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux has a file that is there and not read")
def test_store_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Somebody else's file, or one on a broken disk: its first bytes are looked at before SQLite is."""
    (tmp_path / "store.db").symlink_to("/proc/self/mem")
    for use in (open_store, lambda path: open_store(path, read_only=True)):
        with pytest.raises(CannotOpen, match="cannot be read: Input/output error; check its rights, and the disk"):
            use(tmp_path / "store.db")


def test_store_in_somebody_elses_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the system does not let its user enter; tests may be run by somebody who may enter all."""
    asked: list[tuple[object, int]] = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((path, mode)))
    for command in COMMANDS:
        result = CliRunner().invoke(app, [*command, "--store", str(tmp_path / "store.db")])
        assert isinstance(result.exception, CannotOpen), (command, result.exception)
        assert "you may not use the folder" in str(result.exception), command
    assert set(asked) == {(tmp_path, os.X_OK)}


@pytest.mark.parametrize("text", ["", "store.db/", "nul\0byte"])
def test_text_that_is_no_path_of_a_file_is_refused(text: str) -> None:
    """Nothing, a slash at the end (which Python's paths drop), a NUL."""
    with pytest.raises(CannotOpen):
        check_path(text)
    result = CliRunner().invoke(app, ["runs", "--store", text])
    assert isinstance(result.exception, CannotOpen)


def test_pictures_that_cannot_be_written_are_a_sentence(tmp_path: Path) -> None:
    """A file in the place of the demo's folder is named, with what to do."""
    (tmp_path / "out").write_text("x")
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, CannotOpen)
    assert "cannot be made a folder" in str(result.exception)
