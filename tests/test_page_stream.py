"""What a window makes of the frames of the stream: the newest row, and never an age that is less than the true one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from orchestrator.dashboard.assets import Assets
from tests.browser import chromium, serving

pytestmark = pytest.mark.needs("chromium")

# Gives a stream whose frames come at given moments of the browser's clock, and what it knows afterwards.
_FED = """async ([address, frames]) => {
  const { Stream } = await import(address);
  const told = [], stream = new Stream((kind) => told.push(kind)), real = Date.now;
  try {
    for (const [atS, kind, data] of frames) {
      Date.now = () => atS * 1000;
      stream.take(`event: ${kind}\\ndata: ${JSON.stringify(data)}`);
    }
  } finally { Date.now = real; }
  const { rows, offset, now, needs } = stream.state();
  return { rows, offset, now, needs, told };
}"""
HELLO = {"zone": "Europe/Zurich", "speed": 1, "simulated": False}


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    """Give a window that can load the scripts of the pages."""
    with chromium() as browser:
        page = browser.new_page()
        page.route("**/*", serving("<!doctype html><html lang=en><body></body></html>"))
        page.goto("http://127.0.0.1/")
        yield page


def _fed(window: Page, *frames: tuple[float, str, dict[str, Any]]) -> dict[str, Any]:
    return dict(window.evaluate(_FED, [Assets.load().address("live_worker.js"), [list(frame) for frame in frames]]))


def _rack(now: float, *rows: tuple[str, int], life: str = "a") -> dict[str, Any]:
    return {"now": now, "life": life, "rows": [{"channel": channel, "rev": rev} for channel, rev in rows], "seen": {}}


def test_row_that_is_older_than_the_one_shown_is_dropped(window: Page) -> None:
    """A frame that comes late changes nothing; another life of control begins anew."""
    first = [(100.0, "hello", HELLO), (100.0, "rack", _rack(100, ("1", 5), ("2", 5)))]
    late = (101.0, "rack", _rack(99, ("1", 4), ("2", 6)))
    assert {row["channel"]: row["rev"] for row in _fed(window, *first, late)["rows"]} == {"1": 5, "2": 6}
    anew = (102.0, "rack", _rack(102, ("1", 1), life="b"))
    assert _fed(window, *first, anew)["rows"] == [{"channel": "1", "rev": 1}]


@pytest.mark.parametrize("wrong_by_s", [0.0, 3600.0, -3600.0])
def test_frames_that_lay_in_a_socket_are_as_old_as_they_are(window: Page, wrong_by_s: float) -> None:
    """After a sleep of five minutes old frames come first: the rig's time that is shown stays the true one.

    Also in a browser whose clock is an hour off.
    """
    frames: list[tuple[float, str, dict[str, Any]]] = [(1000.1, "hello", HELLO), (1000.1, "rack", _rack(1000))]
    frames += [(1300.0, "rack", _rack(1001)), (1300.0, "rack", _rack(1002))]
    known = _fed(window, *((at + wrong_by_s, kind, data) for at, kind, data in frames))
    shown_now = 1300.0 + wrong_by_s - known["offset"]
    assert shown_now == pytest.approx(1299.9)
    assert shown_now - known["now"] >= 297


def test_clock_of_a_fast_rig_goes_as_fast_as_it_does(window: Page) -> None:
    """At 600 times real time two seconds of the browser are twenty minutes of the rig."""
    frames = [(100.0, "hello", HELLO | {"speed": 600}), (100.0, "rack", _rack(50_000)), (102.0, "rack", _rack(51_200))]
    assert 102.0 * 600 - _fed(window, *frames)["offset"] == pytest.approx(51_200)


def test_frame_is_told_to_every_window_with_its_kind(window: Page) -> None:
    """Needs are kept whole; a frame without data is none."""
    needs = {"needs": [{"code": "held.person"}], "rev": 3}
    known = _fed(window, (1.0, "hello", HELLO), (1.0, "need", needs), (2.0, "dropped", {"dropped": 2}))
    assert known["needs"] == needs["needs"]
    assert known["told"] == ["hello", "need", "dropped"]
