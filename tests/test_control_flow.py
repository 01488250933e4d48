"""Conditions of a recipe: which pieces a repeat with ``until`` becomes, where each leads, and what is refused."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

import pytest

from protocols import load_cell, resolve
from protocols.branches import Measure, Then
from protocols.conditions import ConditionBlock
from protocols.errors import RecipeError, ResolveError
from protocols.expected_path import BETWEEN_S
from protocols.forecast import forecast
from protocols.loading import parse_recipe
from protocols.program import Program, Purpose
from protocols.program_steps import recorded

_HEAD = """
name: decided
title: decided
for: [KIND]
record: {every: 30 s}
steps:
"""
_CYCLE = """
      - {step: constant_current, direction: charge, current: 1 C, until: {voltage: 4.0 V}}
      - {step: constant_current, direction: discharge, current: 1 C, until: {voltage: 2.8 V}}
"""
_UNTIL = f"""
  - step: repeat
    times: 5
    until: {{capacity_below: 80 % of cycle 3, then: THEN}}
    steps:{_CYCLE}
  - {{step: rest, name: store, until: {{time: 1 h}}}}
"""


def _named(until: str) -> str:
    """Give five passes of one cycle until something."""
    return _UNTIL.replace("capacity_below: 80 % of cycle 3, then: THEN", until)


_MARKED = "guards: {short: {policy: mark, reason: shorts are asked for}}\n"
_BACK = """
  - {step: rest, name: a, until: {time: 1 h}}
  - {step: rest, until: {time: 1 h}, when: {time: 1 h, then: go to a}}
"""
_INTO = _UNTIL.replace("THEN", "go to low").replace(
    "constant_current, direction: dis", "constant_current, name: low, direction: dis"
)
_BEFORE = _CYCLE.replace("      -", "  -")
_ONE_WAY = """
  - step: repeat
    times: 8
    until: {cycles: 2}
    steps:
      - {step: constant_current, direction: charge, current: 0.1 C, until: {time: 20 min, voltage: 4.0 V}}
      - {step: rest, until: {time: 1 h}}
"""
_LI = "  - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 1 h}}"


def program(steps: str, cell: str = "bare-lfp", more: str = "") -> Program:
    """Resolve steps for a shipped cell; ``more`` are further keys of the recipe."""
    head = _HEAD.replace("KIND", "li-li" if cell.endswith("li-li") else "lfp").replace("steps:", f"{more}steps:")
    return resolve(parse_recipe(head + steps), load_cell(cell))


def refused(steps: str, cell: str = "bare-lfp") -> str:
    """Give the words with which a recipe is refused."""
    with pytest.raises((RecipeError, ResolveError)) as caught:
        program(steps, cell)
    return str(caught.value)


@pytest.mark.parametrize(
    ("then", "to"), [("leave", 5), ("end", 6), ("go to store", 5), ("hold", None), ("go on", None)]
)
def test_each_pass_of_a_repeat_with_until_says_where_the_run_goes_on(then: str, to: int | None) -> None:
    """Five passes are five segments; each leads out of the loop, to the end, or to the next pass, always forward."""
    segments = program(_UNTIL.replace("THEN", then)).segments
    assert len(segments) == 6
    for index, segment in enumerate(segments[:5]):
        (branch,) = segment.after
        assert (branch.measure, branch.below, branch.of_cycle) == (Measure.CAPACITY_FRACTION, 0.8, 3)
        assert branch.to == (index + 1 if to is None else to) > index
    assert not segments[5].after


def test_repeat_inside_a_pass_stays_a_loop_of_the_tester() -> None:
    """Fifty cycles between two checks of the capacity are one segment, not fifty."""
    inner = f"      - step: repeat\n        times: 50\n        steps:{_CYCLE.replace('      -', '          -')}"
    decided = program(f"  - step: repeat\n    times: 30\n    until: {{cycles: 500}}\n    steps:\n{inner}{_CYCLE}")
    assert len(decided.segments) == 30
    assert [step.kind for step in decided.cycling[0].steps].count("loop") == 1
    assert [(branch.since, branch.above) for branch in decided.segments[9].after] == [(0, 500.0)]


def test_condition_behind_a_step_leaves_the_innermost_loop() -> None:
    """A pulse that its voltage ended leads behind the loop; a rest and the pulse behind it are one segment."""
    steps = """
  - step: repeat
    times: 4
    steps:
      - step: constant_current
        direction: discharge
        current: 0.1 C
        until: {time: 10 min, voltage: 2.8 V}
        when: {ended_by: voltage}
      - {step: rest, until: {time: 1 h}}
  - {step: constant_current, direction: charge, current: 0.1 C, until: {voltage: 4.0 V}}
