"""A step is judged by the steps that run before it: what ends as it begins is refused, sound orders are not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from protocols import RecipeError, parse_cell, parse_recipe, resolve
from protocols.channel_envelope import ChannelEnvelope, CurrentRange, problems
from protocols.plausibility import Plausibility, plausibility

_HEAD = """\
name: mine
title: Mine
for: [{kind}]
record: {{every: 30 s}}
limits:
  host: {{low: -0.6 V, high: 4.4 V}}
  tester: {{low: -0.7 V, high: 4.5 V}}
  absolute: {{low: -1 V, high: 4.8 V}}
guards: {{{guards}}}
steps:
"""
_CELL = "name: c\nkind: {}\narea: 1.54 cm2\nnominal_capacity: 3 mAh\nworking_electrode: W\n"
_CELL += "counter_electrode: Li\nelectrolyte: LP57\n"
_WIDE = ChannelEnvelope(-5.0, 5.0, (CurrentRange(1e-7, 6.0),))


def _line(words: str) -> list[str]:
    """Give the lines of a step that is written short: ``charge 0.1C to 4.2``, ``hold ... to 4.2/0.02``, ``3x(...)``."""
    kind, _, rest = words.partition(" ")
    if kind in {"rest", "eis", "sweep"}:
        own = {
            "rest": "step: rest, until: {time: 1 h}",
            "eis": "step: eis",
            "sweep": "step: cyclic_voltammetry, low: 1 V, high: 3 V, scan_rate: 0.1 mV/s",
        }
        return [f"- {{{own[kind]}}}"]
    rate, _, end = rest.partition(" ")
    head = f"direction: {kind}, current: {rate.replace('C', ' C')}"
    if end.startswith("for "):
        return [f"- {{step: constant_current, {head}, until: {{{end.removeprefix('for ')}}}}}"]
    volts, _, taper = end.removeprefix("to ").partition("/")
    if taper:
        return [f"- {{step: cc_cv, {head}, voltage: {volts} V, until: {{current: {taper} C}}}}"]
    return [f"- {{step: constant_current, {head}, until: {{voltage: {volts} V}}}}"]


def _block(steps: Sequence[object], indent: str = "  ") -> list[str]:
    lines: list[str] = []
    for step in steps:
        if isinstance(step, tuple):
            times, *body = step
            lines += [f"{indent}- step: repeat", f"{indent}  times: {times}", f"{indent}  steps:"]
            lines += _block(body, indent + "    ")
        else:
            lines += [indent + line for line in _line(str(step))]
    return lines


def judged(steps: Sequence[object], kind: str = "other", guards: str = "") -> Plausibility:
    """Judge a recipe as ``recipe check`` does. Raises RecipeError for one that is refused."""
    text = _HEAD.format(kind=kind, guards=guards) + "\n".join(_block(steps)) + "\n"
    program = resolve(parse_recipe(text), parse_cell(_CELL.format(kind)))
    assert problems(program, _WIDE) == []
    return plausibility(program)


_FULL, _EMPTY = "charge 0.1C to 4.2/0.02", "discharge 0.1C to 3.0"
SOUND: dict[str, Sequence[object]] = {
    "a first charge to 2 V": ("charge 0.05C to 2", "rest", (3, _FULL, "discharge 0.1C to 3.5")),
    "storage charge at the end": ((3, _FULL, _EMPTY), "charge 0.1C to 3.7"),
    "storage discharge at the end": ((3, _EMPTY, _FULL), "discharge 0.1C to 3.8"),
    "discharge first": ((3, _EMPTY, _FULL),),
    "rates, each to the same voltage": (
        _FULL,
        "discharge 5C to 3",
        "discharge 1C to 3",
        "rest",
        "discharge 0.05C to 3",
    ),
    "charge in stages": ((3, "charge 2C to 4.0", "charge 1C to 4.1", "charge 0.5C to 4.2", _EMPTY),),
    "blocks of two windows": ((2, (3, _FULL, _EMPTY), (3, "charge 1C to 3.9", "discharge 1C to 3.5")),),
    "blocks of windows apart": ((2, (3, "charge 1C to 3", "discharge 1C to 2"), (3, _FULL, "discharge 1C to 3.5")),),
    "a half cell of graphite": ((3, "discharge 0.1C to 0.01", "charge 0.1C to 1.5"),),
    "GITT": (
        (40, "charge 0.05C for time: 30 min, voltage: 4.2 V", "rest"),
        (40, "discharge 0.05C for time: 30 min, voltage: 3 V", "rest"),
    ),
    "pulses": (
        _FULL,
        (
            9,
            "discharge 1C for time: 10 s, voltage: 2.8 V",
            "rest",
            "charge 0.7C for time: 10 s, voltage: 4.3 V",
            "rest",
        ),
        "discharge 0.3C to 2.8",
    ),
    "a sweep between": (_FULL, _EMPTY, "sweep", "charge 0.1C to 2.8"),
    "a film at 2 V, then plating and stripping to 1 V": (
        "discharge 0.1C to 2",
        (5, "discharge 0.1C for capacity: 1 mAh", "charge 0.1C for time: 12 h, voltage: 1 V"),
    ),
}
REFUSED: dict[str, tuple[Sequence[object], str]] = {
    "a charge below where the discharge ended": ((_FULL, _EMPTY, "charge 0.1C to 2.8"), "steps[3].until.voltage"),
    "behind a rest and a spectrum too": ((_FULL, _EMPTY, "rest", "eis", "charge 0.1C to 2.8"), "steps[5]"),
    "a discharge above where the charge ended": (("charge 0.1C to 2", "discharge 0.1C to 3.5"), "steps[2]"),
    "a charge below the charge before": (("charge 0.1C to 4.2", "charge 0.1C to 3.9"), "steps[2]"),
    "storage below the charge before": (((3, _EMPTY, _FULL), "charge 0.1C to 3.7"), "steps[2]"),
    "cutoffs exchanged in a loop": (((3, "charge 0.1C to 3", "discharge 0.1C to 4.2"),), "steps[1].steps[2]"),
    "a film at 2 V and no plating": (("discharge 0.1C to 2", "charge 0.1C to 1"), "steps[2]"),
}


@pytest.mark.parametrize("case", SOUND)
def test_order_that_laboratories_run_is_sound(case: str) -> None:
    """Formation, storage, rates, windows, pulses and films need nobody's confirmation."""
    assert judged(SOUND[case]).sentences == ()


