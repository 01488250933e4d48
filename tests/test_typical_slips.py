"""Sixty and more slips that technicians make in recipes and cells: each is told where it stands, with what to write."""

from __future__ import annotations

import pytest

from protocols.errors import RecipeError, ResolveError
from protocols.loading import parse_cell, parse_recipe
from protocols.plausibility import plausibility
from protocols.proof import CounterExample, prove
from protocols.resolve import resolve

LFP = """\
name: mine
title: LFP, twenty cycles
for: [lfp]
record: {every: 30 s, on_voltage_change: 5 mV}
temperature: {target: 60 degC, soak: 30 min}
steps:
  - {step: rest, until: {time: 10 min}}
  - step: repeat
    times: 20
    steps:
      - step: cc_cv
        direction: charge
        current: C/2
        voltage: 4.0 V
        until: {current: C/20, time: 4 h}
      - step: constant_current
        direction: discharge
        current: 1 C
        until: {voltage: 2.8 V}
"""
LI = """\
name: mine
title: Symmetric
for: [li-li]
record: {every: 30 s}
steps:
  - step: repeat
    times: 100
    steps:
      - step: constant_current
        direction: charge
        current: 0.2 mA/cm2
        until: {time: 1 h, voltage: 0.5 V}
      - step: constant_current
        direction: discharge
        current: 0.2 mA/cm2
        until: {time: 1 h, voltage: -0.5 V}
"""
_ELECTRODES = "working_electrode: foil\ncounter_electrode: Li foil\nelectrolyte: PEO\n"
LFP_CELL = f"""\
name: cell-7
kind: lfp
{_ELECTRODES}area: 0.7854 cm2
active_mass: 1.10 mg
nominal_capacity: 0.187 mAh
"""
LI_CELL = f"name: cell-8\nkind: li-li\n{_ELECTRODES}area: 0.7854 cm2\n"
_MASS, _NOMINAL = "active_mass: 1.10 mg\n", "nominal_capacity: 0.187 mAh\n"
_STRIP = "current: 0.2 mA/cm2\n        until: {time: 1 h, voltage: 0.5 V}"
_DISCHARGE = "current: 1 C\n        until: {voltage"

