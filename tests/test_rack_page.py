"""The rack in a real browser: what is pressed, what is asked first, what is sent, and what is shown."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from tests.rack_screen import TRIPS, Screen, rack_screen, tile

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

# The fills of act, wait and gone, light and dark (``base.css``): on a healthy rack no pixel has one.
FILLS = {"a3001c", "f5a800", "6d4bb0", "7d5cc0", "ff5f6d", "ffb733", "a58bff", "b8a4ff"}
# Longer than a dialog is deaf.
DEAF_MS = 400
CALM, HELD, STOPPED, PLAIN, SHORTED = "21-1-2", "21-1-3", "21-1-4", "21-1-5", "21-1-1"


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """Give a service with five runs, one of which trips, and a browser."""
    with rack_screen(tmp_path_factory.mktemp("screen")) as screen:
        for channel in (CALM, HELD, STOPPED, PLAIN):
            screen.start(channel, f"lot7-{channel[-1]}")
        for channel in (CALM, HELD, STOPPED, PLAIN):
            screen.until(channel, "running")
        yield screen


def _orders(page: Page) -> list[str]:
    """Give the orders that a page sends, a list that grows."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method != "GET" else None)
    return sent


def _choose(page: Page, name: str) -> None:
    """Press a button of the dialog, once it takes clicks."""
    page.wait_for_timeout(DEAF_MS)
    page.locator("#ask").get_by_role("button", name=name).click()


