"""A recipe as it is written becomes the plain steps that one would write by hand, or is refused at its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import RecipeError, load_cell, load_recipe, parse_recipe, recipe_text, resolve, shipped_recipes
from protocols.document import Document
from protocols.errors import ResolveError, WrongChange
from protocols.loading import expansion_of, parameters_of, recipe_document, recipe_of

_HEAD = "name: mine\ntitle: Mine\nfor: [li-li]\nrecord: {every: 30 s}\n"
_PARAMETERS = """\
parameters:
  current: {default: 0.2 mA/cm2, from: 0.01 mA/cm2, to: 1 mA/cm2, why: below its critical current}
  cycles: 3
  first: {default: charge, one_of: [charge, discharge]}
"""
_STEPS = """\
steps:
- step: repeat
  times: $cycles
  steps:
  - {step: constant_current, direction: $first, current: $current, until: {time: 1 h}}
"""
_amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(9), places=2)


def _set(text: str, **values: str) -> Document:
    return Document("mine.yaml", text).with_values(values)


def _told(document: Document) -> list[str]:
    with pytest.raises(RecipeError) as refused:
        recipe_of(document)
    return [str(problem).removeprefix("mine.yaml:") for problem in refused.value.problems]


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if "\nparameters:" not in recipe_text(name)])
def test_file_that_uses_nothing_of_it_is_left_as_it_is(name: str) -> None:
    """Recipes of before have no places of their own, and their trees are not touched."""
    assert expansion_of(Document(name, recipe_text(name))).is_as_written


@settings(max_examples=25)
@given(start=_amounts, step=_amounts, count=st.integers(2, 12), is_down=st.booleans(), has_units=st.booleans())
def test_range_is_its_values_written_out(
    start: Decimal, step: Decimal, count: int, is_down: bool, has_units: bool
) -> None:
    """Steps are exact decimals, both ends are in it, and each value is a step as if it were written by hand."""
    values = [start + step * n for n in range(count)]
    values = values[::-1] if is_down else values
    unit = " mA/cm2" if has_units else ""
    written = f"from {values[0]}{unit} to {values[-1]}{unit} in steps of {step} mA/cm2"
    one = "{{step: constant_current, direction: charge, current: {0}, until: {{time: 1 h}}}}"
    by_range = f"{_HEAD}steps:\n- step: for_each\n  values: {{it: {written}}}\n  steps:\n  - {one.format('$it')}\n"
    by_hand = f"{_HEAD}steps:\n" + "".join(f"- {one.format(f'{v.normalize():f} mA/cm2')}\n" for v in values)
    by_list = by_range.replace(written, f"[{', '.join(f'{v.normalize():f}' for v in values)}] mA/cm2")
    assert parse_recipe(by_range).to_json() == parse_recipe(by_hand).to_json() == parse_recipe(by_list).to_json()


@settings(max_examples=25)
@given(
    current=_amounts.filter(lambda one: one <= 1),
    cycles=st.integers(1, 900),
    first=st.sampled_from(("charge", "discharge")),
)
def test_parameters_that_are_set_are_the_values_written_by_hand(current: Decimal, cycles: int, first: str) -> None:
    """What is set stands where its name is used, and the hash is that of the plain recipe."""
    values = {"current": f"{current} mA/cm2", "cycles": str(cycles), "first": first}
    by_hand = _HEAD + _STEPS
    for name, value in values.items():
        by_hand = by_hand.replace(f"${name}", value)
    found = recipe_of(_set(_HEAD + _PARAMETERS + _STEPS, **values))
    assert found == parse_recipe(by_hand)
    assert found.sha256 == parse_recipe(by_hand).sha256


def test_parameters_are_told_with_unit_default_range_and_reason() -> None:
    """What the page that orders a run needs, also of a value that may not be."""
    current, cycles, first = (
        one.as_dict() for one in parameters_of(_set(_HEAD + _PARAMETERS + _STEPS, current="2 mA/cm2"))
    )
    given_range = {"low": "0.01 mA/cm2", "high": "1 mA/cm2", "unit": "mA/cm2", "one_of": []}
    told = {"default": "0.2 mA/cm2", "why": "below its critical current", "value": "2 mA/cm2", "is_set": True}
    assert current == {"name": "current", **given_range, **told}
    assert (cycles["value"], cycles["unit"], cycles["is_set"]) == ("3", None, False)
    assert first["one_of"] == ["charge", "discharge"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("current", "1.01 mA/cm2", "0.01 mA/cm2 to 1 mA/cm2 (below its critical current)"),
        ("current", "0.001 mA/cm2", "0.01 mA/cm2 to 1 mA/cm2 (below its critical current)"),
        ("current", "-0.2 mA/cm2", "0.01 mA/cm2 to 1 mA/cm2 (below its critical current)"),
        ("current", "0.3 mA", "a current per area, as 0.01 mA/cm2"),
        ("current", "0.3", "a current per area, as 0.01 mA/cm2"),
        ("cycles", "3 h", "a plain number, as 3"),
        ("first", "up", "charge or discharge"),
    ],
)
def test_value_outside_of_what_a_parameter_may_be_is_refused(name: str, value: str, expected: str) -> None:
    """The line is that of the parameter, with what was set and what may be."""
    (told,) = _told(_set(_HEAD + _PARAMETERS + _STEPS, **{name: value}))
    line = 6 + ("current", "cycles", "first").index(name)
    assert told == f"{line}: parameters.{name}: saw --set {name}={value}; expected {expected}"


def test_parameter_that_is_not_there_is_refused_by_its_name() -> None:
    """A value that would change nothing is none."""
    with pytest.raises(
        WrongChange, match=r"no parameter 'curent'; it has current, cycles, first\. Did you mean current"
    ):
        recipe_of(_set(_HEAD + _PARAMETERS + _STEPS, curent="1 mA/cm2"))
    with pytest.raises(WrongChange, match="it has no parameters"):
        recipe_of(Document("li-li-0.2", recipe_text("li-li-0.2")).with_values({"current": "1 mA/cm2"}))


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("$current", "$curent", "13: steps[1].steps[1].current: saw $curent, which is no parameter; expected $current"),
        ("$current", "2 x $current", "13: steps[1].steps[1].current: saw '2 x $current'; expected $current alone"),
        ("cycles: 3", "cycles: {from: 1}", "7: parameters.cycles: saw nothing set; expected --set cycles=VALUE"),
        ("to: 1 mA/cm2", "to: 1 mA", "6: parameters.current: saw from 0.01 mA/cm2 to 1 mA; expected two values of one"),
        (
            "to: 1 mA/cm2",
            "to: 0.1 mA/cm2",
            "6: parameters.current: saw the default 0.2 mA/cm2; expected 0.01",
        ),
        ("times: $cycles", "times: 3", "7: parameters.cycles: saw a parameter that is used nowhere; expected $cycles"),
        ("why", "wy", "6: parameters.current.wy: saw the unknown key 'wy'; expected the key 'why'"),
    ],
)
def test_slip_around_parameters_is_told_at_its_line(right: str, wrong: str, told: str) -> None:
    """Also a parameter that nothing uses: whoever sets it would change nothing."""
    text = (_HEAD + _PARAMETERS + _STEPS).replace(right, wrong, 1)
    assert _told(Document("mine.yaml", text))[0].startswith(told)


def test_parameter_of_the_title_alone_is_used_nowhere() -> None:
    """A title that says another current than flows would be believed; what a person is asked to do is no title."""
    rest = "- {step: rest, until: {time: 1 h}}\n"
    steps = f"steps:\n{rest}- {{step: prompt, text: Set $bath.}}\n{rest}"
    text = f"{_HEAD.replace('Mine', 'At $current')}parameters: {{current: 1 mA, bath: 40 degC}}\n{steps}"
    (told,) = _told(Document("mine.yaml", text))
    assert told.startswith("5: parameters.current: saw a parameter that is used nowhere")
    recipe = recipe_of(_set(text.replace("current: 1 mA, ", ""), bath="50 degC"))
    assert getattr(recipe.steps[1], "text", "") == "Set 50 degC."


def test_fault_of_an_expanded_step_is_told_once_at_the_line_as_written() -> None:
    """Three passes have one line; a fault that only the cell shows has it too."""
    steps = "steps:\n- step: for_each\n  values: {it: [1 h, 2 h, 3 h]}\n  steps:\n"
    wrong = "  - {step: constant_current, direction: charge, current: 1 mAh, until: {time: $it}}\n"
    (told,) = _told(Document("mine.yaml", _HEAD + steps + wrong))
    assert told.startswith("9: steps[1].steps[1].current: saw '1 mAh', a charge")
    recipe = parse_recipe(
        _HEAD + steps + wrong.replace("mAh", "C").replace("- {step", "- {step: rest, until: {time: 1 h}}\n  - {step")
    )
    with pytest.raises(ResolveError) as refused:
        resolve(recipe, load_cell("bare-li-li"))
    assert "line 10, steps[1].steps[2].current is 1 C" in str(refused.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("{it: [1, 2] h, other: [1, 2, 3] h}", "steps[1].values: saw 2 of it, 3 of other; expected as many"),
        (
            "{it: from 1 to 2 in steps of 0.3 h}",
            "steps[1].values.it: saw 'from 1 to 2 in steps of 0.3 h'; expected",
        ),
        ("{it: [1,, 2] h}", "steps[1].values.it: saw '[1,, 2] h', with an empty place"),
        ("{it: [1 h, 2 h] min}", "saw '[1 h, 2 h] min', where every value has its own unit; expected nothing behind"),
        ("{it: [1, C/5] C of cycle 1}", "of which 'C/5' has a unit of its own; expected numbers alone before 'C of"),
        ("{it: [1, 2] h, other: [1, 2] h}", "steps[1].values.other: saw a name that is used nowhere"),
        ("{}", "steps[1].values: saw an empty list; expected at least one"),
    ],
)
def test_values_that_fit_in_no_steps_are_told(values: str, told: str) -> None:
    """Lists of other lengths, ends that are not reached, names that nothing uses."""
    text = f"{_HEAD}steps:\n- step: for_each\n  values: {values}\n  steps:\n  - {{step: rest, until: {{time: $it}}}}\n"
    assert told in "\n".join(_told(Document("mine.yaml", text)))


def test_more_steps_than_can_be_judged_are_refused() -> None:
    """A range in a range is bounded before it is made."""
    inner = "{step: for_each, values: {b: from 1 to 900 in steps of 1 s}, steps: [{step: rest, until: {time: $b}}]}"
    text = f"{_HEAD}steps:\n- step: for_each\n  values: {{a: from 1 to 900 in steps of 1 s}}\n  steps:\n  - {inner}\n"
    (told,) = _told(Document("mine.yaml", text))
    assert "saw more than 3000 steps" in told


def test_more_keys_than_can_be_judged_are_refused() -> None:
    """Few steps of many keys are bounded as well, before they are made."""
    keys = ", ".join(f"k{n}: $a" for n in range(200))
    text = (
        f"{_HEAD}steps:\n- step: for_each\n  values: {{a: from 1 to 900 in steps of 1 s}}\n  steps:\n  - {{{keys}}}\n"
    )
    (told,) = _told(Document("mine.yaml", text))
    assert "more than 100000 keys and values once it is expanded" in told


def test_phase_gives_its_steps_what_they_do_not_have() -> None:
    """Record and temperature of a phase, but for the steps that have their own."""
    phase = "- step: phase\n  record: {every: 1 s}\n  temperature: 60 degC\n  steps:\n"
    rest, own = (
        "{step: rest, until: {time: 1 h}",
        "{step: rest, until: {time: 2 h}, record: {every: 5 s}, temperature: 40 degC}",
    )
    loop = "{step: repeat, times: 2, steps: ["
    by_phase = f"{_HEAD}steps:\n{phase}  - {rest}}}\n  - {own}\n  - {loop}{rest}}}]}}\n"
    usual = ", record: {every: 1 s}"
    by_hand = f"- {rest}{usual}, temperature: 60 degC}}\n- {own}\n- {loop}{rest}{usual}}}], temperature: 60 degC}}\n"
    assert parse_recipe(by_phase) == parse_recipe(f"{_HEAD}steps:\n{by_hand}")


_SHARED = """\
title: A rest and a current
parameters: {current: {from: 0.01 mA/cm2, to: 1 mA/cm2}, time: 1 h}
steps:
- {step: rest, until: {time: 10 min}}
- {step: constant_current, direction: charge, current: $current, until: {time: $time}}
"""


def test_included_steps_are_those_written_by_hand(tmp_path: Path) -> None:
    """A file beside the recipe, with its own parameters, comes with it and is kept with it."""
    (tmp_path / "shared.yaml").write_text(_SHARED, "utf-8")
    path = tmp_path / "mine.yaml"
    include = "- include: shared.yaml\n  with: {current: $current}\n"
    path.write_text(f"{_HEAD}parameters: {{current: 0.3 mA/cm2}}\nsteps:\n{include}", "utf-8")
    by_hand = _SHARED.partition("steps:\n")[2].replace("$current", "0.3 mA/cm2").replace("$time", "1 h")
    assert load_recipe(path) == parse_recipe(f"{_HEAD}steps:\n{by_hand}")
    assert load_recipe(path, {"current": "0.4 mA/cm2"}) != load_recipe(path)
    document = recipe_document(path)
    assert document.included == (("shared.yaml", _SHARED),)
    (tmp_path / "shared.yaml").unlink()
    assert recipe_of(document) == parse_recipe(f"{_HEAD}steps:\n{by_hand}")


@pytest.mark.parametrize(
    ("include", "told"),
    [
        ("- include: ../shared.yaml", "6: steps[1].include: saw '../shared.yaml'; expected the name of a file beside"),
        ("- include: /shared.yaml", "6: steps[1].include: saw '/shared.yaml'; expected the name of a file beside"),
        ("- include: other.yaml", "6: include: saw other.yaml, and there is no file"),
        ("- include: out.yaml", "6: include: saw out.yaml, and out.yaml is a link that leads out of the folder"),
        (
            "- include: circle.yaml",
            "circle.yaml:2: steps[1].include: saw circle.yaml > circle.yaml: a file",
        ),
        ("- include: shared.yaml", "6: steps[1].with.current: saw nothing set; expected a value, 0.01 mA/cm2 to 1"),
        (
            "- {include: shared.yaml, with: {current: 2 mA/cm2}}",
            "6: steps[1].with.current: saw 2 mA/cm2;",
        ),
        (
            "- {include: shared.yaml, with: {curent: 2 h}}",
            "6: steps[1].with.curent: saw the parameter curent;",
        ),
        ("- {include: shared.yaml, times: 3}", "6: steps[1].times: saw the unknown key 'times'"),
        ("- include: keys.yaml", "keys.yaml:1: limits: saw the key 'limits' of an included file; expected only"),
        ("- include: wrong.yaml", "wrong.yaml:3: steps[2].until.time: saw '1 V', a voltage"),
    ],
)
def test_file_that_cannot_be_included_is_told_at_its_line(tmp_path: Path, include: str, told: str) -> None:
    """Paths, links out of the folder, circles, parameters; what is wrong inside has the name of the file inside."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    texts = {
        "shared.yaml": _SHARED,
        "circle.yaml": "steps:\n- include: circle.yaml\n",
        "keys.yaml": "limits: {}\nsteps:\n- {step: rest, until: {time: 1 h}}\n",
        "wrong.yaml": "steps:\n- {step: rest, until: {time: 1 h}}\n- {step: rest, until: {time: 1 V}}\n",
        "mine.yaml": f"{_HEAD}steps:\n{include}\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    (tmp_path / "outside.yaml").write_text(_SHARED, "utf-8")
    (folder / "out.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(RecipeError) as refused:
        load_recipe(folder / "mine.yaml")
    assert str(refused.value).replace(f"{folder}/", "").removeprefix("mine.yaml:").startswith(told)


def test_more_files_or_levels_than_are_read_are_refused(tmp_path: Path) -> None:
    """Sixteen files, eight levels."""
    for n in range(20):
        (tmp_path / f"f{n}.yaml").write_text(f"steps:\n- include: f{n + 1}.yaml\n", "utf-8")
    (tmp_path / "f9.yaml").write_text("steps:\n- {step: rest, until: {time: 1 h}}\n", "utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(f"{_HEAD}steps:\n- include: f0.yaml\n", "utf-8")
    with pytest.raises(RecipeError, match="9 deep; expected at most 8"):
        load_recipe(path)
    (tmp_path / "f9.yaml").write_text("steps:\n- include: f10.yaml\n", "utf-8")
    with pytest.raises(RecipeError, match="more than 16 included files"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{i: 0.1, 0.2, 0.5 mA/cm2}", "brackets around several values: '[0.1, 0.2, 0.5] mA/cm2'"),
        ("{i: C/10, C/5, 1 C}", "brackets around several values: '[C/10, C/5, 1 C]'"),
        ("\n      i: 0.1, 0.2 mA/cm2", "brackets around several values: '[0.1, 0.2] mA/cm2'"),
        (
            "{i: 0.1 to 2 mA/cm2}",
            "'[0.1, 2] mA/cm2', or a range with its steps, such as 'from 0.1 to 2 in steps of 0.1",
        ),
    ],
)
def test_list_without_brackets_is_told_with_them(written: str, meant: str) -> None:
    """In braces the parts behind a comma are keys for YAML: what is told is the list, once."""
    step = "{step: constant_current, direction: charge, current: $i, until: {time: 30 min, voltage: 0.5 V}}"
    head = "name: mine\ntitle: Mine\nfor: [li-li]\nrecord: {every: 30 s}\nsteps:\n"
    text = f"{head}  - step: for_each\n    values: {written}\n    steps:\n      - {step}\n"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert meant in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_what_values_of_a_list_are_a_part_of_is_lost_of_none() -> None:
    """Rates of a measured charge stay that in a list: three lines, each by the reference, as if written one by one."""
    head = _HEAD.replace("li-li", "lfp") + "steps:\n"
    up = "{step: constant_current, direction: charge, current: RATE, until: {voltage: 4.0 V}}"
    reference = "- {step: constant_current, name: ref, direction: discharge, current: 1 C, until: {voltage: 2.8 V}}\n"
    down = "{step: constant_current, direction: discharge, current: 1 C, until: {voltage: 2.8 V}}"
    rates = ("C/10 of step ref", "0.5 C of step ref", "2C/3 of step ref")
    first = f"- {up.replace('RATE', '1 C')}\n{reference}"
    each = "".join(f"- {up.replace('RATE', rate)}\n- {down}\n" for rate in rates)
    values = "{rate: [C/10, 0.5 C, 2C/3] of step ref}"
    several = f"- step: for_each\n  values: {values}\n  steps:\n  - {up.replace('RATE', '$rate')}\n  - {down}\n"
    assert parse_recipe(head + first + several).steps == parse_recipe(head + first + each).steps
