"""A commissioning finds every open point, whichever way all of them are at once, and passes no more than it says."""

from __future__ import annotations

import pytest

from benchmarks.commissioning import KINDS
from benchmarks.commissioning.draws import Flips, each_value, pairwise
from benchmarks.commissioning.resistor import MOST_A
from benchmarks.commissioning.testers import missed as missed_of_tester

# Each value once is 3 combinations of a CHI660E without its five highest frequencies, and each process takes 0.1 s.
_SLOW = {
    name: {switch: values[:3] for switch, values in KINDS[name].switches.items()} for name in ("CHI660E", "switch")
}


@pytest.mark.parametrize("flips", pairwise(KINDS["CT-4008"].switches), ids=lambda flips: "")
async def test_every_pair_of_open_points_of_a_tester_is_found(flips: Flips) -> None:
    """In a set with every pair of values all points are found, written right, and nothing is left on."""
    wrong, most_a = await missed_of_tester(flips)
    assert wrong == []
    assert 0.99 * MOST_A < most_a <= MOST_A


@pytest.mark.parametrize(
    ("kind", "flips"), [(kind, flips) for kind, few in _SLOW.items() for flips in each_value(few)], ids=lambda _: ""
)
async def test_each_open_point_of_the_others_is_found(kind: str, flips: Flips) -> None:
    """Each value of each switch of a CHI660E and of a relay switch is found, written right, and nothing is left on."""
    wrong, most_a = await KINDS[kind].missed(flips)
    assert wrong == []
    assert most_a <= MOST_A


def test_cover_has_every_pair_and_few_combinations() -> None:
    """The set is a cover: each two values of each two switches occur together, in far fewer than all combinations."""
    switches = {"a": (1, 2, 3), "b": (True, False), "c": "xyz"}
    cover = pairwise(switches)
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        pairs = {(flips[one], flips[other]) for flips in cover}
        assert pairs == {(x, y) for x in switches[one] for y in switches[other]}
    assert len(cover) <= 12
