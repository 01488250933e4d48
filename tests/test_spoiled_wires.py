"""Every driver bears every spoiled wire: one list and one suite, which other people's drivers run as well."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from drivers.testing import SPOILED_WIRES, SpoiledWireCase, Wired
from tests.wired_folder import MEANINGLESS
from tests.wired_instruments import ROWS

PAGE = Path(__file__).parents[1] / "docs" / "spoiled-wires.md"


@pytest.mark.parametrize("case", SPOILED_WIRES, ids=lambda case: case.name.replace(",", "").replace(" ", "-"))
@pytest.mark.parametrize("row", ROWS)
async def test_a_driver_bears_a_spoiled_wire(row: str, case: SpoiledWireCase, caplog: pytest.LogCaptureFixture) -> None:
    """Faults A01-A08: no answer is another's, no order repeated, no stranger commanded, an output off in time."""
    caplog.set_level(logging.CRITICAL)  # each fault is told in the log, and kept there until the test ends
    await case(ROWS[row])


async def test_the_page_has_every_driver_and_every_wire() -> None:
    """The tables of the documentation are the suite's own: wires, drivers, times and what is left out."""
    page = PAGE.read_text("utf-8")
    names = [line.split(" | ")[0].removeprefix("| ") for line in page.splitlines() if line.startswith("| ")]
    assert names[1 : 1 + len(SPOILED_WIRES)] == [case.name for case in SPOILED_WIRES]
    rows = []
    for make in ROWS.values():
        async with make() as it:
            facts = it.facts
        off = "gives no current" if facts.off_within_s is None else f"{facts.off_within_s:g} s"
        rows.append(row_of(facts.name, facts.wire, off + (", rides on" if facts.rides_on else ""), facts.meaningless))
    rows.append(row_of("chi660e", "a program and a folder", "measures by itself", MEANINGLESS))
    table = page.partition("## The drivers")[2].partition("|---|---|---|---|\n")[2]
    assert table.partition("\n\n")[0].splitlines() == rows


def test_the_example_of_the_page_runs_the_suite() -> None:
    """The test that the page gives to other packages collects every wire, and puts a driver through each."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    made: list[Wired] = []

    @asynccontextmanager
    async def wired_toy_meter() -> AsyncIterator[Wired]:
        async with ROWS["thermometer"]() as it:
            made.append(it)
            yield it

    there: dict[str, Any] = {"wired_toy_meter": wired_toy_meter}
    exec(compile(example, PAGE.name, "exec"), there)  # noqa: S102 - it is ours
    test = there["test_toy_meter_bears_a_spoiled_wire"]
    (mark,) = test.pytestmark
    name, cases = mark.args
    assert [mark.kwargs["ids"](case) for case in cases] == [case.name for case in SPOILED_WIRES]
    for case in cases:
        before = len(made)
        test(**{name: case})
        assert len(made) > before


def row_of(name: str, wire: str, off: str, meaningless: Mapping[str, str]) -> str:
    """Write a row of the table of drivers."""
    left_out = "; ".join(f"{wire}: {why}" for wire, why in meaningless.items())
    return f"| {name} | {wire} | {off} | {left_out or 'nothing'} |"
