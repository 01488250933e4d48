"""A picture in a browser: it is drawn, zooms by keys and buttons, and an old answer never replaces a newer one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route

from orchestrator.store import open_store
from tests.browser import chromium, serving
from tests.package_rig import sealed
from tests.web_rig import open_web_rig

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.real_time]


Told = tuple[dict[str, str], dict[str, object]]
ADDRESSES = ("x=time", "tab=files")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Give the pages of a run as the service sends them, by their queries, and the numbers of its picture."""
    path = tmp_path_factory.mktemp("browser") / "web.db"
    with open_store(path) as store:
        sealed(store)

    async def asked() -> Told:
        async with open_web_rig(path) as rig:
            english = {"accept-language": "en"}
            found = {one: await rig.web.get(f"/runs/R000001?{one}", headers=english) for one in ADDRESSES}
            pages = {one: answer.text for one, answer in found.items()}
            return pages, await rig.get("/picture?runs=R000001&x=time")

    return asyncio.run(asked())


class Service:
    """What answers the questions of a window: each picture when the test says so."""

    def __init__(self, pages: dict[str, str], numbers: dict[str, object]) -> None:
        self._pages = {query: serving(page) for query, page in pages.items()}
        self.files: list[str] = []
        self._numbers = json.dumps(numbers)
        self.asked: list[str] = []
        self.held: list[Route] = []
        self.holds = False

    def __call__(self, route: Route) -> None:
        """Answer a question."""
        if "/api/v1/picture" in route.request.url:
            self.asked.append(route.request.url.partition("?")[2])
            if self.holds:
                self.held.append(route)
            else:
                self.answer(route)
        elif "/file?" in route.request.url:
            self.files.append(route.request.url.partition("?")[2])
            route.fulfill(body="cycle", headers={"content-disposition": 'attachment; filename="R000001-cycle-2.xlsx"'})
        elif "/api/" in route.request.url:
            route.fulfill(status=503, body="{}")
        else:
            self._pages[ADDRESSES["tab=files" in route.request.url]](route)

    def answer(self, route: Route, remark: str = "") -> None:
        """Give a picture, with a remark by which it is known."""
        picture = json.loads(self._numbers)
        picture["remarks"] = [remark] if remark else []
        route.fulfill(body=json.dumps(picture), content_type="application/json")


@pytest.fixture
def opened(told: Told) -> Iterator[tuple[Page, Service]]:
    """Give a window with the page drawn, and its service."""
    with chromium() as browser:
        page, service = browser.new_page(), Service(*told)
        page.route("**/*", service)
        page.goto("http://127.0.0.1/runs/R000001?x=time")
        page.wait_for_selector("figure[data-state=drawn] canvas")
        yield page, service


def test_picture_is_drawn_and_follows_keys_buttons_and_the_newest_answer(opened: tuple[Page, Service]) -> None:
    """Both panels, a sentence and a table; + asks for the window, 0 for all; what comes late is not shown."""
    page, service = opened
    assert page.locator("figure canvas").count() == 2
    assert "Voltage from" in page.inner_text(".chart-said")
    page.locator(".chart-table summary").click()
    assert page.locator(".chart-table table").count() == 2
    assert service.asked == ["runs=R000001&x=time"]
    page.focus(".picture-chart")
    page.keyboard.press("+")
    page.wait_for_function("location.search.includes('from=')")
    page.wait_for_timeout(50)
    assert "from=" in service.asked[-1]
    link = page.get_attribute("[data-as=csv]", "href") or ""
    assert ("from=" in link, "as=csv" in link) == (True, True)
    service.holds = True
    page.click("[data-move=in]")
    page.click("[data-move=in]")
    page.wait_for_function("performance.now() > 0")
    for _ in range(40):
        if len(service.held) == 2:
            break
        page.wait_for_timeout(25)
    old, new = service.held
    service.answer(new, "the newer answer")
    page.wait_for_function("document.querySelector('.picture-said').textContent === 'the newer answer'")
    service.answer(old, "the older answer")
    page.wait_for_timeout(100)
    assert page.inner_text(".picture-said") == "the newer answer"
    service.holds = False
    page.focus(".picture-chart")
    page.keyboard.press("0")
    page.wait_for_function("!location.search.includes('from=')")


def test_picture_of_another_run_is_never_shown(opened: tuple[Page, Service]) -> None:
    """An answer that names another run is left out, whatever sent it."""
    page, service = opened
    before = page.inner_text(".chart-said")
    service.holds = True
    page.click("[data-move=in]")
    for _ in range(40):
        if service.held:
            break
        page.wait_for_timeout(25)
    wrong = json.loads(service._numbers)  # noqa: SLF001 - the same picture with another name
    wrong["runs"][0]["run"] = "R000002"
    wrong["remarks"] = ["of another run"]
    service.held[0].fulfill(body=json.dumps(wrong), content_type="application/json")
    page.wait_for_timeout(150)
    assert page.inner_text(".picture-said") != "of another run"
    assert page.inner_text(".chart-said")
    assert before


def test_file_of_a_cycle_takes_three_acts(opened: tuple[Page, Service]) -> None:
    """From the page of the run: Files, the number of the cycle, Excel; the file comes under its name."""
    page, service = opened
    page.click("text=Files")
    page.fill("input[name=cycles]", "2")
    with page.expect_download() as download:
        page.click("text=Excel >> nth=0")
    assert service.files == ["cycles=2&as=xlsx"]
    assert download.value.suggested_filename == "R000001-cycle-2.xlsx"
