"""A recipe that contradicts itself is refused, with the line of what contradicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import RecipeError, load_cell, parse_recipe, resolve

_LILI = """\
name: mine
title: A recipe
for: [{kinds}]
record: {{every: 30 s}}
{more}
steps:
  - step: constant_current
    direction: charge
    current: 0.1 mA
    until: {{time: 1 h, voltage: {top}}}
  - step: constant_current
    direction: discharge
    current: 0.1 mA
    until: {{time: 1 h, voltage: {bottom}}}
"""


def _refusals(
    kinds: str = "li-li", more: str = "", top: str = "0.5 V", bottom: str = "-0.5 V"
) -> list[tuple[int, str]]:
    try:
        parse_recipe(_LILI.format(kinds=kinds, more=more, top=top, bottom=bottom))
    except RecipeError as err:
        return [(problem.line, f"{problem.field}: {problem.seen}; {problem.expected}") for problem in err.problems]
    return []


def test_default_limits_of_both_kinds_hold_the_papers_cutoffs() -> None:
    """Li/Li at +-0.5 V and LFP at 2.8 to 4.0 V need no limits block."""
    assert _refusals() == []
    assert _refusals("lfp", top="4.0 V", bottom="2.8 V") == []


@pytest.mark.parametrize("top", ["0.55 V", "0.56 V", "1 V", "50 V"])
def test_target_at_or_beyond_the_host_limit_is_refused(top: str) -> None:
    """A step must end before the host trips."""
    ((line, text),) = _refusals(top=top)
    assert line == 10
    assert "inside the host limits of li-li, -0.55 to 0.55 V" in text


@pytest.mark.parametrize(("top", "bottom", "lines"), [("-0.5 V", "-0.4 V", [10]), ("0 V", "0 V", [10, 14])])
def test_li_li_cutoff_on_the_wrong_side_of_zero_is_refused(top: str, bottom: str, lines: list[int]) -> None:
    """A charge ends above 0 V and a discharge below; 0 V itself is a value and wrong for both (faults I03)."""
    assert [line for line, _ in _refusals(top=top, bottom=bottom)] == lines


def test_full_cell_with_cutoffs_exchanged_is_refused_at_both() -> None:
    """Charge to 2.8 V and discharge to 4.0 V would both end at once in a cell that is mounted at 2.8 to 4.0 V."""
    refusals = _refusals("lfp", top="2.8 V", bottom="4.0 V")
    assert [line for line, _ in refusals] == [10, 14]
    assert "the open-circuit window of the cell" in refusals[0][1]


def test_zero_volts_is_a_cutoff_like_any_other() -> None:
    """A Li/Cu discharge may end at exactly 0 V."""
    limits = "limits: {host: {low: -1 V, high: 2 V}, tester: {low: -2 V, high: 3 V}, absolute: {low: -3 V, high: 4 V}}"
    assert _refusals("li-cu", limits, "1 V", "0 V") == []


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ("{host: {low: -0.60 V, high: 0.55 V}}", "tester limits"),
        ("{host: {low: -0.6 V, high: 0.6 V}}", "tester limits"),
        ("{tester: {low: -1.0 V, high: 0.7 V}}", "absolute limits"),
        ("{tester: {low: -0.52 V, high: 0.7 V}}", "wider at both ends than host"),
        ("{absolute: {low: -0.6 V, high: 0.6 V}}", "absolute limits"),
        ("{host: {low: 0.55 V, high: -0.55 V}}", "a low end below the high end"),
        ("{host: {low: 0 V, high: 0 V}}", "a low end below the high end"),
    ],
)
def test_layer_that_is_not_wider_than_the_one_before_is_refused(limits: str, text: str) -> None:
    """Equal is not wider, and every layer counts, given or default."""
    refusals = _refusals(more=f"limits: {limits}")
    assert any(line == 5 and text in words for line, words in refusals)


def test_kind_without_defaults_needs_limits() -> None:
    """Nothing is assumed for cells nobody has described."""
    refusals = _refusals("li-cu")
    assert "limits for host, tester and absolute" in refusals[0][1]


def test_each_kind_of_a_recipe_is_checked() -> None:
    """A recipe for Li/Li and LFP cannot have cutoffs for one of them only."""
    assert [line for line, _ in _refusals("li-li, lfp")] == [10, 14]


def test_check_block_needs_a_window() -> None:
    """Switched on for LFP it needs to be told what is plausible."""
    assert "guards.resistance" in _refusals("lfp", "check_block: true", "4.0 V", "2.8 V")[0][1]
    more = "check_block: true\nguards: {resistance: {low: 1 ohm, high: 2000 ohm}}"
    assert _refusals("lfp", more, "4.0 V", "2.8 V") == []


def test_window_with_its_ends_exchanged_is_refused() -> None:
    """Also when one end is the default."""
    assert "a low end below" in _refusals(more="guards: {resistance: {low: 2000 ohm}}")[0][1]


@pytest.mark.parametrize(
    "guards",
    [
        "{early_cutoff: {fraction: 0}}",
        "{early_cutoff: {fraction: 0.6}}",
        "{early_cutoff: {in_a_row: 0}}",
        "{early_cutoff: {in_a_row: 1000}}",
        "{early_cutoff: off}",
        "{short: {ratio: 0}}",
        "{short: {ratio: 1}}",
        "{short: {ratio: nan}}",
        "{short: {policy: ignore}}",
        "false",
    ],
)
def test_no_value_switches_a_guard_off(guards: str) -> None:
    """Values tune guards within bounds; only ``active`` removes one, in so many words."""
    assert _refusals(more=f"guards: {guards}") != []


@pytest.mark.parametrize("guard", ["early_cutoff", "resistance", "short"])
def test_guard_is_switched_off_for_a_reason_only(guard: str) -> None:
    """The reason goes into the program, and without one the recipe is refused."""
    assert "active: false without a reason" in _refusals(more=f"guards: {{{guard}: {{active: false}}}}")[0][1]
    off = f"guards: {{{guard}: {{active: false, reason: tried by hand}}}}"
    recipe = parse_recipe(_LILI.format(kinds="li-li", more=off, top="0.5 V", bottom="-0.5 V"))
    segment = resolve(recipe, load_cell("bare-li-li")).cycling[0]
    assert [str(change) for change in segment.guards.changes] == [f"{guard} is off: tried by hand"]
    assert len(segment.steps) == (2 if guard == "resistance" else 4)


def test_narrowed_guard_bears_its_values_and_its_reason() -> None:
    """What is set otherwise for a reason is told; what was set otherwise in earlier versions keeps its hash."""
    more = "guards: {early_cutoff: {in_a_row: 5, reason: pulses of 10 s}, short: {policy: mark}}"
    recipe = parse_recipe(_LILI.format(kinds="li-li", more=more, top="0.5 V", bottom="-0.5 V"))
    guards = resolve(recipe, load_cell("bare-li-li")).cycling[0].guards
    assert [str(change) for change in guards.changes] == ["early_cutoff in_a_row 5: pulses of 10 s"]


def test_kind_given_twice_is_refused() -> None:
    """Each kind stands once."""
    assert _refusals("li-li, li-li") == [(3, "for: the same kind twice; each kind once")]


def test_step_without_end_is_refused() -> None:
    """An empty ``until`` ends nothing (faults I03)."""
    text = _LILI.format(kinds="li-li", more="", top="0.5 V", bottom="-0.5 V").replace(
        "{time: 1 h, voltage: 0.5 V}", "{}"
    )
    with pytest.raises(RecipeError, match="no end condition; expected one of time, voltage, capacity"):
        parse_recipe(text)


_volts = st.integers(-1500, 1500)


@given(top=_volts, bottom=_volts, host=_volts, tester=_volts)
def test_recipe_that_loads_has_its_layers_in_order(top: int, bottom: int, host: int, tester: int) -> None:
    """Whatever the numbers: what loads has targets < host < tester < absolute, and cutoffs on their sides.

    Faults I03.
    """
    limits = f"limits: {{host: {{low: -{host} mV, high: {host} mV}}, tester: {{low: -{tester} mV, high: {tester} mV}}}}"
    loads = not _refusals(more=limits.replace("--", ""), top=f"{top} mV", bottom=f"{bottom} mV")
    assert loads == (-host < bottom < 0 < top < host < tester < 1000)
