"""The parent of the service's processes: what it does with those that a bench file asks for besides control and web."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.serving.child import Work
from orchestrator.serving.parent import Parent


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    """Give a file in which each process writes a line about what it hears."""
    path = tmp_path / "diary"
    path.touch()
    return path


def _note(diary: Path, *words: object) -> None:
    with diary.open("a") as file:
        file.write(" ".join(str(word) for word in words) + "\n")


def _work(diary: Path, name: str, parent: ParentLink) -> None:
    """Be a process that serves, and notes where control is and that it is to end."""
    _note(diary, name, "pid", os.getpid())
    parent.tell(Word.READY, f"http://{name}")
    while True:
        word, value = parent.hear()
        _note(diary, name, word.value, value)
        if word is Word.END:
            return


def _refuse(diary: Path, parent: ParentLink) -> None:
    del parent
    _note(diary, "feed", "refuses")
    raise SettingsError("no broker is named")


def _deaf(diary: Path, parent: ParentLink) -> None:
    del parent
    _note(diary, "feed", "pid", os.getpid())
    while True:
        time.sleep(60)


def _served(diary: Path, optional: Mapping[str, Work], then: Callable[[], None]) -> list[str]:
    """Run a parent, do something once it serves, end it as a user does, and return the lines of the diary."""

    def act() -> None:
        then()
        os.kill(os.getpid(), signal.SIGTERM)

    acting = threading.Thread(target=act)
    parent = Parent(partial(_work, diary, "control"), partial(_work, diary, "web"), acting.start, optional)
    assert parent.run() == 0
    acting.join()
    return diary.read_text().splitlines()


def _until(diary: Path, line: str, times: int = 1) -> None:
    """Wait until the diary has a line that begins so, as often as said."""
    deadline = time.monotonic() + 30
    while sum(it.startswith(line) for it in diary.read_text().splitlines()) < times:
        assert time.monotonic() < deadline, f"no {line!r} in {diary.read_text()!r}"
        time.sleep(0.005)


def _kill(diary: Path, name: str) -> None:
    pid = [line.split()[-1] for line in diary.read_text().splitlines() if line.startswith(f"{name} pid")][-1]
    os.kill(int(pid), signal.SIGKILL)


def test_optional_process_hears_where_control_is_and_ends_before_it(diary: Path) -> None:
    """A process beside web is told where control answers, and has ended before control is told to."""
    lines = _served(
        diary, {"feed": partial(_work, diary, "feed")}, lambda: _until(diary, "feed control http://control")
    )
    assert lines.index("feed end None") < lines.index("control end None")


def test_optional_process_that_dies_is_started_again(diary: Path) -> None:
    """A killed optional process is started again and told where control is; nothing else is touched."""

    def then() -> None:
        _until(diary, "feed control http://control")
        _kill(diary, "feed")
        _until(diary, "feed control http://control", 2)

    lines = _served(diary, {"feed": partial(_work, diary, "feed")}, then)
    assert [sum(line.startswith(f"{name} pid") for line in lines) for name in ("control", "web", "feed")] == [1, 1, 2]


def test_optional_process_that_cannot_start_ends_nothing(diary: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An optional process whose first start fails is tried again and its reason logged; the service goes on."""
    lines = _served(diary, {"feed": partial(_refuse, diary)}, lambda: _until(diary, "feed refuses", 2))
    assert "web end None" in lines
    assert "feed has ended with 1: no broker is named; it is started again" in caplog.text


def test_optional_process_that_does_not_end_is_killed(diary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional process that is deaf to the end is killed after its time, and control ends in order."""
    # The time that it is given, shortened: it is waited for in real time.
    monkeypatch.setattr("orchestrator.serving.parent._OPTIONAL_GRACE_S", 0.1)
    lines = _served(diary, {"feed": partial(_deaf, diary)}, lambda: _until(diary, "feed pid"))
    assert lines[-1] == "control end None"
