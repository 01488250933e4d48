"""``cellrig recipe new``: five answers make a recipe that loads, is proven and plausible, and tells its time."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from orchestrator.cli import main
from protocols.cell import CellKind
from protocols.loading import load_cell, load_recipe, parse_cell, parse_recipe
from protocols.new_recipe import answered, new_recipe
from protocols.plausibility import plausibility
from protocols.proof import Proof, prove
from protocols.recipe_patterns import PATTERNS
from protocols.resolve import resolve
from tests.command_line import cellrig, refused

_OTHER = """
name: nmc
kind: other
area: 1.13 cm2
active_mass: 10 mg
nominal_capacity: 1.6 mAh
working_electrode: NMC622 on Al foil
counter_electrode: Li foil
electrolyte: 1 M LiPF6 in EC/DMC
"""
_CELLS = {
    CellKind.LI_LI: load_cell("bare-li-li"),
    CellKind.LFP: load_cell("bare-lfp"),
    CellKind.LI_CU: load_cell("bare-li-cu"),
    CellKind.OTHER: parse_cell(_OTHER),
}


@pytest.mark.parametrize("kind", list(CellKind))
def test_usual_answers_make_a_recipe_that_is_proven_and_plausible(kind: CellKind) -> None:
    """Whatever kind and test: it needs no word of a person and breaks no rule, also of another material."""
    for test in PATTERNS[kind]:
        cutoffs = "3.0 V, 4.3 V" if kind is CellKind.OTHER else ""
        recipe = parse_recipe(new_recipe("mine", answered(kind, test, cutoffs=cutoffs)), test)
        program = resolve(recipe, _CELLS[kind])
        assert isinstance(prove(program), Proof), test
        assert plausibility(program).sentences == (), test


def test_wider_cutoffs_than_those_of_the_kind_bring_their_limits() -> None:
    """The layers lie outside of the cutoffs, which are inside the host's in any case."""
    text = new_recipe("mine", answered(CellKind.LFP, "cycling", cutoffs="2.5 V, 3.65 V"))
    (segment,) = resolve(parse_recipe(text), _CELLS[CellKind.LFP]).cycling
    assert (segment.limits.host.low_v, segment.limits.tester.low_v) == (2.4, 2.3)
    assert "limits:" not in new_recipe("mine", answered(CellKind.LFP, "cycling"))


def test_options_write_a_recipe_and_nothing_is_asked(tmp_path: Path) -> None:
    """It has the values that were given, tells proof and forecast, and no file is written twice."""
    file = tmp_path / "my rate.yaml"
    order = ("recipe", "new", file, "--kind", "lfp", "--test", "rate", "--current", "C/10, 1 C", "--cycles", "2")
    told = cellrig(*order).stdout
    assert "Proven: all 16 steps end" in told
    assert "my-rate on bare-lfp: about" in told
    recipe = load_recipe(file)
    assert (recipe.name, recipe.for_kinds) == ("my-rate", (CellKind.LFP,))
    assert [getattr(step, "times", None) for step in recipe.steps] == [2, 2]
    refused(cellrig(*order), 1, "is there already")
    written = json.loads(cellrig("recipe", "new", tmp_path / "b.yaml", "--test", "plating", "--json").stdout)
    assert (written["recipe"], written["cell"], written["proof"]["steps"]) == ("b", "bare-li-li", 5)


def test_answers_that_hardly_anybody_means_are_told_with_the_proof(tmp_path: Path) -> None:
    """A current of 50 mA on a cell of 0.2 mAh is proven to end, and is named as implausible, also in JSON."""
    order = ("recipe", "new", tmp_path / "a.yaml", "--kind", "lfp", "--test", "cycling", "--current", "50 mA")
    told = " ".join(cellrig(*order).stdout.split())
    assert "a is implausible with bare-lfp: - Steps 2, 3: 50 mA is" in told
    as_json = (*order[:2], tmp_path / "b.yaml", *order[3:], "--json")
    assert json.loads(cellrig(*as_json).stdout)["implausible"][0].startswith("Steps 2, 3: 50 mA is")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "nmc"), "there are li-li, lfp, li-cu, other"),
        (("--kind", "lfp", "--test", "plating"), "there are cycling, cc-cv"),
        (("--kind", "lfp", "--current", "0,5 C"), "0.5 C"),
        (("--kind", "lfp", "--current", "C/10, C/5"), "one current or rate for this test"),
        (("--cutoffs", "0.5 V, -0.5 V"), "the lower cutoff first"),
        (("--cutoffs", "0.5 V"), "the lower and the upper cutoff"),
        (("--cycles", "0"), "a whole number from 1 to 1000"),
        (("--test", "plating", "--cycles", "3"), "plating is run once"),
    ],
)
def test_wrong_answer_is_told_and_nothing_is_written(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """A sentence says what was expected; there is no half recipe."""
    refused(cellrig("recipe", "new", tmp_path / "mine.yaml", *options), 2, words)
    assert list(tmp_path.iterdir()) == []


class _Terminal(io.StringIO):
    """A person's terminal: what is typed, or what is shown."""

    def isatty(self) -> bool:
        """Tell that a person is there."""
        return True


def test_person_is_asked_five_questions_and_again_after_a_slip(tmp_path: Path) -> None:
    """An empty answer is the usual one, and a slip is told before the next question."""
    typed, shown = _Terminal("lfp\ngit\ngitt\nC/0\nC/20\n\n30\n"), _Terminal()
    with (
        patch.object(sys, "argv", ["cellrig", "recipe", "new", str(tmp_path / "mine.yaml")]),
        patch.object(sys, "stdin", typed),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(shown),
        contextlib.suppress(SystemExit),
    ):
        main()
    assert typed.read() == ""
    assert "'git' is none of cycling" in shown.getvalue()
    assert "titrations each way, at most [40]" in shown.getvalue()
    text = (tmp_path / "mine.yaml").read_text("utf-8")
    assert "current: C/20\n" in text
    assert "cycles: 30 " in text
    assert "voltage: 4.0 V, times: $cycles" in text
