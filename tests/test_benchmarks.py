"""Benchmarks: each still runs, and two revisions are compared figure by figure."""

from __future__ import annotations

from math import isfinite

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.compare import Turn, matched, numbered
from benchmarks.figures import Size

# What a few cells or spectra cannot tell is not a number: there was no such case among them.
_OF_POPULATIONS = {"softshort", "shorts", "guards", "spectra"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.needs("mosquitto", "mosquitto_sub")] if name == "feed" else [])
        for name in BENCHMARKS
    ],
)
def test_benchmark_runs(name: str) -> None:
    """Each benchmark runs at its smallest size and gives figures that are numbers."""
    figures = BENCHMARKS[name](Size.SMOKE)
    assert figures
    assert name in _OF_POPULATIONS or all(isfinite(figure.value) for figure in figures)


def _figures(**values: float) -> Turn:
    return numbered(
        [{"benchmark": "path", "name": name, "value": value, "unit": "s"} for name, value in values.items()]
    )


def test_ratio_of_two_revisions_is_that_of_each_turn() -> None:
    """A figure's ratio is this checkout's value by the other's of the same turn, with its spread over them."""
    (time,) = matched([_figures(time=1.0), _figures(time=3.0)], [_figures(time=2.0)] * 2)
    assert time.ratios() == [0.5, 1.5]
    assert time.row() == ("path", "time", "2.00", "2.00", "s", "1.00", "0.50 to 1.50")


def test_figure_of_one_revision_has_no_ratio() -> None:
    """A figure that only one revision measures is listed without a ratio, and so is one whose other value is zero."""
    new, none = matched([_figures(new=1.0, dropped=5.0)], [_figures(dropped=0.0)])
    assert new.row() == ("path", "new", "1.00", "-", "s", "-", "")
    assert none.ratios() == []


def test_figures_of_one_name_are_told_apart_by_their_order() -> None:
    """Two figures of one name, each below another heading, are two figures: each is compared with its like."""
    row = {"benchmark": "shorts", "name": "  found", "unit": "%"}
    turn = numbered([row | {"value": 99.0}, row | {"value": 50.0}])
    assert [it.ratios() for it in matched([turn], [turn])] == [[1.0], [1.0]]
