"""A service with people before a simulated rack, and browsers that have signed in, for tests of the pages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from orchestrator.rack.lock import owner_of
from tests.browser import chromium
from tests.service_bench import Bench, children_of, service_bench

# A short that ends the run as a trip, hours after the cell was put in, which are seconds: a busy machine has checked
# its contact by then.
CELLS = """
["21-1-1"]
model = "coated-li-li"
[["21-1-1".overrides.short]]
ohm = 3.5
from_h = 6.0
"""
TRIPS = """
name: trips
title: Trips when the cell shorts
for: [li-li]
record: {every: 30 s}
guards: {short: {policy: trip}}
steps:
  - step: repeat
    times: 20
    steps:
      - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 1 h, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 1 h, voltage: -0.5 V}}
"""
LONG_S = 30.0


@dataclass(frozen=True, slots=True)
class Screen:
    """The service, and a browser."""

    bench: Bench
    url: str
    browser: Browser
    passwords: dict[str, str]

    @property
    def program(self) -> httpx.Client:
        """A program with the token of this machine."""
        token = (self.bench.folder / "cellrig.db.token").read_text(encoding="ascii").strip()
        headers = {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60.0, trust_env=False)

    def start(self, channel: str, label: str, **order: object) -> str:
        """Start a run and give its id."""
        order = {"recipe": "li-li-0.2", "cell": "coated-li-li", "by": "ada", **order}
        if "recipe_yaml" in order:
            del order["recipe"]
        with self.program as program:
            told = program.post("/api/v1/runs", json={**order, "channel": channel, "label": label})
            assert told.status_code == 201, told.text
            return str(told.json()["run_id"])

    def web(self) -> int:
        """Give the process that answers browsers."""
        owner, service = owner_of(self.bench.store), self.bench.service
        assert owner is not None
        assert service is not None
        assert service.pid is not None
        (web,) = children_of(service.pid) - {owner.pid, self.bench.rack}
        return web

    def row(self, channel: str) -> dict[str, Any]:
        """Give the row of a channel as control tells it."""
        with self.program as program:
            rows = program.get("/api/v1/rack").json()["rows"]
        return dict(next(row for row in rows if row["channel"] == channel))

    def channels(self) -> list[str]:
        """Give all channels."""
        with self.program as program:
            return list(program.get("/api/v1/rack").json()["channels"])

    def until(self, channel: str, state: str) -> dict[str, Any]:
        """Wait until a channel is in a state, and give its row."""
        ends_s = time.monotonic() + LONG_S
        while (row := self.row(channel))["state"] != state:
            assert time.monotonic() < ends_s, row
            time.sleep(0.1)
        return row

    def context(self, role: str = "operator", **options: Any) -> BrowserContext:  # noqa: ANN401 - playwright's own
        """Give a browser's window of a person of a role who has signed in."""
        context = self.browser.new_context(**({"viewport": {"width": 1366, "height": 768}} | options))
        context.set_default_timeout(LONG_S * 1000)
        told = context.request.post(
            f"{self.url}/api/v1/sign-in",
            data={"name": role, "password": self.passwords[role]},
            headers={"Origin": self.url, "X-Cellrig": "1"},
        )
        assert told.ok, told.text()
        return context

    @contextmanager
    def page(self, address: str = "/rack", *, live: bool = True, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - playwright's own
        """Open a page, wait until it is live, and see that no script of it fails."""
        context = self.context(**options)
        faults: list[str] = []
        try:
            page = context.new_page()
            page.on("pageerror", lambda err: faults.append(str(err)))
            page.goto(self.url + address)
            if live:
                page.wait_for_selector('html[data-contact="live"]', state="attached")
            yield page
            assert faults == []
        finally:
            context.close()


@contextmanager
def rack_screen(folder: Path) -> Iterator[Screen]:
    """Start a service with a viewer and an operator, and a browser."""
    cells = folder / "cells.toml"
    cells.write_text(CELLS, "utf-8")
    with service_bench(folder) as bench, chromium() as browser:
        bench.serve("--cells", str(cells))
        url = re.findall(r"^http://\S+$", bench.output, re.MULTILINE)[-1]
        made = {role: bench.done("people", "add", role, "--role", role, "--json") for role in ("viewer", "operator")}
        passwords = {role: json.loads(told)["password"] for role, told in made.items()}
        yield Screen(bench, url, browser, passwords)


def tile(page: Page, channel: str, state: str = "") -> Any:  # noqa: ANN401 - a locator
    """Give the tile of a channel, once it is in a state."""
    which = f'[data-state="{state}"]' if state else ""
    found = page.locator(f'.tile[data-channel="{channel}"]{which}')
    found.wait_for()
    return found
