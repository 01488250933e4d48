"""What the page of verdicts names is there, no threshold hides in code, and no kind of cell goes unanswered."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from orchestrator.bench.simulated import rack_with
from orchestrator.rack.launch import Launch, launch
from orchestrator.report.impedance import impedance_report
from orchestrator.states import RunState
from orchestrator.store import open_store
from protocols import parse_cell, parse_recipe

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in (ROOT / "docs" / "verdicts.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| verdict |")
]
# Halves, doubles, units, next to nothing and never: a threshold is none of these.
PLAIN = {0.0, 0.5, 1.0, 2.0, 60.0, 100.0, 1e3, 3600.0, 1e-3, 1e-4, 1e6, 1e-9, 1e9}


@cache
def _names(module: Path) -> frozenset[str]:
    """Give the constants, fields and classes that a module defines."""
    nodes = list(ast.walk(ast.parse(module.read_text("utf-8"))))
    found = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    for node in nodes:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            found |= {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    return frozenset(found)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_every_threshold_that_the_page_names_is_set_in_the_code(row: list[str]) -> None:
    """A row has all its columns, and each constant, field or class that it names is defined under the project."""
    assert len(row) == 7
    assert all(row)
    modules = [path for folder in ("orchestrator", "protocols") for path in sorted((ROOT / folder).rglob("*.py"))]
    everything = frozenset().union(*map(_names, modules))
    for name in re.findall(r"`(_?[A-Za-z_]+)`", row[3]):
        assert name in everything, name


def _bare_numbers(module: Path) -> Iterator[str]:
    """Give the decimal numbers in the functions of a module, but not those of texts."""
    tree = ast.parse(module.read_text("utf-8"))
    texts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            numbers = [node for node in ast.walk(function) if isinstance(node, ast.Constant) and id(node) not in texts]
            for node in numbers:
                if isinstance(node.value, float) and node.value not in PLAIN:
                    yield f"{module.relative_to(ROOT)}:{node.lineno}: {node.value:g}"


def test_no_threshold_of_a_verdict_is_a_bare_number() -> None:
    """What decides has a name and a reason; halves, doubles and units need none."""
    modules = [path for room in ("judging", "shorts") for path in sorted((ROOT / "orchestrator" / room).glob("*.py"))]
    assert [found for module in modules for found in _bare_numbers(module)] == []


def test_spectrum_of_any_kind_of_cell_is_reported(tmp_path: Path) -> None:
    """A graphite half cell, of the kind ``other``, has its numbers, and no verdict on shorts."""
    cell = parse_cell(
        "name: graphite-3\nkind: other\narea: 1.13 cm2\nnominal_capacity: 0.2 mAh\nworking_electrode: hidden\n"
        "counter_electrode: Li\nelectrolyte: LP30\n"
    )
    recipe = parse_recipe(
        "name: one-spectrum\ntitle: One spectrum\nfor: [other]\nrecord: {every: 60 s}\n"
        "limits:\n  host: {low: 2 V, high: 4.2 V}\n  tester: {low: 1.9 V, high: 4.3 V}\n"
        "  absolute: {low: 1.5 V, high: 4.5 V}\npotentiostat: {rest: 5 min}\nsteps:\n"
        "  - {step: constant_current, direction: charge, current: 0.2 C, until: {time: 10 min, voltage: 4 V}}\n"
        "  - {step: eis, high: 10 kHz, low: 1 kHz}\n"
    )
    order = Launch(recipe, cell, "21-1-1", rack_with(cell, "21-1-1", "coated-lfp", 1))
    path = tmp_path / "cellrig.db"
    assert launch(order, path, lambda _: None).state is RunState.COMPLETED
    with open_store(path, read_only=True) as store:
        report = impedance_report(store, "R000001")
    (row,) = report.as_dict()["spectra"]
    assert row["electrolyte"]["value"] > 0.0
    assert row["cycle"] == 1
    assert row["steady"] is True
    assert report.assessment is None
    assert report.sentence == "No verdict on shorts: that is for Li/Li cells."
