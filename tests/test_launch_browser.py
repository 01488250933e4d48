"""A start in a real browser: acts are counted, a scanner's Enter goes from field to field, one click is one run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.launch_rig import ServedPages, served_pages

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.real_time]

USED = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-5", "label": "lot7-12", "by": "bob"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser for all tests."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPages]:
    """Give the pages over a service with one earlier run."""
    with served_pages(tmp_path_factory.mktemp("launch")) as pages:
        pages.order("/runs", USED)
        yield pages


def opened(served: ServedPages, browser: Browser, address: str, errors: list[str]) -> Page:
    """Open a page in a window of its own; what its scripts complain of is kept."""
    page = served.window(browser).new_page()
    page.on("pageerror", lambda err: errors.append(str(err)))
    page.on("console", lambda told: errors.append(told.text) if "Content Security" in told.text else None)
    page.goto(f"{served.url}{address}")
    return page


def test_start_takes_three_acts_behind_the_tile_and_a_double_click_starts_once(
    served: ServedPages, browser: Browser
) -> None:
    """Enter takes the recipe used last, the scanned cell ends with Enter, and the button has the focus."""
    errors: list[str] = []
    page = opened(served, browser, "/launch?channel=21-1-3", errors)
    expect(page.locator("#f-recipe")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#f-cell")).to_be_focused()
    page.keyboard.type("lot7-31")
    page.keyboard.press("Enter")
    start = page.get_by_role("button", name="Start on 21-1-3")
    expect(start).to_be_focused()
    start.dblclick()
    expect(page.locator(".started")).to_contain_text("li-li-0.2 for lot7-31 on 21-1-3")
    page.reload()
    expect(page.locator(".started")).to_be_visible()
    assert [run for run in served.runs() if run[0] == "21-1-3"] == [("21-1-3", "lot7-31")]
    assert errors == []


def test_repeat_with_half_the_current_and_a_list_of_two(served: ServedPages, browser: Browser) -> None:
    """One field halves the current; pasted lines are checked by themselves and started by one click."""
    errors: list[str] = []
    page = opened(served, browser, "/launch?like=R000001&channel=21-1-4", errors)
    current = page.get_by_label("current", exact=True)
    expect(current).to_be_focused()
    current.fill("0.1 mA/cm2")
    page.keyboard.press("Enter")
    page.keyboard.type("lot7-32")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start on 21-1-4")).to_be_focused()
    expect(page.locator(".values").first).to_contain_text("0.0785\xa0mA = 0.1\xa0mA/cm²")
    page.keyboard.press("Enter")
    expect(page.locator(".started")).to_contain_text("lot7-32")
    page.goto(f"{served.url}/launch/list")
    page.locator("#f-lines").fill("li-li-0.2\tlot7-33\t21-1-6\nli-li-0.2\tlot7-34\t21-1-7\nli-li-0.9\tlot7-35\t21-1-8")
    button = page.get_by_role("button", name="Start the")
    expect(button).to_be_visible()
    assert "There is no recipe li-li-0.9" in page.locator("tbody tr").first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    button.dblclick()
    expect(page.locator(".started")).to_contain_text("2 started, 1 not.")
    assert served.runs()[-3:] == [("21-1-4", "lot7-32"), ("21-1-6", "lot7-33"), ("21-1-7", "lot7-34")]
    assert errors == []
