"""All pages in a real browser, over one service with runs in every state: acts counted, access, languages, widths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.rack_screen import Screen, rack_screen, tile
from tests.screens.checks import LAYOUT, WATCHING, keep, serious
from tests.screens.pages import Shot, told_shots, true_shots
from tests.screens.prepared import HOSTILE, Prepared, admin, prepare
from tests.screens.told import told_racks

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

expect.set_options(timeout=30_000)
# Longer than a dialog is deaf.
DEAF_MS = 400
PHONE, DESK, WALL = (ViewportSize(width=w, height=h) for w, h in ((360, 740), (1366, 768), (1920, 1080)))


# One page of each kind; ``python -m tests.screens`` looks in the same way at all of them.
TRIED = frozenset({
    "sign-in-wrong", "rack", "rack-table", "rack-ask-stop", "rack-viewer", "launch-checked", "launch-refused",
    "launch-list-pasted", "runs", "run-time-stopped", "run-tab-notes", "compare-cycle", "recipe-faulty", "cell", "log",
    "people", "me",
})  # fmt: skip


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Give a service with runs in every state, and a browser."""
    with rack_screen(tmp_path_factory.mktemp("screens")) as screen:
        yield prepare(admin(screen))


@dataclass
class Acts:
    """A person at a page: each click, and each sequence of keys with its Enter, is one act."""

    page: Page
    count: int = 0

    def click(self, what: Locator) -> None:
        """Click."""
        what.click()
        self.count += 1

    def enter(self, text: str = "") -> None:
        """Type a text, or nothing, and Enter."""
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")
        self.count += 1


def test_test_is_started_from_the_rack_in_four_acts(rig: Prepared) -> None:
    """Start on the tile, Enter for the recipe used last, the cell, Start; then it is on the rack."""
    with rig.screen.page() as page:
        acts = Acts(page)
        acts.click(tile(page, "21-1-8", "free").locator(".act-start"))
        expect(page.locator("#f-recipe")).to_be_focused()
        acts.enter()
        expect(page.locator("#f-cell")).to_be_focused()
        acts.enter("lot9-31")
        start = page.get_by_role("button", name="Start on 21-1-8")
        expect(start).to_be_focused()
        acts.enter()
        expect(page.locator(".started")).to_contain_text("lot9-31 on 21-1-8")
        assert acts.count <= 4
    assert rig.screen.row("21-1-8")["label"] == "lot9-31"


def test_two_runs_are_compared_from_the_list_and_the_picture_is_a_link(rig: Prepared) -> None:
    """Mark two, Compare: one picture of both; its address, and that of its files, can be sent to somebody."""
    with rig.screen.page("/runs") as page:
        acts = Acts(page)
        for run in (rig.completed, rig.second):
            acts.click(page.locator(f'input[name="runs"][value="{run}"]'))
        acts.click(page.get_by_role("button", name="Compare"))
        page.locator("figure[data-state=drawn] canvas").first.wait_for()
        assert acts.count == 3
        assert (rig.completed in page.url, rig.second in page.url) == (True, True)
        links = {one.get_attribute("data-as"): one.get_attribute("href") for one in page.locator("[data-as]").all()}
        assert {"png", "svg", "pdf", "csv"} == set(links)
        told = page.request.get(f"{rig.screen.url}{links['csv']}")
        assert told.ok
        assert all(run in told.text() for run in (rig.completed, rig.second))


@dataclass
class Seen:
    """What was found on pages: by the name of the page."""

    access: list[str] = field(default_factory=list)
    layout: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)


@pytest.mark.parametrize(("size", "theme", "lang"), [(PHONE, "dark", "zh"), (DESK, "light", "en")])
def test_page_is_laid_out_well_reached_by_all_and_runs_nothing_of_a_name(
    rig: Prepared, size: ViewportSize, theme: str, lang: str
) -> None:
    """No page is wider than its window, none asks another host, axe-core finds nothing serious, no label runs."""
    seen = Seen()
    for role in ("", "admin", "viewer"):
        shots = [shot for shot in true_shots(rig) if shot.role == role and shot.name in TRIED]
        _look_at(rig.screen, shots, seen, size, theme, lang)
    assert seen == Seen(hosts={urlsplit(rig.screen.url).netloc})


