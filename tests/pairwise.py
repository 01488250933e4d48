"""Samples of all combinations of some choices in which each pair of two choices occurs at least once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from random import Random
from typing import Any

_TRIES = 30


def pairwise_of(choices: Mapping[str, Sequence[Any]], seed: int = 1) -> list[dict[str, Any]]:
    """Return few combinations that hold every pair of values of two choices, by choosing the best of random ones."""
    random = Random(seed)
    names = list(choices)
    missing = {
        (one, first, other, second)
        for one, other in combinations(names, 2)
        for first in range(len(choices[one]))
        for second in range(len(choices[other]))
    }
    found = []
    while missing:
        drawn = [_drawn(choices, random, random.choice(sorted(missing))) for _ in range(_TRIES)]
        best = max(drawn, key=lambda row: len(_pairs(names, row) & missing))
        missing -= _pairs(names, best)
        found.append({name: choices[name][best[name]] for name in names})
    return found


def _drawn(choices: Mapping[str, Sequence[Any]], random: Random, pair: tuple[str, int, str, int]) -> dict[str, int]:
    row = {name: random.randrange(len(values)) for name, values in choices.items()}
    one, first, other, second = pair
    return row | {one: first, other: second}


def _pairs(names: Sequence[str], row: Mapping[str, int]) -> set[tuple[str, int, str, int]]:
    return {(one, row[one], other, row[other]) for one, other in combinations(names, 2)}
