"""Slips seeded into sound recipes: none that could hurt is accepted, and no sound recipe is refused."""

from __future__ import annotations

import pytest

from protocols.loading import load_cell
from protocols.plausibility import plausibility
from protocols.proof import Proof, prove
from tests.slips.ideal_cell import harm
from tests.slips.recipe_maker import CELLS, made_recipe, text_of
from tests.slips.slips import SLIPS, Caught, judged, outcome, program_of

SEEDS = range(1, 13)


@pytest.mark.parametrize("name", SLIPS)
def test_no_slip_that_could_hurt_is_accepted(name: str) -> None:
    """Whatever is changed, it is refused, or a person is asked, or an ideal cell that obeys it takes no harm."""
    missed = [found for seed in SEEDS if (found := outcome(name, seed)) and found.caught is Caught.MISSED]
    assert [(found.seed, found.why) for found in missed] == []


@pytest.mark.parametrize("seed", range(1, 61))
def test_sound_recipes_are_proven_and_nobody_is_asked(seed: int) -> None:
    """A recipe without a slip runs without a word: what refuses everything would catch every slip too."""
    doc = made_recipe(seed)
    program = program_of(text_of(doc), doc["for"][0])
    assert isinstance(prove(program, load_cell(CELLS[doc["for"][0]])), Proof)
    assert plausibility(program).sentences == ()


def test_loop_of_one_step_that_nothing_moves_back_asks_a_person() -> None:
    """A Li/Li recipe whose discharge was left out: six charges remain, and a person is asked about them."""
    found = outcome("order: a step left out", 70040)
    assert found is not None
    assert found.caught is Caught.PLAUSIBILITY


def test_the_ideal_cell_sees_the_harm_of_a_program_that_nobody_refused() -> None:
    """A judge that sees no harm in anything would let every slip pass: of a plain charge without an end it sees it."""
    doc = made_recipe(2, "lfp")
    meant = program_of(text_of(doc), "lfp")
    assert harm(meant, meant) == ""
    wide = {layer: {"low": f"{-more} V", "high": f"{6 + more} V"} for more, layer in enumerate(("host", "tester"))}
    doc["limits"] = {**wide, "absolute": {"low": "-5 V", "high": "9 V"}}
    doc["steps"] = [
        {"step": "constant_current", "direction": "charge", "current": "1 C", "until": {"voltage": "5.5 V"}},
        {"step": "constant_current", "direction": "discharge", "current": "1 C", "until": {"voltage": "3 V"}},
    ]
    text = text_of(doc)
    assert "a voltage of" in harm(program_of(text, "lfp"), meant)
    assert judged(text, "lfp", meant)[0] is Caught.PLAUSIBILITY
