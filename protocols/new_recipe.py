"""Writes the text of a recipe from five answers: kind of cell, test, current, cutoffs, cycles.

>>> print(new_recipe("mine", answered(CellKind.LFP, "gitt", current="C/20")).splitlines()[-1])
  - {step: gitt, direction: discharge, current: $current, time: 30 min, rest: 2 h, voltage: 2.8 V, times: $cycles}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from protocols.cell import DEFAULTS, CellKind
from protocols.quantities import Dimension, Quantity, QuantityError, parse_quantity
from protocols.recipe_patterns import PATTERNS, Pattern
from protocols.value_lists import members

_CURRENTS = (Dimension.CURRENT, Dimension.AREAL_CURRENT, Dimension.SPECIFIC_CURRENT, Dimension.RATE)
_DECIMAL_COMMA = re.compile(r"[0-9],[0-9]")
CYCLES_MAX = 1000
"""What a block takes at most of passes."""
# Of a kind without limits of its own: how far the layers lie outside of the cutoffs, in volts (docs/recipes.md).
_LAYERS = MappingProxyType({"host": Decimal("0.1"), "tester": Decimal("0.2"), "absolute": Decimal("0.3")})
# Fresh copper rests at about 3 V, and dissolves at 3.5 V: what a strip to 1 V needs is not all that the cell shows.
_LI_CU_LIMITS = """\
limits:                           # room for fresh copper, which rests at about 3 V; it dissolves at 3.5 V
  host: {low: -0.5 V, high: 3.3 V}
  tester: {low: -0.6 V, high: 3.4 V}
  absolute: {low: -1.0 V, high: 3.5 V}
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to the five questions, each read and found sound."""

    kind: CellKind
    test: str
    current: str
    low: Quantity
    high: Quantity
    cycles: int


def answered(kind: CellKind, test: str, current: str = "", cutoffs: str = "", cycles: str = "") -> Answers:
    """Read the answers; an empty one is the sensible one. Raises QuantityError for a value that is none of its kind."""
    pattern = PATTERNS[kind][test]
    low, high = read_cutoffs(cutoffs or pattern.cutoffs)
    if cycles and not pattern.counts:
        raise QuantityError(f"{cycles} cycles", f"none: {test} is run once")
    times = read_cycles(cycles or str(pattern.cycles))
    return Answers(kind, test, read_current(current or pattern.current, pattern), low, high, times)


def read_current(text: str, pattern: Pattern) -> str:
    """Read a current, or several where the test takes a list (``C/10, C/5``) or a range. Raises QuantityError."""
    text = text.strip()
    if not text.startswith("[") and _DECIMAL_COMMA.search(text):
        parse_quantity(text, *_CURRENTS)  # tells what to write in its place
    listed = f"[{text}]" if "," in text and not text.startswith("[") else text
    try:
        parts = members(listed)
    except ValueError as err:
        raise QuantityError(f"{text!a}", "a list such as C/10, C/5, or 'from 0.1 to 1 in steps of 0.1 mA/cm2'") from err
    if len(parts) > 1 and not pattern.several:
        raise QuantityError(f"{len(parts)} currents", "one current or rate for this test")
    found = tuple(parse_quantity(part, *_CURRENTS) for part in parts)
    if any(one.exact <= 0 for one in found):
        raise QuantityError(f"{text!a}", "a current above zero: the steps say charge or discharge")
    return listed


def read_cutoffs(text: str) -> tuple[Quantity, Quantity]:
    """Read the lower and the upper cutoff out of one text, ``2.8 V, 4.0 V``. Raises QuantityError."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2:
        raise QuantityError(f"{text!a}", "the lower and the upper cutoff, such as 2.8 V, 4.0 V")
    low, high = (parse_quantity(part, Dimension.VOLTAGE) for part in parts)
    if low.exact >= high.exact:
        raise QuantityError(f"{text!a}", "the lower cutoff first")
    return low, high


def read_cycles(text: str) -> int:
    """Read how often. Raises QuantityError."""
    if not text.strip().isascii() or not text.strip().isdigit() or not 1 <= int(text) <= CYCLES_MAX:
        raise QuantityError(f"{text[:40]!a}", f"a whole number from 1 to {CYCLES_MAX}")
    return int(text)


def new_recipe(name: str, answers: Answers) -> str:
    """Write the text of a recipe, with comments. Whoever reads it (``parse_recipe``) says whether all of it fits."""
    pattern, kind = PATTERNS[answers.kind][answers.test], answers.kind
    steps = pattern.steps.replace("LOW", str(answers.low)).replace("HIGH", str(answers.high))
    cycles = f"  cycles: {answers.cycles:<22}# {pattern.counts}\n" if pattern.counts else ""
    return (
        f"# {kind.value}: {pattern.title}.\n#\n"
        f"# {pattern.note[0].upper()}{pattern.note[1:]}.\n"
        "# Each value may be changed here, and those of 'parameters' when it is used: --set cycles=5.\n"
        "# What the words mean: docs/recipes.md and docs/recipe-language.md.\n"
        f"name: {name}\n"
        f"title: {kind.value}, {pattern.title}, {answers.low} to {answers.high}\n"
        f"for: [{kind.value}]\n"
        "record: {every: 30 s, on_voltage_change: 5 mV}\n"
        f"{_limits(answers)}"
        "parameters:\n"
        f"  current: {answers.current}\n"
        f"{cycles}"
        f"steps:\n{steps}"
    )


def _limits(answers: Answers) -> str:
    """Give the limits where the kind has none of its own that hold the cutoffs."""
    if answers.kind is CellKind.LI_CU:
        return _LI_CU_LIMITS
    low, high, host = answers.low.exact, answers.high.exact, DEFAULTS[answers.kind].host
    if host is not None and host[0] < low and high < host[1]:
        return ""
    layers = (f"  {name}: {{low: {low - far} V, high: {high + far} V}}\n" for name, far in _LAYERS.items())
    return (
        "limits:                           # where the host stops the run, where the tester does, what the cell bears\n"
        + "".join(layers)
    )