def _look_at(screen: Screen, shots: list[Shot], seen: Seen, size: ViewportSize, theme: str, lang: str) -> None:
    options: dict[str, Any] = {"viewport": size, "locale": "en-GB"}
    role = shots[0].role
    context = screen.context(role, **options) if role else screen.browser.new_context(**options)
    try:
        keep(context, theme=theme, lang=lang)
        context.add_init_script(WATCHING)
        page = context.new_page()
        page.on("request", lambda request: seen.hosts.add(urlsplit(request.url).netloc))
        page.on("dialog", lambda dialog: seen.ran.append(dialog.message))
        page.on("pageerror", lambda err: seen.ran.append(str(err)))
        for shot in shots:
            shot.come_to(page)
            seen.layout += [f"{shot.name}: {fault}" for fault in page.evaluate(LAYOUT)]
            seen.access += [f"{shot.name}: {fault}" for fault in serious(page)]
            seen.ran += [f"{shot.name}: a label became a picture"] * page.locator("img[src=x]").count()
    finally:
        context.close()


def test_names_are_shown_as_they_were_written(rig: Prepared) -> None:
    """Markup, quotes and signs of direction in a label and a note stand there as text, and turn nothing beside them."""
    with rig.screen.page(f"/runs/{rig.stopped}", live=False) as page:
        assert HOSTILE in (page.locator("h1").text_content() or "")
    with rig.screen.page(f"/runs/{rig.running}?tab=notes", live=False) as page:
        assert (page.locator(".note-text").first.text_content() or "").strip() == HOSTILE


def test_plugged_takes_two_acts(tmp_path: Path, rig: Prepared) -> None:
    """The cell that waits for hands stands among the needs; Plugged asks once and orders that the test goes on."""
    with told_racks(tmp_path, "every-state") as urls:
        context = rig.screen.browser.new_context(viewport=DESK)
        page, sent = context.new_page(), list[str]()
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        page.goto(f"{urls['every-state']}/rack")
        page.wait_for_selector('html[data-contact="live"]', state="attached")
        acts = Acts(page)
        acts.click(page.locator("#needs .act-plugged").first)
        page.wait_for_timeout(DEAF_MS)
        acts.click(page.locator("#ask .dialog-buttons button").last)
        page.wait_for_function("document.querySelector('#toasts').innerText")
        assert acts.count == 2
        assert [urlsplit(url).path for url in sent] == ["/api/v1/runs/R000007/resume"]
        assert serious(page) == []
        context.close()


@pytest.mark.parametrize("name", ["every-state", "longest-names", "thirty-needs"])
def test_rack_of_many_channels_fits_a_phone_and_a_wall(tmp_path: Path, rig: Prepared, name: str) -> None:
    """64 channels, names of 64 signs, thirty needs: nothing is cut off or lies over something else."""
    found: list[str] = []
    with told_racks(tmp_path, name) as urls:
        for size in (PHONE, WALL):
            context = rig.screen.browser.new_context(viewport=size)
            page = context.new_page()
            for shot in told_shots(urls):
                page.goto(shot.url)
                found += [f"{shot.name} at {size['width']}: {fault}" for fault in page.evaluate(LAYOUT)]
            context.close()
    assert found == []


def test_rack_stop_takes_two_acts_and_names_what_is_stopped(rig: Prepared) -> None:
    """Stop ... in the header, and the confirmation with the channels and how far they are."""
    with rig.screen.page() as page:
        acts = Acts(page)
        tile(page, "21-1-4", "running")
        acts.click(page.locator(".rack-stop"))
        assert "21-1-4 lot7-04" in page.locator("#ask").inner_text()
        page.wait_for_timeout(DEAF_MS)
        acts.click(page.get_by_role("button", name="Stop all tests"))
        assert acts.count == 2
        tile(page, "21-1-4", "stopped")
