"""The editor in a real browser: an error is shown at its line while somebody types, and is saved once it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.launch_rig import ServedPages, served_pages
from tests.written_texts import FIRST, saving

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.real_time]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser for all tests."""
    with chromium() as found:
        yield found


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPages]:
    """Give the pages over a service with one recipe of its own."""
    with served_pages(tmp_path_factory.mktemp("editor")) as pages:
        pages.order("/recipes/mine", saving(FIRST))
        yield pages


def read(served: ServedPages, path: str) -> Any:  # noqa: ANN401 - JSON
    """Read from web with the token of this machine."""
    return asyncio.run_coroutine_threadsafe(served.rig.web.get(path), served.loop).result(20)


def test_error_is_shown_at_its_line_and_saved_once_it_is_mended(served: ServedPages, browser: Browser) -> None:
    """The line has a mark, a click goes there with help for its key; two who save at once lose nothing."""
    errors: list[str] = []
    page = served.window(browser).new_page()
    page.on("pageerror", lambda err: errors.append(str(err)))
    page.on("console", lambda told: errors.append(told.text) if "Content Security" in told.text else None)
    page.goto(f"{served.url}/recipes/mine/edit?cell=coated-li-li")
    page.locator("form[data-listens]").wait_for()
    text = page.locator("#f-text")
    save = page.get_by_role("button", name="Save as version 2 of mine")
    text.fill(FIRST.replace("times: 2", "tmies: 2"))
    line = FIRST.split("\n").index("    times: 2") + 1
    expect(page.locator(".reasons")).to_contain_text("tmies")
    expect(page.locator(".gutter")).to_contain_text(f"! {line}")
    page.get_by_role("link", name=f"Line {line}").first.click()
    assert text.evaluate("it => it.value.slice(it.selectionStart, it.selectionEnd)") == "    tmies: 2"
    save.click()
    expect(page.locator(".refusal")).to_contain_text("Refused")
    assert read(served, "/recipes/mine")["newest"] == 1
    page.get_by_role("link", name=f"Line {line}").first.click()
    page.keyboard.type("    times: 3")
    expect(page.locator(".sound")).to_be_visible()
    expect(page.locator(".key-help:visible")).to_contain_text("How often the steps inside are carried out")
    expect(page.locator("svg[role=img]").first).to_be_visible()
    served.order("/recipes/mine", saving(f"{FIRST}# of bob\n", 1, "bob"))
    save.click()
    expect(page.locator(".refusal")).to_contain_text("bob has saved version 2 of mine meanwhile")
    assert "times: 3" in text.input_value()
    page.get_by_role("button", name="Save mine as version 3").click()
    expect(page.locator(".saved")).to_contain_text("mine is saved as version 3")
    found = [read(served, f"/recipes/mine?version={n}")["text"] for n in (1, 2, 3)]
    assert found == [FIRST, f"{FIRST}# of bob\n", FIRST.replace("times: 2", "times: 3")]
    entries = [one for one in read(served, "/audit-log")["entries"] if one["act"] == "save_recipe"]
    assert {one["values"].get("of", "mine") for one in entries if one["person"] == "otto"} == {"mine"}
    assert errors == []