def test_healthy_rack_has_no_filled_colour(screen: Screen) -> None:
    """While every channel is well, no pixel of the page has a colour that calls somebody, light or dark."""
    for theme in ("light", "dark"):
        with screen.page(f"/rack?theme={theme}") as page:
            tile(page, CALM, "running")
            picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
            colours = np.unique(picture.reshape(-1, 3), axis=0).tolist()
            assert {f"{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours} & FILLS == set()


def test_double_click_and_enter_on_the_opened_dialog_stop_nothing(screen: Screen) -> None:
    """A dialog that has just opened is deaf, and its focus is on the harmless answer."""
    with screen.page() as page:
        sent = _orders(page)
        tile(page, CALM).locator(".act-stop").dblclick()
        expect(page.locator("#ask")).to_be_visible()
        expect(page.locator("#ask [data-harmless]")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_timeout(DEAF_MS)
        page.keyboard.press("Enter")
        expect(page.locator("#ask")).to_be_hidden()
        assert sent == []
    assert screen.row(CALM)["state"] == "running"


def test_stop_takes_two_acts_and_says_what_is_lost(screen: Screen) -> None:
    """Stop, and the confirmation that names cell, channel and how far it is; the word changes when control confirms."""
    run = screen.row(STOPPED)["run_id"]
    with screen.page() as page:
        sent = _orders(page)
        tile(page, STOPPED).locator(".act-stop").click()
        asked = page.locator("#ask").inner_text()
        assert f"Stop {run}, cell lot7-4, on {STOPPED}?" in asked
        assert "will not be done" in asked
        _choose(page, "Stop for good")
        tile(page, STOPPED, "stopped")
        assert sent == [f"{screen.url}/api/v1/runs/{run}/stop"]
    assert "operator" in screen.row(STOPPED)["reason"]["text"]


def test_run_that_was_exchanged_under_an_open_dialog_is_not_stopped(screen: Screen) -> None:
    """The dialog is bound to its run: once another one is there nothing is sent, and that is said."""
    with screen.page() as page:
        sent = _orders(page)
        tile(page, PLAIN).locator(".act-stop").click()
        with screen.program as program:
            program.post(f"/api/v1/runs/{screen.row(PLAIN)['run_id']}/stop", json={"by": "ada"})
        screen.until(PLAIN, "stopped")
        screen.start(PLAIN, "lot8-1", mounted="lot8-1")
        page.wait_for_function(
            "([channel]) => document.getElementById(channel).innerText.includes('lot8-1')", arg=[PLAIN]
        )
        _choose(page, "Stop for good")
        expect(page.locator("#toasts")).to_contain_text("Nothing was sent")
        assert sent == []
    assert screen.row(PLAIN)["state"] != "stopped"


def test_hold_and_resume_by_keyboard_alone(screen: Screen) -> None:
    """One tab stop for the wall, arrows, ``s``; the held cell stands first as a sentence with its button."""
    with screen.page() as page:
        tile(page, HELD, "running")
        page.locator('.tile[tabindex="0"]').focus()
        page.keyboard.press("Home")
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        expect(page.locator(f'.tile[data-channel="{HELD}"]')).to_be_focused()
        page.keyboard.press("s")
        page.wait_for_timeout(DEAF_MS)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        tile(page, HELD, "holding")
        need = page.locator("#needs .need").first
        expect(need).to_contain_text("Held by operator")
        need.locator(".act-resume").focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(DEAF_MS)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        tile(page, HELD, "running")
        expect(page.locator("#needs")).not_to_contain_text(HELD)


def test_hold_that_came_under_an_open_dialog_is_not_ended_by_it(screen: Screen) -> None:
    """The dialog asks about one hold: once the run was resumed and held again meanwhile, its answer is refused."""
    run = screen.row(HELD)["run_id"]
    with screen.program as program, screen.page() as page:

        def give(order: str, state: str) -> None:
            assert program.post(f"/api/v1/runs/{run}/{order}", json={"by": "ada"}).status_code == 200
            screen.until(HELD, state)

        give("hold", "holding")
        tile(page, HELD, "holding").locator(".act-resume").click()
        expect(page.locator("#ask")).to_be_visible()
        give("resume", "running")
        give("hold", "holding")
        tile(page, HELD, "holding")
        _choose(page, "Resume")
        expect(page.locator("#toasts")).to_contain_text("has changed since you looked")
        assert screen.row(HELD)["state"] == "holding"
        give("resume", "running")


def test_what_can_wait_is_put_off_with_a_reason(screen: Screen) -> None:
    """Without a reason nothing is put off; with one it leaves the list, and everybody sees who has put it off."""
    screen.until(HELD, "running")
    with screen.program as program:
        program.post(f"/api/v1/runs/{screen.row(HELD)['run_id']}/hold", json={"by": "ada"})
    with screen.page() as page:
        tile(page, HELD, "holding")
        need = page.locator("#needs-list .need", has_text=HELD)
        need.locator(".act-later").click()
        page.wait_for_timeout(DEAF_MS)
        page.get_by_role("button", name="Tomorrow 8:00").click()
        expect(page.locator("#later-why")).to_have_text("Say why it can wait.")
        page.locator("#later-reason").fill("the oven cools down")
        page.get_by_role("button", name="Tomorrow 8:00").click()
        expect(need).to_have_count(0)
        page.locator("#put-off summary").click()
        expect(page.locator("#put-off")).to_contain_text("by operator until")
        expect(page.locator("#put-off")).to_contain_text("the oven cools down")
        tile(page, HELD).locator(".act-resume").click()
        _choose(page, "Resume the test")
        tile(page, HELD, "running")


def test_trip_is_acknowledged_by_who_has_looked(screen: Screen) -> None:
    """A trip stands first in every window; without the tick nothing is acknowledged; then it is gone everywhere."""
    screen.start(SHORTED, "lot7-1", recipe_yaml=TRIPS)
    screen.until(SHORTED, "tripped")
    with screen.page() as page, screen.page("/rack?lang=zh") as other:
        tile(page, SHORTED, "tripped")
        need = page.locator("#needs .need").first
        expect(need).to_contain_text("Stopped for safety")
        expect(other.locator("#needs .need").first).to_contain_text("安全停止")
        need.locator(".act-acknowledge").click()
        _choose(page, "I looked: acknowledge")
        expect(page.locator("#ask [data-part=why]")).to_have_text("Tick that you looked at the cell.")
        page.locator("#looked").check()
        page.locator("#note").fill("cell is dry")
        page.locator("#ask").get_by_role("button", name="I looked").click()
        for window in (page, other):
            expect(window.locator("#needs")).not_to_contain_text(SHORTED)
    assert "acknowledge" not in screen.row(SHORTED)["actions"]


def test_viewer_has_no_buttons_and_is_told_why(screen: Screen) -> None:
    """Who looks sees every tile, and no button that orders something."""
    with screen.page(role="viewer") as page:
        assert page.locator(".tile").count() == len(screen.channels())
        assert page.locator("[data-act]").count() == 0
        expect(page.locator(".viewer")).to_contain_text("You look.")


def test_filter_stands_in_the_address(screen: Screen) -> None:
    """The counts are links; what is filtered can be sent to another person as a link."""
    with screen.page() as page:
        page.locator('[data-show="free"]').click()
        expect(page.locator(f'.tile[data-channel="{CALM}"]')).to_be_hidden()
        assert page.url.endswith("/rack?show=free")
    with screen.page("/rack?show=running&label=LOT7-2") as page:
        shown = page.locator(".tile:visible")
        expect(shown).to_have_count(1)
        assert (shown.get_attribute("aria-label") or "").startswith(f"{CALM}, running, lot7-2, cycle ")


def test_table_is_sorted_by_what_was_measured(screen: Screen) -> None:
    """A head of the table sorts its rows, pressed again the other way round; what has no value stands last."""
    with screen.page("/rack?view=table") as page:
        page.wait_for_function("() => document.querySelectorAll('[data-part=value]:not(:empty)').length > 1")
        by_channel = page.get_by_role("button", name="Channel")
        for order in (screen.channels(), screen.channels()[::-1]):
            by_channel.click()
            assert page.locator("tbody .channel").all_inner_texts() == order
        for _ in range(2):
            page.get_by_role("button", name="Voltage").click()
            has_value = [text != "" for text in page.locator("td[data-part=value]").all_inner_texts()]
            assert has_value == sorted(has_value, reverse=True)
        assert page.locator("th[aria-sort=descending]").count() == 1


def test_rack_is_read_and_a_test_stopped_without_scripts(screen: Screen) -> None:
    """The first HTML has the rows; the stop asks on a page and comes back with the sentence."""
    with screen.page(live=False, java_script_enabled=False) as page:
        assert "lot7-2" in tile(page, CALM, "running").inner_text()
        tile(page, CALM).locator(".act-stop").click()
        expect(page.locator(".ask h2")).to_contain_text(f"Stop {screen.row(CALM)['run_id']}, cell lot7-2")
        page.get_by_role("button", name="Stop for good").click()
        expect(page.locator(".told")).to_contain_text("Sent.")
    screen.until(CALM, "stopped")


@pytest.mark.parametrize(
    "address", ["/rack?theme=light", "/rack?theme=dark&lang=zh&view=roomy", "/rack?view=table", "/rack?wall=1"]
)
def test_rack_has_no_serious_fault_of_access(screen: Screen, address: str) -> None:
    """axe-core finds nothing serious or critical, also in an open dialog; nothing is wider than a phone; one host."""
    hosts: set[str] = set()
    with screen.page(address, viewport={"width": 360, "height": 740}) as page:
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.reload()
        page.wait_for_selector('html[data-contact="live"]', state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        found = [Axe().run(page).response["violations"]]
        if page.locator(".act-stop").count():
            page.locator(".act-stop").first.click()
            found.append(Axe().run(page, "#ask").response["violations"])
        told = [
            (fault["id"], node["target"])
            for faults in found
            for fault in faults
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]
        assert told == []
    assert hosts == {screen.url.split("/")[2]}


@pytest.mark.needs("ps")
def test_page_without_contact_says_so_and_shows_nothing_as_fresh(screen: Screen) -> None:
    """The band within five seconds, no work colour, and no start; it comes back by itself, also to a new process."""
    screen.until(HELD, "running")
    with screen.page() as page:
        icon = tile(page, HELD, "running").locator(".icon").first
        assert icon.locator("use").get_attribute("href") == "#i-running"
        worked = icon.evaluate("icon => getComputedStyle(icon).color")
        os.kill(web := screen.web(), signal.SIGSTOP)
        try:
            expect(page.locator("#band")).to_be_visible(timeout=5000)
            assert icon.locator("use").get_attribute("href") == "#i-stale"
            assert icon.evaluate("icon => getComputedStyle(icon).color") != worked
            assert page.locator(".act-start:visible, .act-cell_out:visible").count() == 0
        finally:
            os.kill(web, signal.SIGCONT)
        page.wait_for_selector('html[data-contact="live"]', state="attached")
        expect(page.locator("#band")).to_be_hidden()
        page.evaluate("window.isTheSame = true")
        os.kill(screen.web(), signal.SIGKILL)
        # Longer than a page waits for a frame.
        page.wait_for_timeout(4000)
        page.wait_for_selector('html[data-contact="live"]', state="attached")
        assert page.evaluate("window.isTheSame")
        assert icon.locator("use").get_attribute("href") == "#i-running"
