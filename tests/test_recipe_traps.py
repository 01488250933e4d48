"""No text makes the recipe loader guess, run code, or fall over."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import RecipeError, parse_recipe
from protocols.yaml_document import read_document

_RECIPE = """\
name: mine
title: A recipe
for: [lfp]
record: {{every: {every}}}
check_block: {flag}
steps:
  - step: repeat
    times: {times}
    steps:
      - step: constant_current
        direction: charge
        current: {current}
        until: {{voltage: {voltage}, time: {time}}}
"""
_GOOD = {
    "every": "30 s",
    "flag": "false",
    "times": "5",
    "current": "0.5 C",
    "voltage": "4.0 V",
    "time": "1 h",
}


def _recipe(**values: str) -> str:
    return _RECIPE.format(**(_GOOD | values))


def test_recipe_of_these_tests_is_good() -> None:
    """What the tests below spoil was sound."""
    assert parse_recipe(_recipe()).name == "mine"


@pytest.mark.parametrize("field", ["every", "current", "voltage", "time"])
@pytest.mark.parametrize(
    "value",
    [
        "1e-3",
        "1:30",
        "017",
        "0o17",
        "0x1F",
        "1_000",
        "0.5",
        "5",
        "no",
        "on",
        "true",
        "null",
        "~",
        "",
        ".nan",
        ".inf",
        "-.inf",
        "nan V",
        "inf s",
        "1e999 A",
        "2026-01-05",
        "2026-01-05 10:00:00",
        "=",
        "<<",
        "[1 V]",
        "{V: 1}",
        "1 + 1 V",
        "(1) V",
        "${HOME}",
        "{{ 1 V }}",
        "__import__('os').system('true')",
        "!!float 1",
        "!!python/object/apply:os.system ['true']",
        "!!binary aGVsbG8=",
    ],
)
def test_quantity_is_a_text_with_a_unit_and_nothing_else(field: str, value: str) -> None:
    """Every scalar that YAML readers are known to guess about is refused (faults I03)."""
    with pytest.raises(RecipeError):
        parse_recipe(_recipe(**{field: value}))


@pytest.mark.parametrize("value", ["0", "-1", "1e3", "017", "0x10", "5.0", "1_000", "1:30", "true", "five", "65536"])
def test_count_is_plain_digits_from_1_to_65535(value: str) -> None:
    """Neither octal nor sexagesimal nor any other form is a count."""
    with pytest.raises(RecipeError, match="times"):
        parse_recipe(_recipe(times=value))


@pytest.mark.parametrize("value", ["no", "on", "yes", "off", "True", "1", "0", "null", ""])
def test_flag_is_true_or_false(value: str) -> None:
    """The old YAML booleans are words like any other."""
    with pytest.raises(RecipeError, match="true or false"):
        parse_recipe(_recipe(flag=value))


def test_zero_current_is_refused_and_not_taken_for_not_set() -> None:
    """A current of zero is no current (faults I03)."""
    with pytest.raises(RecipeError, match="more than 0"):
        parse_recipe(_recipe(current="0 mA"))


def test_sign_of_a_current_is_its_direction() -> None:
    """A negative magnitude is refused."""
    with pytest.raises(RecipeError, match="more than 0"):
        parse_recipe(_recipe(current="-1 mA"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty file"),
        ("# nothing\n", "an empty file"),
        ("just text", "no keys"),
        ("- a\n- b", "no keys"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a: 1\n...\nb: 2", "second document|YAML"),
        ("? [a, b]\n: 1", "as a key"),
        ("{[a]: 1}", "as a key"),
        ("a: *nobody", "an alias of something"),
        ("a: &a [*a]", "an alias of something"),
        ("a: &a {b: *a}", "an alias of something"),
        ("a: !x 1", "the tag !x"),
        ("a: \x07", "YAML"),
        ("a: \ud800", "YAML|saw"),
        ("a: 1\n\tb: 2", "a tab before 'b: 2'; expected spaces"),
        ("x" * 70_000, "64 KiB"),
        ("[" * 30_000, "levels"),
        ("{a: " * 15_000, "levels"),
        ("- " * 30_000, "levels|YAML"),
        ("a: [" + "1," * 20_000 + "]", "entries"),
        ("%YAML 9.9\n---\na: 1", "YAML|saw"),
    ],
)
def test_odd_documents_are_refused_with_a_sentence(text: str, words: str) -> None:
    """Nothing, too much, twice, in circles, or not YAML at all."""
    with pytest.raises(RecipeError, match=words):
        parse_recipe(text)


def test_alias_bomb_is_refused_before_it_is_opened() -> None:
    """Nine levels of ten aliases each would be a billion entries."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(RecipeError, match="aliases"):
        parse_recipe("\n".join(lines))


def test_growth_by_few_aliases_is_bounded_too() -> None:
    """Eight aliases, each of all before, still count entry by entry."""
    lines = [f"a0: &a0 [{', '.join(['x'] * 1500)}]", "a1: [*a0, *a0, *a0]"]
    with pytest.raises(RecipeError, match="entries"):
        parse_recipe("\n".join(lines))


def test_deep_repeats_are_refused_or_loaded_but_never_crash() -> None:
    """Nesting beyond any tester ends in a sentence."""
    text = "{step: rest, until: {time: 1 h}}"
    for _ in range(40):
        text = f"{{step: repeat, times: 2, steps: [{text}]}}"
    with pytest.raises(RecipeError, match="levels"):
        parse_recipe(f"name: deep\ntitle: t\nfor: [lfp]\nrecord: {{every: 1 s}}\nsteps: [{text}]")


@given(st.text(alphabet=string.printable + "\u00b5\u2028\x85\ufeff", max_size=200))
def test_any_text_loads_or_is_refused_with_problems(text: str) -> None:
    """No text raises anything but RecipeError."""
    _loads_or_refuses(text)


@given(
    value=st.sampled_from(sorted(_GOOD)),
    text=st.text(alphabet=string.ascii_letters + string.digits + " .-+/*&!%@`'\"{}[]:,#|>?~=<\n\t", max_size=30),
)
def test_any_value_in_a_good_recipe_loads_or_is_refused(value: str, text: str) -> None:
    """Nor does a good recipe with one value replaced."""
    _loads_or_refuses(_recipe(**{value: text}))


@given(st.data())
def test_any_damage_to_a_good_recipe_is_survived(data: st.DataObject) -> None:
    """Nor does a recipe with a piece cut out and another put in."""
    good = _recipe()
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 40)))
    piece = data.draw(
        st.sampled_from(["", " ", "\n", "- ", "{", "}", "&a ", "*a", "? ", ": ", "!!", "'", '"', "|", "%"])
    )
    _loads_or_refuses(good[:start] + piece + good[end:])


@given(st.recursive(st.text("ab: ", max_size=4), lambda inner: st.lists(inner, max_size=3), max_leaves=20))
def test_scalars_stay_the_text_that_was_written(tree: object) -> None:
    """A document of lists and texts reads back as it is."""
    import json

    assert read_document(json.dumps(tree), "x").plain() == tree


def _loads_or_refuses(text: str) -> None:
    try:
        parse_recipe(text)
    except RecipeError as err:
        if not err.problems:
            raise AssertionError("refused without a reason") from err