# What is meant, what is typed in its place, and words of the answer: where it stands, what to write.
SLIPS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # units
    "no unit": ("every: 30 s", "every: 30", ("mine.yaml:4", "a time with a unit out of s, ms, min, h or d")),
    "list without brackets": (
        "current: C/20,",
        "current: C/20, C/50, 2 C,",
        ("mine.yaml:15", "until.current: saw 'C/20, C/50, 2 C'", "brackets around several values: '[C/20, C/50, 2 C]'"),
    ),
    "list of a step without brackets": ("C/2\n", "C/2, 1 C\n", ("one value; several stand in a block", "[C/2, 1 C]")),
    "range without steps": ("C/2\n", "C/10 to 5 C\n", ("'[C/10, 5 C]', or a range with its steps",)),
    "no unit of a voltage": ("4.0 V\n", "4.0\n", ("mine.yaml:14", "a voltage with a unit out of V or mV")),
    "no unit of a current": ("C/20", "0.05", ("until.current", "with a unit out of A, mA, uA, mA/cm2")),
    "no unit of a temperature": ("60 degC", "60", ("temperature.target", "a unit out of degC")),
    "rate for a temperature": ("60 degC", "60 C", ("'60 C', a C rate", "degC")),
    "kelvin": ("60 degC", "333 K", ("unknown unit K", "degC")),
    "millivolts for volts": ("4.0 V\n", "4.0 mV\n", ("0.0040 V", "2.7 to 4.1 V")),
    "word for a unit": ("4 h}", "4 hours}", ("mine.yaml:15", "expected '4 h'")),
    "large letter": ("4 h}", "4 H}", ("expected '4 h'", "upper and lower case matter")),
    "metres for minutes": ("4 h}", "240 m}", ("expected '240 min'",)),
    "per cent of a current": ("C/20", "5 %", ("until.current", "'5 %'", "C rate")),
    "milliamperes for a density": (
        _STRIP,
        _STRIP.replace("mA/cm2", "mA"),
        ("each pass moves", "nothing moves it back"),
    ),
    "amperes a square": ("0.2 mA/cm2", "0.2 A/cm2", ("mine.yaml:11", "unknown unit A/cm2", "mA/cm2")),
    "caret": ("0.2 mA/cm2", "0.2 mA/cm^2", ("expected '0.2 mA/cm2'",)),
    "raised two": ("0.2 mA/cm2", "0.2 mA/cm²", ("expected ASCII only", "'0.2 mA/cm2'")),
    "micro sign": ("0.2 mA/cm2", "200 µA/cm2", ("u for micro: '200 uA/cm2'",)),
    "small letter": ("0.2 mA/cm2", "0.2 ma/cm2", ("expected '0.2 mA/cm2'",)),
    "exponent": ("0.2 mA/cm2", "0.2 mA cm-2", ("expected '0.2 mA/cm2'",)),
    "milliamperes for mA/g": (_DISCHARGE, _DISCHARGE.replace("1 C", "17 mA"), ("90.9 C", "Did you mean 17 mA/g")),
    "fifty for a fiftieth": (_DISCHARGE, _DISCHARGE.replace("1 C", "50 C"), ("Did you mean C/50",)),
    # signs
    "negative current": ("0.2 mA/cm2", "-0.2 mA/cm2", ("mine.yaml:11", "more than 0")),
    "end above zero": ("-0.5 V", "0.5 V", ("to end a discharge", "below 0 V for li-li")),
    "end below zero": ("voltage: 0.5 V", "voltage: -0.5 V", ("to end a charge", "above 0 V for li-li")),
    "both ways the same": (
        "direction: discharge\n        current: 0.2",
        "direction: charge\n        current: 0.2",
        ("mine.yaml:16", "above 0 V"),
    ),
    "printed minus": ("-0.5 V", "\N{MINUS SIGN}0.5 V", ("expected '-0.5 V'",)),
    "letter left out": ("direction: discharge", "direction: dicharge", ("'dicharge'", "'charge' or 'discharge'")),
    "large first letter": ("direction: discharge", "direction: Discharge", ("'charge' or 'discharge'",)),
    "zero current": ("0.2 mA/cm2", "0 mA/cm2", ("mine.yaml:11", "more than 0")),
    # order and limits
    "ends as it begins": ("2.8 V", "4.0 V", ("mine.yaml:19", "would end as it begins")),
    "below the limits": ("2.8 V", "2.0 V", ("inside the host limits of lfp, 2.7 to 4.1 V",)),
    "above the limits": ("4.0 V\n", "4.2 V\n", ("inside the host limits of lfp",)),
    "taper above the current": ("C/20", "1 C", ("steps[2].steps[1]", "not below its 0.0935 mA")),
    "no pass": ("times: 20", "times: 0", ("mine.yaml:9", "greater than or equal to 1")),
    "count with a letter": ("times: 20", "times: 20x", ("a whole number in plain digits",)),
    "count in words": ("times: 20", "times: twenty", ("a whole number in plain digits",)),
    "sixty hours for minutes": ("{time: 1 h, voltage: 0.5 V}", "{time: 60 h, voltage: 0.5 V}", ("step 3", "bare")),
    "no end but a voltage": ("{time: 1 h, voltage: 0.5 V}", "{voltage: 0.5 V}", ("give it a time or a capacity",)),
    # indentation and YAML
    "too little in": ("    times: 20", "   times: 20", ("line 9 stands 3 spaces in", "expected 4 spaces", "line 8")),
    "too far in": (
        "        voltage: 4.0",
        "         voltage: 4.0",
        ("line 14 stands 9 spaces in", "expected 8 spaces"),
    ),
    "item too little in": (
        "      - step: constant_current",
        "    - step: constant_current",
        ("line 16 stands 4 spaces in", "expected 6 spaces", "items of one list"),
    ),
    "tab": ("    times: 20", "\ttimes: 20", ("mine.yaml:9", "a tab before 'times: 20'", "spaces")),
    "no colon": ("title: LFP", "title LFP", ("without a colon", "'title: LFP, twenty cycles'")),
    "no colon in braces": ("{voltage: 2.8 V}", "{voltage 2.8 V}", ("without a colon", "'voltage: 2.8 V'")),
    "no closing brace": ("2.8 V}", "2.8 V", ("begins on line 19", "'}' behind its last value")),
    "no braces": (
        "until: {voltage: 2.8 V}",
        "until: voltage: 2.8 V",
        ("braces around a block, until: {voltage: 2.8 V}",),
    ),
    "colon in a text": ("title: LFP,", "title: LFP:", ("mine.yaml:2", "quotes around a text")),
    "key twice": ("    times: 20\n", "    times: 20\n    times: 30\n", ("a second time", "already on line 9")),
    # decimal comma
    "comma": ("4.0 V\n", "4,0 V\n", ("expected a decimal point: '4.0 V'",)),
    "comma in a density": ("0.2 mA/cm2", "0,2 mA/cm2", ("expected a decimal point: '0.2 mA/cm2'",)),
    "comma in braces": ("voltage: 2.8 V", "voltage: 2,8 V", ("expected a decimal point: '2.8 V'",)),
    "two points": ("4.0 V\n", "4.0.0 V\n", ("'4.0.0 V'", "a voltage with a unit")),
    # words
    "cccv": ("step: cc_cv", "step: cccv", ("mine.yaml:11", "expected step: cc_cv")),
    "pause": ("step: rest", "step: pause", ("expected step: rest",)),
    "cc": ("step: constant_current", "step: cc", ("expected step: constant_current",)),
    "letter of a key left out": ("        current: C/2", "        curent: C/2", ("'curent'", "the key 'current'")),
    "volts": ("{voltage: 2.8 V}", "{volts: 2.8 V}", ("the key 'voltage'",)),
    "end for until": ("until: {voltage: 2.8 V}", "end: {voltage: 2.8 V}", ("the key 'until'",)),
    "cycles for times": ("times: 20", "cycles: 20", ("the key 'times'",)),
    "no end": ("        until: {voltage: 2.8 V}\n", "", ("mine.yaml:16", "the key 'until'")),
    "large letters": ("for: [lfp]", "for: [LFP]", ("'li-li', 'lfp', 'li-cu' or 'other'",)),
    "kind that is not known": ("for: [lfp]", "for: [nmc]", ("'li-li', 'lfp', 'li-cu' or 'other'",)),
    "no kind": ("for: [lfp]\n", "", ("expected the key 'for'",)),
    "no record": ("record: {every: 30 s, on_voltage_change: 5 mV}\n", "", ("expected the key 'record'",)),
    "name with a blank": ("name: mine", "name: my recipe", ("mine.yaml:1", "letters, digits")),
    # masses and facts of the cell
    "grams": (_MASS, "active_mass: 1.10 g\n", ("Did you mean an active_mass of 1.1 mg",)),
    "ten times the mass": (_MASS, "active_mass: 11.0 mg\n", ("Did you mean an active_mass of 1.1 mg",)),
    "ampere-hours": (_NOMINAL, "nominal_capacity: 0.187 Ah\n", ("Did you mean a nominal_capacity of 187 uAh",)),
    "specific for whole": (_NOMINAL, "nominal_capacity: 170 mAh\n", ("Did you mean a nominal_capacity of 170 mAh/g",)),
    "no capacity": (_NOMINAL, "", ("has no nominal_capacity: add it to the cell",)),
    "diameter": ("area: 0.7854 cm2", "diameter: 10 mm", ("'area'", "0.7854 cm2")),
    "length for an area": ("area: 0.7854 cm2", "area: 10 mm", ("a length", "cm2 or mm2")),
    "square millimetres": ("area: 0.7854 cm2", "area: 78.54 cm2", ("Did you mean an area of 78.5 mm2",)),
    "no area": ("electrolyte: PEO\narea: 0.7854 cm2\n", "electrolyte: PEO\n", ("has no area: add it to the cell",)),
    "formula for a kind": ("kind: lfp", "kind: LiFePO4", ("cell.yaml:2", "'lfp'")),
    "another cell": ("kind: lfp", "kind: li-li", ("is for lfp", "Choose another recipe or cell")),
}


