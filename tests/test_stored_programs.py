"""Programs as stores hold them: texts and hashes of earlier versions stay what they were.

``golden/programs.jsonl`` was written before steps answered for themselves; stored hashes are compared with new ones.
Rows without ``recipe_sha256`` are programs as earlier versions made them, with defaults that are others now: LFP cells
were once started at 2.8 to 3.6 V only, and may be charged now.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from protocols import Program, Recipe, load_cell, load_recipe, resolve, shipped_recipes
from protocols.branches import Branch, HostEnd, Measure, Watched
from protocols.program import CyclingSegment

_GOLDEN = Path(__file__).parent / "golden"
_ROWS: list[dict[str, str]] = [
    json.loads(line) for line in (_GOLDEN / "programs.jsonl").read_text("ascii").splitlines()
]
_RESOLVED = [row for row in _ROWS if "recipe_sha256" in row]
_TEXTS = [row for row in _ROWS if "program_json" in row]


def _recipe(name: str) -> Recipe:
    return load_recipe(name if name in shipped_recipes() else _GOLDEN / f"{name}.yaml")


def test_every_shipped_recipe_has_a_golden_program() -> None:
    """No shipped recipe is left out, by text or by hash, and one more recipe holds every kind of step."""
    assert {row["recipe"] for row in _ROWS} == {*shipped_recipes(), "every-step"}
    assert "every-step" in {row["recipe"] for row in _TEXTS}


@pytest.mark.parametrize("row", _RESOLVED, ids=lambda row: f"{row['recipe']}-{row['cell']}")
def test_recipe_resolves_to_the_program_that_stores_hold(row: dict[str, str]) -> None:
    """The same recipe and cell give the hashes that runs of earlier versions have stored."""
    recipe = _recipe(row["recipe"])
    program = resolve(recipe, load_cell(row["cell"]))
    assert (recipe.sha256, program.sha256) == (row["recipe_sha256"], row["sha256"])


@pytest.mark.parametrize("row", _TEXTS, ids=lambda row: row["recipe"])
def test_stored_program_loads_and_is_written_to_the_same_bytes(row: dict[str, str]) -> None:
    """A program text of an old store is read, and its hash is still that of its bytes."""
    program = Program.from_json(row["program_json"])
    assert program.to_json() == row["program_json"]
    assert program.sha256 == hashlib.sha256(row["program_json"].encode()).hexdigest() == row["sha256"]


def test_branches_prompt_and_host_ends_change_no_text_until_they_are_set() -> None:
    """A segment without them has the text of earlier versions; one with them is read back with equal values."""
    (segment,) = resolve(load_recipe("li-li-0.4"), load_cell("bare-li-li")).cycling
    assert {"after", "prompt", "ends", "checks_on_resume"}.isdisjoint(json.loads(segment.to_json()))
    branch = Branch(Measure.CAPACITY_FRACTION, to=3, below=0.8, of_cycle=3)
    decided = replace(segment, after=(branch,), prompt="Look at the cell.", ends=(HostEnd(Watched.VOLTAGE, 0.01),))
    assert CyclingSegment.from_json(decided.to_json()) == decided != segment
