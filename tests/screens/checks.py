"""The scripts that look at a page: what is wrong with its layout, and what its charts write at their axes."""

from __future__ import annotations

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

_HERE = Path(__file__).parent
# To be evaluated in a page once it has settled: gives sentences.
LAYOUT = (_HERE / "layout.js").read_text("utf-8")
# To be added to a window before its pages load.
WATCHING = (_HERE / "watching.js").read_text("utf-8")


def keep(context: BrowserContext, **chosen: str) -> None:
    """Let a window have chosen a theme and a language before."""
    for name, value in chosen.items():
        context.add_cookies([{"name": f"cellrig_{name}", "value": value, "domain": "127.0.0.1", "path": "/"}])


def serious(page: Page) -> list[str]:
    """Give the faults of access of a page that axe-core calls serious or critical."""
    return [
        f"{fault['id']} at {node['target']}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
