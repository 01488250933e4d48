"""Combinations of the switches of a simulated instrument: drawn at random, or a set in which every pair occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import prod
from random import Random
from typing import Any

from orchestrator.commissioning.questions import Asked

Switches = Mapping[str, Sequence[Any]]
Flips = dict[str, Any]
_CANDIDATES = 40


def count_of(switches: Switches) -> int:
    """Return the number of all combinations."""
    return prod(len(values) for values in switches.values())


def drawn(switches: Switches, random: Random) -> Flips:
    """Draw every switch at once."""
    return {name: random.choice(values) for name, values in switches.items()}


def pairwise(switches: Switches) -> list[Flips]:
    """Return combinations in which each two values of each two switches occur together, found greedily."""
    random = Random(8)
    missing = {
        ((one, a), (other, b))
        for one, other in combinations(switches, 2)
        for a in switches[one]
        for b in switches[other]
    }
    cover: list[Flips] = []
    while missing:
        (one, a), (other, b) = min(missing, key=repr)
        tried = [drawn(switches, random) | {one: a, other: b} for _ in range(_CANDIDATES)]
        best = max(tried, key=lambda flips: len(missing & _pairs(flips)))
        missing -= _pairs(best)
        cover.append(best)
    return cover


def _pairs(flips: Flips) -> set[tuple[tuple[str, Any], tuple[str, Any]]]:
    return set(combinations(flips.items(), 2))


def each_value(switches: Switches) -> list[Flips]:
    """Return as few combinations as have each value of each switch once."""
    most = max(len(values) for values in switches.values())
    return [{name: values[n % len(values)] for name, values in switches.items()} for n in range(most)]


def misses(asked: Sequence[Asked], facts: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each fact that was not found, and each setting that would be written wrong.

    ``facts`` are those of the instrument; ``settings`` those that must be written, None for one that must not be.
    """
    found = {name: value for one in asked for name, value in one.found.facts.items()}
    written = {setting.name: setting.value for one in asked for setting in one.found.settings}
    wrong = [f"{name} is {found.get(name)}, not {value}" for name, value in facts.items() if found.get(name) != value]
    return wrong + [
        f"{name} would be {written.get(name)}, not {value}"
        for name, value in settings.items()
        if written.get(name) != value
    ]
