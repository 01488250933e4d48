"""A line that a person types is waited for beside whatever else goes on, and no longer than it is wanted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from orchestrator.cli.typed import typed


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Give the end into which a person types; the other is stdin."""
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield write


def test_answer_is_waited_for_beside_other_work(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The loop goes on until the line is there; the prompt is on stderr, blanks around the answer are no part of it."""

    async def ask() -> tuple[str, int]:
        answer, turns = asyncio.create_task(typed("Shown? (degC)")), 0
        while not answer.done():
            await asyncio.sleep(0.01)
            turns += 1
            if turns == 5:
                os.write(terminal, b" 24.5 \n")
        return await answer, turns

    said, turns = asyncio.run(ask())
    os.close(terminal)
    assert said == "24.5"
    assert turns >= 5
    assert capsys.readouterr().err == "Shown? (degC): "


def test_answer_that_is_not_wanted_any_more_takes_nothing_from_the_terminal(terminal: int) -> None:
    """A question that has ended reads no line, and the next one gets it; a closed terminal is a Ctrl-C."""

    async def ask() -> str:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(typed("Shown?"), 0.05)
        # At once: the thread of the first question still looks at the terminal.
        os.write(terminal, b"next\n")
        return await typed("And now?")

    assert asyncio.run(ask()) == "next"
    os.close(terminal)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(typed("Anybody?"))
