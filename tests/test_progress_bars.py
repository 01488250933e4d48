"""Bars on a narrow terminal: what is left out is the end of a line, never the name of a run."""

from __future__ import annotations

import io
import re
import sys

import pytest

from orchestrator.cli.output import ProgressView
from orchestrator.events import RunUpdate
from orchestrator.states import EndBasis, RunState


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_keeps_its_width_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the rest of the line is, the bar is as long as it was made: tenths can be told apart."""
    screen = _Screen()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    state = (RunState.RUNNING, "", 303_480.0, 720_610.0, 43, 0.1453, 3, True)
    with ProgressView() as view:
        view.show(RunUpdate("R1", "coated-li-li-0.2", "21-1-3", *state, 416_000.0, None, EndBasis.BOUND))
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).splitlines()[-1]
    assert sum(last.count(piece) for piece in "\u2501\u2578\u257a") == 10


@pytest.mark.parametrize("width", [60, 80, 120])
def test_names_are_whole_at_any_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs that differ at the end of their names can be told apart."""
    screen = _Screen()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    names = ["coated-li-li-0.2", "coated-li-li-0.4"]
    with ProgressView() as view:
        for name in names:
            state = (RunState.RUNNING, "", 303_480.0, 720_610.0, 43, 0.1453, 3, True)
            view.show(RunUpdate(name, name, "21-1-3", *state, 416_000.0, None, EndBasis.BOUND))
    for name in names:
        assert name in screen.getvalue()
    assert "left, less" in screen.getvalue() or width < 80
