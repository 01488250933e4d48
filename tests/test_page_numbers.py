"""Values, durations and moments on the pages: the server and a browser write each case of one table alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dashboard import numbers
from orchestrator.dashboard.assets import Assets
from tests.browser import chromium, serving

CASES: dict[str, list[list[Any]]] = json.loads((Path(__file__).parent / "golden" / "numbers.json").read_text("utf-8"))
_WITH_LANGUAGE = ("left", "age", "moment")


def _meant(value: object) -> object:
    return float(value) if value in ("nan", "inf") else value


def _rows() -> list[tuple[str, list[object], str, str]]:
    """Give each case: formatter, arguments, language, text."""
    rows = []
    for name, cases in CASES.items():
        for case in cases:
            *given, text = case if name not in _WITH_LANGUAGE else case[:-1]
            rows.append((name, given, "en", text))
            if name in _WITH_LANGUAGE:
                rows.append((name, given, "zh", case[-1]))
    return rows


@pytest.mark.parametrize(("name", "given", "lang", "text"), _rows())
def test_server_writes_a_value(name: str, given: list[object], lang: str, text: str) -> None:
    """Each case has its text, also zero, no number and what was not measured."""
    arguments = [_meant(value) for value in given]
    if name == "moment":
        arguments.insert(2, lang)
    elif name in _WITH_LANGUAGE:
        arguments.append(lang)
    assert getattr(numbers, name)(*arguments) == text


_IN_THE_BROWSER = """async ([address, rows]) => {
  const numbers = await import(address);
  const meant = (value) => (value === "nan" ? NaN : value === "inf" ? Infinity : value);
  return rows.map(([name, given]) => numbers[name](...given.map(meant)));
}"""


@pytest.mark.needs("chromium")
def test_browser_writes_the_same() -> None:
    """The scripts of the pages give the texts of the same table, in both languages and in a browser of another zone."""
    with chromium() as browser:
        for lang in ("en", "zh"):
            window = browser.new_context(timezone_id="America/New_York").new_page()
            window.route("**/*", serving(f"<!doctype html><html lang={lang}><body></body></html>"))
            window.goto("http://127.0.0.1/")
            rows = [row for row in _rows() if row[2] == lang or row[0] not in _WITH_LANGUAGE]
            told = window.evaluate(_IN_THE_BROWSER, [Assets.load().address("numbers.js"), [row[:2] for row in rows]])
            assert told == [row[3] for row in rows]