@pytest.mark.parametrize("case", REFUSED)
def test_step_that_ends_as_it_begins_is_refused(case: str) -> None:
    """It is named at its own line, with the voltage at which it begins."""
    steps, place = REFUSED[case]
    with pytest.raises(RecipeError) as refused:
        judged(steps)
    (problem,) = refused.value.problems
    assert problem.field.startswith(place)
    assert "would end as it begins" in problem.expected


def test_step_that_a_rest_may_save_is_asked_about() -> None:
    """After a rest the cell may have relaxed below the target: a person confirms it."""
    (sentence,) = judged(("charge 0.1C to 4.2", "rest", "charge 0.1C to 3.9")).sentences
    assert sentence.startswith("Step 3: a charge to 3.9 V after step 1 has charged to 4.2 V: it ends as it begins")


def test_step_that_ends_as_it_begins_in_some_passes_only_is_noted() -> None:
    """Blocks of windows apart go on as they should: a note, and nothing to confirm."""
    (note,) = judged(SOUND["blocks of windows apart"]).notes
    assert note.startswith("Step 1: a charge to 3 V ends as it begins in some passes")


def test_first_step_is_judged_by_the_open_circuit_window() -> None:
    """A cell that is mounted charged is not charged to less than it shows, and the window lies inside the limits."""
    window = "open_circuit: {low: 3.6 V, high: 3.9 V}"
    assert judged((_FULL, _EMPTY), guards=window).sentences == ()
    for steps, own, words in (
        (("charge 0.1C to 3.5", _FULL), window, "a cell at 3.6 V or above"),
        ((_FULL, _EMPTY), "open_circuit: {low: -1 V}", "inside the host limits of other, -0.6 to 4.4 V"),
        ((_FULL, _EMPTY), "open_circuit: {low: 3.9 V, high: 3.6 V}", "a low end below the high end"),
    ):
        with pytest.raises(RecipeError) as refused:
            judged(steps, guards=own)
        assert words in str(refused.value)
