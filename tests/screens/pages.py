"""Which pages are taken: their addresses, who looks, and what is done there before the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from playwright.sync_api import Page

from tests.screens.prepared import HOSTILE, PASTED, Prepared

TABS = ("events", "notes", "cell", "files")


def _nothing(page: Page) -> None:
    """Leave a page as it comes."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: ``then`` is done before it is taken."""

    name: str
    url: str
    role: str = "admin"
    then: Callable[[Page], None] = _nothing
    scripts: bool = True
    whole: bool = True

    def come_to(self, page: Page) -> None:
        """Open the page, and do what is done there once its scripts run."""
        page.goto(self.url)
        if self.scripts and page.locator("script[src*='frame.js']").count():
            page.wait_for_selector('html[data-contact="live"]', state="attached")
        self.then(page)


def true_shots(prepared: Prepared) -> list[Shot]:
    """Return the pages of a prepared rig."""
    one, lfp = prepared.second, prepared.completed
    shots = [
        Shot("sign-in", "/sign-in?next=/runs", role=""),
        Shot("sign-in-wrong", "/sign-in", role="", then=_sign_in_wrongly),
        Shot("set-up", "/set-up?code=0000", role=""),
        Shot("rack", "/rack?view=compact"),
        Shot("rack-roomy", "/rack?view=roomy"),
        Shot("rack-table", "/rack?view=table"),
        Shot("rack-wall", "/rack?wall=1", role="viewer", whole=False),
        Shot("rack-viewer", "/rack", role="viewer"),
        Shot("rack-nothing-shown", "/rack?show=needs&label=nobody"),
        Shot("rack-ask-stop", "/rack", then=partial(_ask, "stop"), whole=False),
        Shot("rack-ask-all", "/rack", then=partial(_ask, "rack_stop"), whole=False),
        Shot("rack-help", "/rack", then=_help, whole=False),
        Shot("rack-no-scripts", "/rack?ask=stop+21-1-4", scripts=False),
        Shot("launch", "/launch?channel=21-1-8"),
        Shot("launch-checked", "/launch?channel=21-1-8", then=partial(_launch, "lot9-1")),
        Shot("launch-refused", f"/launch?channel=21-1-4&like={prepared.running}", then=partial(_launch, HOSTILE)),
        Shot("launch-repeat", f"/launch?like={lfp}&channel=21-1-8", then=partial(_launch, "lot9-2")),
        Shot("launch-list", "/launch/list"),
        Shot("launch-list-pasted", "/launch/list", then=_paste),
        Shot("runs", "/runs"),
        Shot("runs-none", "/runs?label=nobody&state=failed"),
        *(Shot(f"run-time-{n}", f"/runs/{run}?x=time", then=_drawn) for n, run in _named(prepared)),
        *(Shot(f"run-{x}", f"/runs/{lfp}?x={x}", then=_drawn) for x in ("cycle", "capacity", "clock")),
        Shot("run-half-cycles", f"/runs/{one}?x=half-cycles", then=_drawn),
        Shot("run-impedance", f"/runs/{prepared.measured}?x=impedance", then=_maybe_drawn),
        *(Shot(f"run-tab-{tab}", f"/runs/{prepared.running}?tab={tab}") for tab in TABS),
        Shot("run-tab-steps", f"/runs/{one}?tab=steps"),
        *(Shot(f"compare-{x}", f"/compare?runs={lfp},{one},{prepared.running}&x={x}", then=_drawn)
          for x in ("time", "cycle", "capacity")),
        Shot("compare-none", "/compare"),
        Shot("recipes", "/recipes"),
        Shot("recipe", "/recipes/li-li-0.2"),
        Shot("recipe-compared", "/recipes/mine?before=1&after=2"),
        Shot("recipe-new", "/recipes/new"),
        Shot("recipe-faulty", "/recipes/mine/edit", then=_write_wrongly),
        Shot("cells", "/cells"),
        Shot("cell", "/cells/coated-li-li"),
        Shot("cell-new", "/cells/new?copy=coated-lfp"),
        Shot("log", "/log"),
        Shot("people", "/people"),
        Shot("me", "/me"),
        Shot("not-found", "/nothing/there"),
        Shot("run-not-found", "/runs/R999999"),
    ]  # fmt: skip
    return [replace(shot, url=prepared.screen.url + shot.url) for shot in shots]


def told_shots(urls: Mapping[str, str]) -> list[Shot]:
    """Return the rack of each rack that is only told of, and its wall."""
    found: list[Shot] = []
    for name, url in urls.items():
        found.append(Shot(f"told-{name}", f"{url}/rack", role="", whole=name != "healthy"))
        found.append(Shot(f"told-{name}-wall", f"{url}/rack?wall=1", role="", whole=False))
    if "every-state" in urls:
        url = f"{urls['every-state']}/rack"
        found += [
            Shot(f"told-ask-{act}", url, role="", then=partial(_ask, act), whole=False)
            for act in ("acknowledge", "resume", "plugged", "stop_again", "cell_out")
        ]
    found += [Shot(f"told-{name}-roomy", f"{urls[name]}/rack?view=roomy", role="") for name in _LONG if name in urls]
    found += [Shot(f"told-{name}-table", f"{urls[name]}/rack?view=table", role="") for name in _LONG if name in urls]
    return found


_LONG = ("every-state", "longest-names")


def _named(prepared: Prepared) -> list[tuple[str, str]]:
    return [(name, getattr(prepared, name)) for name in ("tripped", "held", "running", "stopped", "second")]


def _sign_in_wrongly(page: Page) -> None:
    page.fill("input[name=name]", "nobody")
    page.fill("input[type=password]", "nothing")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def _ask(act: str, page: Page) -> None:
    page.locator(f'[data-act="{act}"]:visible').first.click()
    page.locator("#ask").wait_for()


def _write_wrongly(page: Page) -> None:
    page.fill("#f-text", page.input_value("#f-text").replace("times:", "tmies:").replace("direction: charge", "x: y"))
    page.locator(".reasons").wait_for()
    page.locator("[data-line]").first.click()


def _help(page: Page) -> None:
    page.locator("#keys").click()
    page.locator("#help").wait_for()


def _launch(cell: str, page: Page) -> None:
    if not page.locator("#f-recipe").input_value():
        page.fill("#f-recipe", "li-li-0.2")
    page.fill("#f-cell", cell)
    page.keyboard.press("Enter")
    page.wait_for_timeout(600)
    page.wait_for_function("!document.querySelector('[aria-busy=true]')")


def _paste(page: Page) -> None:
    page.fill("#f-lines", PASTED)
    page.locator("table.answers").wait_for()


def _drawn(page: Page) -> None:
    page.locator("figure[data-state=drawn] canvas").first.wait_for()


def _maybe_drawn(page: Page) -> None:
    page.wait_for_timeout(1500)