def answer(recipe: str, cell: str) -> str:
    """Give what ``recipe check`` says against a recipe and a cell; empty where it says nothing."""
    try:
        program = resolve(parse_recipe(recipe, "mine.yaml"), parse_cell(cell, "cell.yaml"))
    except (RecipeError, ResolveError) as err:
        return str(err)
    found = prove(program)
    return str(found) if isinstance(found, CounterExample) else "\n".join(plausibility(program).sentences)


def spoiled(meant: str, typed: str) -> tuple[str, str]:
    """Give the recipe and the cell with one slip, in whichever of the texts has what was meant."""
    recipe, cell = (LI, LI_CELL) if meant in LI and meant not in LFP else (LFP, LFP_CELL)
    if meant in recipe:
        return recipe.replace(meant, typed, 1), cell
    if meant.startswith("electrolyte: PEO\narea"):
        return LI, LI_CELL.replace(meant, typed, 1)
    return recipe, cell.replace(meant, typed, 1)


def test_the_recipes_without_slips_are_sound() -> None:
    """What the slips spoil runs without a word."""
    assert answer(LFP, LFP_CELL) == ""
    assert answer(LI, LI_CELL) == ""


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_told_where_it_stands_and_with_what_to_write(name: str) -> None:
    """A technician reads the line and what was expected there."""
    meant, typed, words = SLIPS[name]
    recipe, cell = spoiled(meant, typed)
    assert (recipe, cell) not in ((LFP, LFP_CELL), (LI, LI_CELL))
    told = answer(recipe, cell)
    assert all(word in told for word in words), told


def test_there_are_more_than_sixty() -> None:
    """The list is as long as was asked for."""
    assert len(SLIPS) >= 60
