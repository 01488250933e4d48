"""Values are set in the text of a recipe or cell file, which otherwise stays as it was, or it is said why not."""

import difflib

import pytest

from protocols.changes import changed, parse_change
from protocols.document import Document
from protocols.errors import WrongChange
from protocols.loading import parse_recipe, recipe_document

TEXT = """\
# My recipe, with a comment.
name: own   # mine
title: |
  Two lines
  of title
empty:
steps:
  - step: rest
    until: {time: 1 h}   # a flow
  - {step: eis, high: 1 MHz}
again: &kept [1, 2]
same: *kept
nothing: {}
"""


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("recipe.name=other", "name: own   # mine", "name: other   # mine"),
        (
            "recipe.steps[1].until.time=-0.5 V",
            "    until: {time: 1 h}   # a flow",
            "    until: {time: -0.5 V}   # a flow",
        ),
        ("recipe.steps[1].until={time: 2 h}", "    until: {time: 1 h}   # a flow", "    until: {time: 2 h}   # a flow"),
        ("recipe.name=a: b # c", "name: own   # mine", 'name: "a: b # c"   # mine'),
        ("recipe.empty=x", "empty:", "empty: x"),
        ("recipe.same=y", "same: *kept", "same: y"),
        ("recipe.again[2]=7", "again: &kept [1, 2]", "again: &kept [1, 7]"),
        ("recipe.nothing.a.b=1", "nothing: {}", "nothing: {a: {b: 1}}"),
        ("recipe.steps[2].low=1 Hz", "  - {step: eis, high: 1 MHz}", "  - {low: 1 Hz, step: eis, high: 1 MHz}"),
        ("recipe.steps[1].record.every=1 s", "  - step: rest", "  - record: {every: 1 s}\n    step: rest"),
        ("recipe.new=1", "name: own   # mine", "new: 1\nname: own   # mine"),
        ("recipe.title=short", "title: |\n  Two lines\n  of title", "title: short"),
    ],
)
def test_only_the_value_that_is_set_changes(change: str, before: str, after: str) -> None:
    """Blocks, flows, quotes, empty values, aliases, new keys: each other letter is as it was."""
    assert changed(Document("own.yaml", TEXT), [parse_change(change)]).text == TEXT.replace(before, after, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("recipe.steps[3].step=rest", "steps has 2 entries"),
        ("recipe.steps=1", "steps is a block; set what is in it: steps[1], steps[2]"),
        ("recipe.name.x=1", "name is a value, and nothing can be set inside it"),
        ("recipe.same[1]=1", "same stands for something written above"),
        ("recipe.name[1]=1", "name is a value"),
        ("recipe.new[1]=1", "the recipe has no list 'new'"),
        ("recipe.steps[1].until={time: 2 h", "this value cannot be set there"),
    ],
)
def test_value_without_a_place_is_refused_with_the_reason(change: str, words: str) -> None:
    """The sentence repeats what was typed."""
    with pytest.raises(WrongChange) as refusal:
        changed(Document("own.yaml", TEXT), [parse_change(change)])
    assert words in str(refusal.value)
    assert f"--set {change}" in str(refusal.value)


@pytest.mark.parametrize(
    # A name alone, area=1 cm2, is a parameter of the recipe.
    "text",
    ["cell=1 cm2", "cell.area", "cell.area=", "cell.=1", "cell.steps[0]=1", "bench.x=1", ""],
)
def test_change_that_is_not_written_as_one_is_refused_with_an_example(text: str) -> None:
    """Which file, which key, which value: none may be missing."""
    with pytest.raises(WrongChange, match=r"write recipe\.KEY=VALUE or cell\.KEY=VALUE, such as"):
        parse_change(text)


def test_shipped_recipe_is_sound_with_values_set() -> None:
    """In a recipe of loops in loops, of which all other lines stay."""
    document = recipe_document("li-li-eis")
    changes = ["recipe.steps[3].times=3", "recipe.steps[3].steps[1].steps[2].current=0.1 mA/cm2"]
    new = changed(document, [parse_change(text) for text in changes])
    assert parse_recipe(new.text).sha256 != parse_recipe(document.text).sha256
    lines = [line for line in difflib.ndiff(document.text.splitlines(), new.text.splitlines()) if line[0] in "+-"]
    assert [line.split(":")[1].strip() for line in lines if line[0] == "+"] == ["3", "0.1 mA/cm2"]
    assert len(lines) == 4
