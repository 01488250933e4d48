"""The system's Chromium for tests of the pages: started once for a module, each test with a window of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Route, sync_playwright

from orchestrator.dashboard.assets import Assets

PROGRAM = "chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser, and end it. Tests that use it are marked ``needs("chromium")``."""
    with sync_playwright() as playwright:
        # Without a sandbox: in a container it has no rights to make one. It sees pages of this machine only.
        browser = playwright.chromium.launch(executable_path=shutil.which(PROGRAM), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def serving(page: str) -> Callable[[Route], None]:
    """Return what answers the requests of a window without a service: files that pages load, and else this page."""

    def served(route: Route) -> None:
        asset = Assets.load().files.get(route.request.url.rpartition("/")[2])
        if asset is None:
            route.fulfill(body=page, content_type="text/html")
        else:
            route.fulfill(body=asset.data, content_type=asset.kind)

    return served