"""
    segments = program(steps).segments
    leads = [(index, branch.to, branch.then) for index, one in enumerate(segments) for branch in one.after]
    assert leads == [(index, 5, Then.LEAVE) for index in range(4)]
    assert [[step.kind for step in part.steps] for part in program(steps).cycling[1:5]] == [
        *[["rest", "constant_current"]] * 3,
        ["rest"],
    ]


def test_contact_is_checked_again_only_where_the_leads_may_have_been_touched() -> None:
    """Passes in a row begin without the check block, and keep it for a resume; behind a prompt it is made."""
    loop = f"  - step: repeat\n    times: 3\n    until: {{time: 9 h}}\n    steps:\n    {_LI}\n"
    cycling = program(f"{loop}  - {{step: prompt, text: Turn the cell.}}\n{_LI}", "bare-li-li").cycling
    checked = [any(step.purpose is Purpose.CHECK for _, step in recorded(part.steps)) for part in cycling]
    assert checked == [True, False, False, True]
    assert [len(part.checks_on_resume) for part in cycling] == [0, 2, 2, 0]
    assert cycling[3].prompt == "Turn the cell."


def test_leads_are_checked_where_a_run_may_have_been_held() -> None:
    """A segment to which a hold leads begins with the contact check, however it is reached."""
    loop = f"  - step: repeat\n    times: 3\n    until: {{short: true, then: hold}}\n    steps:\n    {_LI}\n"
    cycling = program(loop, "bare-li-li", _MARKED).cycling
    checked = [next(step.purpose for _, step in recorded(part.steps)) for part in cycling]
    assert checked == [Purpose.CHECK] * 3


def test_step_that_the_host_ends_is_the_last_of_its_segment() -> None:
    """A rest that a drift ends, and a plating that a collapse ends, are cut behind; the tester's own ends stay."""
    collapse = "{capacity: 5 mAh/cm2, collapse: {below: 50 %, after: 5 min}}"
    rest = "  - {step: rest, until: {time: 9 h, drift_below: 1 mV/h}}"
    steps = "\n".join([_LI, rest, _LI.replace("{time: 1 h}", collapse)])
    first, second = program(steps, "bare-li-li").cycling
    assert [(end.told) for part in (first, second) for end in part.ends] == [
        "drift of the rest below 1 mV/h",
        "voltage below 50 % of its largest",
    ]
    assert [first.steps[-1].kind, second.ends[0].after_s] == ["rest", 300.0]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (_UNTIL.replace("THEN", "go to stroe"), "go to 'stroe', a name that no step has"),
        (_UNTIL.replace("THEN", "go back"), "go on, leave, end, hold, or go to"),
        (_UNTIL.replace("THEN", "end").replace("80 % of", "80 of"), "or a share such as 80 % of cycle 3"),
        (_UNTIL.replace("THEN", "end").replace("times: 5", "times: 4000"), "with several cycles in each pass"),
        (_UNTIL.replace("THEN", "end").replace("capacity_below: 80 % of cycle 3, ", ""), "no condition"),
        (_UNTIL.replace("capacity_below: 80 % of cycle 3, then: THEN", "drift_below: 1 mV/h"), "a rest as the last"),
        ("  - {step: eis, when: {resistance_above: 9 ohm, then: end}}", "a resistance behind eis"),
        ("  - {step: rest, until: {time: 1 h}, when: {time: 2 h}}", "leave, and no repeat around the step"),
        ("  - {step: rest, until: {time: 1 h}}\n  - {step: prompt, text: Done.}", "a prompt with nothing behind it"),
        (_BACK, "no run goes back"),
        (_INTO, "go to 'low', which is steps[1].steps[2], inside the loop that it leaves"),
        (_UNTIL.replace("capacity_below: 80 % of cycle 3, then: THEN", "short: true"), "policy: mark, and the reason"),
        ("  - {step: rest, name: a, until: {time: 1 h}}\n" * 2, "the name 'a', which steps[1] has"),
        (_named("capacity_below: 80 % of cycle 12"), "only 5 whole cycles have run when it is asked for the last"),
        (_named("capacity_below: 80 % of cycle 5"), "cycle 5 is the last one that is asked about"),
        (_named("cycles: 6"), "asks for 6 cycles, which never come: its loop has 5 whole cycles"),
        (_BEFORE + _named("cycles: 6"), "its loop has 5 whole cycles in all its passes"),
        (_ONE_WAY, "asks for 2 cycles, which never come: no whole cycle has run"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_the_reason(steps: str, words: str) -> None:
    """Unknown names, ways back, loops too long to be written out and half conditions are named before anything runs."""
    assert words in refused(steps)


@pytest.mark.parametrize("until", ["capacity_below: 80 % of cycle 4", "capacity_above: 99 % of cycle 5", "cycles: 5"])
def test_cycle_that_comes_may_be_asked_for(until: str) -> None:
    """A cycle before the last pass, and as many as all passes have, are no slip; nor is one of the steps before."""
    assert program(_named(until)).decides
    assert program(f"{_BEFORE}{_named(until.replace('cycle 5', 'cycle 6'))}").decides


def test_collapse_alone_ends_no_step() -> None:
    """The tester needs an end of its own: without the host nothing else would end the step."""
    collapse = "{collapse: {below: 50 %, after: 5 min}}"
    assert "time, voltage or capacity beside it" in refused(_LI.replace("{time: 1 h}", collapse), "bare-li-li")


_PAGE = Path(__file__).parent.parent / "docs" / "recipes-that-decide.md"


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", _PAGE.read_text("utf-8"), re.DOTALL))
def test_recipe_of_the_page_decides_for_a_shipped_cell(text: str) -> None:
    """What the page shows is loaded and resolved as it stands, and is bounded by its forecast."""
    recipe = parse_recipe(text)
    cell = "bare-lfp" if "lfp" in recipe.for_kinds else "bare-li-li"
    found = resolve(recipe, load_cell(cell))
    assert any(segment.after or getattr(segment, "host_may_end", False) for segment in found.segments)
    assert 0 < forecast(found).expected_duration_s <= forecast(found).planned_duration_s < inf


@pytest.mark.parametrize("key", [*ConditionBlock.model_fields, "when", "until", "collapse", "step: prompt", "name"])
def test_page_has_every_key(key: str) -> None:
    """A technician finds each condition on the page."""
    assert re.search(rf"[`{{]{key}\b", _PAGE.read_text("utf-8"))


def test_cycles_and_time_that_are_counted_are_foretold() -> None:
    """Of ten passes of two cycles five run until ten cycles have; of an unknown capacity all may run."""
    body = _CYCLE.replace("1 C", "2 C")
    two = f"    steps:\n      - step: repeat\n        times: 2\n        steps:{body.replace('      -', '          -')}"
    counted, measured, timed = (
        forecast(program(f"  - step: repeat\n    times: 10\n    until: {{{condition}}}\n{two}"))
        for condition in ("cycles: 10", "capacity_below: 80 % of cycle 3", "time: 5 h")
    )
    assert (counted.cycles, measured.cycles, timed.cycles) == (10, 20, 6)
    assert counted.planned_duration_s < measured.planned_duration_s == timed.planned_duration_s
    assert (counted.between_s, measured.between_s) == (4 * BETWEEN_S, 9 * BETWEEN_S)
    assert timed.expected_duration_s == pytest.approx(counted.expected_duration_s * 6 / 10, rel=0.01)


def test_named_step_in_a_loop_is_that_of_the_same_pass() -> None:
    """A condition leads to the next place at which the step of that name is run, never to one of an earlier pass."""
    steps = """
  - step: repeat
    times: 3
    steps:
      - {step: rest, until: {time: 1 h}, when: {time: 9 h, then: go to charge}}
      - {step: rest, until: {time: 2 h}}
      - {step: constant_current, name: charge, direction: charge, current: 1 C, until: {voltage: 4.0 V}}
"""
    segments = program(steps).segments
    assert [(index, branch.to) for index, one in enumerate(segments) for branch in one.after] == [
        (0, 2),
        (2, 4),
        (4, 6),
    ]
    assert [[step.kind for step in part.steps] for part in program(steps).cycling[1:3]] == [
        ["rest"],
        ["constant_current", "rest"],
    ]


@pytest.mark.parametrize("leads", ["leave", "go to store"])
def test_prompt_that_a_condition_passes_over_is_not_asked(leads: str) -> None:
    """A step that leaves its loop, or goes to a later one, leaves out the prompt between; a whole pass asks it."""
    steps = f"""
  - step: repeat
    times: 2
    until: {{time: 9 h}}
    steps:
      - {{step: rest, until: {{time: 1 h}}, when: {{time: 5 h, then: {leads}}}}}
      - {{step: prompt, text: Cool it.}}
  - {{step: constant_current, name: store, direction: charge, current: 1 C, until: {{voltage: 4.0 V}}}}
"""
    segments = program(steps).segments
    assert [part.prompt for part in segments] == [None, "Cool it.", "Cool it.", None]
    assert [[branch.to for branch in part.after] for part in segments] == [[3, 2], [3, 2], [], []]
