"""Reads the catalogue of faults, and renders it for docs/faults.md."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "faults.md"
SAFE = ("REFUSE", "RIDE", "HOLD", "TRIP", "MARK")
# How many faults there are of each group.
COUNTS = {"A": 14, "B": 13, "C": 13, "D": 9, "E": 11, "F": 9, "G": 4, "H": 8, "I": 9}
TITLES = {
    "A": "Link and framing",
    "B": "Instruments",
    "C": "Cell, wiring, oven",
    "D": "Content of measurements",
    "E": "Host and process",
    "F": "Storage",
    "G": "Time",
    "H": "Messages, looking, notices",
    "I": "People and recipes",
}
MOST_NOT_INJECTED = 10
BEGIN, END = "<!-- the catalogue -->", "<!-- end of the catalogue -->"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``tests`` are names such as ``test_runs.py::test_x``; ``not_injected`` says why there are none."""

    number: str
    fault: str
    injected: str
    safe: str
    tests: tuple[str, ...] = ()
    figure: str = ""
    not_injected: str = ""

    @property
    def must_be_injected(self) -> bool:
        """Whether no reason excuses a fault without a test."""
        return self.number[0] in "ABD" or self.number in {"E01", "E02", "E03", "E04", "E05"}


@cache
def catalogue() -> tuple[Fault, ...]:
    """Return all faults, in the order of their numbers."""
    with (Path(__file__).parent / "catalogue.toml").open("rb") as file:
        rows = tomllib.load(file)
    return tuple(Fault(number, **{**row, "tests": tuple(row.get("tests", ()))}) for number, row in rows.items())


def rendered() -> str:
    """Return the catalogue as Markdown, one table for each group."""
    return "\n\n".join("\n".join(_table(group)) for group in COUNTS)


def _table(group: str) -> Iterator[str]:
    yield f"### {group}. {TITLES[group]}"
    yield ""
    yield "| fault | injected how | safe behaviour | shown by |"
    yield "|---|---|---|---|"
    for fault in catalogue():
        if fault.number[0] == group:
            files = dict.fromkeys(f"`{test.partition('::')[0]}`" for test in fault.tests)
            shown = ", ".join(files) or f"not injected: {fault.not_injected or 'not shown yet'}"
            figure = f"; measured: {fault.figure}" if fault.figure else ""
            yield f"| {fault.number} {fault.fault} | {fault.injected} | {fault.safe} | {shown}{figure} |"


def with_catalogue(page: str) -> str:
    """Return the page of faults with the catalogue as it is now between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{rendered()}\n\n{END}{after}"


@cache
def sentences(file: str) -> dict[str, str]:
    """Return the docstring of each test of a file, by the test's name."""
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name: ast.get_docstring(node) or "" for node in functions}
