"""``python -m tests.screens``: takes a picture of every page, and fails where one is laid out wrong.

A page is taken at 360, 1366 and 1920 px, light and dark, in English and Chinese. Look at the pictures as well: the
checks see what is cut off, lies over something else, is too small or lacks a unit, and not what is ugly.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page
from playwright.sync_api import TimeoutError as NotInTime

from tests.rack_screen import Screen, rack_screen
from tests.screens.checks import LAYOUT, WATCHING, keep, serious
from tests.screens.pages import Shot, told_shots, true_shots
from tests.screens.prepared import admin, prepare
from tests.screens.told import told_racks

WIDTHS = {360: 740, 1366: 768, 1920: 1080}


def main() -> int:
    """Take the pictures that were asked for; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description=__doc__)
    parser.add_argument("--only", default="", help="only pages whose name has this in it")
    parser.add_argument("--widths", default="360,1366,1920", help="only these widths, with commas between them")
    parser.add_argument("--themes", default="light,dark", help="only these themes")
    parser.add_argument("--langs", default="en,zh", help="only these languages")
    parser.add_argument("-o", "--output", type=Path, default=Path("screens"), help="the folder of the pictures")
    asked = parser.parse_args()
    looks = [
        (int(width), theme, lang)
        for width in asked.widths.split(",")
        for theme in asked.themes.split(",")
        for lang in asked.langs.split(",")
    ]
    asked.output.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, rack_screen(Path(folder)) as screen:
        shots = [shot for shot in _shots(screen) if asked.only in shot.name]
        with told_racks(Path(folder)) as urls:
            shots += [shot for shot in told_shots(urls) if asked.only in shot.name]
            for width, theme, lang in looks:
                wrong += sum(_taken(screen, shots, width, theme, lang, asked.output))
    print(f"{len(shots) * len(looks)} pictures in {asked.output}, {wrong} faults")  # noqa: T201 - a command
    return 1 if wrong else 0


def _shots(screen: Screen) -> list[Shot]:
    return true_shots(prepare(admin(screen)))


def _taken(screen: Screen, shots: list[Shot], width: int, theme: str, lang: str, folder: Path) -> Iterator[int]:
    """Take pages at one width in one theme and language; yield how many faults each has."""
    size = {"width": width, "height": WIDTHS[width]}
    contexts: dict[tuple[str, bool], BrowserContext] = {}
    try:
        for shot in shots:
            who = (shot.role, shot.scripts)
            if who not in contexts:
                contexts[who] = _context(screen, shot, size, theme, lang)
            page = contexts[who].new_page()
            name = f"{shot.name}-{width}-{theme}-{lang}"
            try:
                faults = _faults(page, shot, folder / f"{name}.png")
            except NotInTime as err:
                faults = [f"it did not come to be: {str(err).splitlines()[0]}"]
                page.screenshot(path=folder / f"{name}.png")
            finally:
                page.close()
            for fault in faults:
                print(f"{name}: {fault}", flush=True)  # noqa: T201 - a command
            yield len(faults)
    finally:
        for context in contexts.values():
            context.close()


def _context(screen: Screen, shot: Shot, size: dict[str, int], theme: str, lang: str) -> BrowserContext:
    options: dict[str, Any] = {"viewport": size, "locale": "en-GB", "java_script_enabled": shot.scripts}
    context = screen.context(shot.role, **options) if shot.role else screen.browser.new_context(**options)
    context.set_default_timeout(15_000)
    keep(context, theme=theme, lang=lang)
    context.add_init_script(WATCHING)
    return context


def _faults(page: Page, shot: Shot, file: Path) -> list[str]:
    shot.come_to(page)
    page.wait_for_timeout(150)
    page.screenshot(path=file, full_page=shot.whole)
    return [*page.evaluate(LAYOUT), *serious(page)] if shot.scripts else []


if __name__ == "__main__":
    raise SystemExit(main())
