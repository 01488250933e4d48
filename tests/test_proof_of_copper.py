"""The proof of Li/Cu recipes: what is plated must have been somewhere, and strips take back what they set."""

from __future__ import annotations

import pytest

from protocols.loading import load_cell, parse_recipe, recipe_text
from protocols.proof import CounterExample, Proof, prove
from protocols.resolve import resolve


def test_reservoir_is_bounded_only_where_its_voltage_leads_away() -> None:
    """A strip that 50 mV may have ended leaves all on the copper, pass after pass, until the foil is used up."""
    text = recipe_text("li-cu-aurbach").replace("voltage: 1 V}", "voltage: 50 mV}")
    cell = load_cell("bare-li-cu")
    assert isinstance(prove(resolve(parse_recipe(text), cell)), Proof)
    ahead = text.replace("{ended_by: voltage} ", "[{efficiency_above: 10 %, then: go on}, {ended_by: voltage}]")
    found = prove(resolve(parse_recipe(ahead), cell))
    assert isinstance(found, CounterExample)
    assert "The counter electrode holds at most" in str(found)


_PLATED_AND_STRIPPED = """\
name: efficiency
title: Li/Cu, 200 cycles
for: [li-cu]
record: {every: 30 s}
limits:
  host: {low: -0.5 V, high: 3.3 V}
  tester: {low: -0.6 V, high: 3.4 V}
  absolute: {low: -1.0 V, high: 3.5 V}
steps:
  - step: repeat
    times: 200
    UNTIL
    steps:
      - {step: constant_current, direction: discharge, current: 0.5 mA/cm2, until: {capacity: 1 mAh/cm2}}
      - {step: constant_current, direction: charge, current: 0.5 mA/cm2, until: {ENDS}}
"""


@pytest.mark.parametrize("until", ["", "until: {efficiency_below: 90 %, then: end}"])
@pytest.mark.parametrize(
    ("ends", "is_proven"),
    [
        ("voltage: 1 V", True),
        ("voltage: 1 V, time: 3 h", True),
        ("voltage: 1 V, capacity: 1 mAh/cm2", True),
        ("voltage: 1 V, capacity: 0.5 mAh/cm2", False),
        ("voltage: 20 mV", False),
    ],
)
def test_copper_is_plated_as_often_as_it_is_stripped_again(ends: str, until: str, *, is_proven: bool) -> None:
    """Two hundred cycles of a Li/Cu cell pass more than a foil in all, and use it up only where strips take less."""
    text = _PLATED_AND_STRIPPED.replace("ENDS", ends).replace("    UNTIL\n", f"    {until}\n" if until else "")
    found = prove(resolve(parse_recipe(text), load_cell("bare-li-cu")))
    assert isinstance(found, Proof) is is_proven, found
    assert is_proven or "Strips take back what they set, or all of it where a voltage of 0.1 V" in str(found)
