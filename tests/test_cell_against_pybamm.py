"""The LFP model's curves beside PyBaMM's Prada2013 set, from a file that ``benchmarks/pybamm_reference.py`` made.

The two describe different electrodes at different temperatures, so levels are allowed an offset and only the shape is
held. The bounds say how far apart the two are, not how well either is known: docs/cell-models.md has the numbers.
"""

from __future__ import annotations

import csv
import functools
import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulators.cells.lfp import IronPhosphateCell
from tests.cell_cycler import STEP_S, half_cycle, phosphate_cell

REFERENCE = Path(__file__).parent / "golden" / "lfp-prada2013.csv"
HEADER = ["curve", "lithium_fraction [1]", "voltage [V]"]
CAPACITY_C = 1.1e-3 * 162.7e-3 * 3600.0
ONE_C_A = CAPACITY_C / 3600.0
BUILT_FRACTION = 1.0 - 0.015
REST_S = 7200.0
LIMITS = {"longest_s": 7200.0, "low_v": 2.8, "high_v": 4.0}
LEAVING_V = 0.050
POLARISED = ("discharge-1c", "charge-1c")


@dataclass(frozen=True, slots=True)
class Curve:
    """Voltage over the lithium fraction of the positive electrode, from charged (0) to discharged (1)."""

    points: tuple[tuple[float, float], ...]

    def at(self, fraction: float) -> float:
        """Give the voltage between two points."""
        for (left, left_v), (right, right_v) in itertools.pairwise(self.points):
            if left <= fraction <= right:
                return left_v + (right_v - left_v) * (fraction - left) / (right - left)
        raise ValueError(f"{fraction} lies outside {self.points[0][0]} to {self.points[-1][0]}")

    @property
    def level_v(self) -> float:
        """Give the height of the plateau: the voltage at half filling."""
        return self.at(0.5)

    @property
    def plateau_v(self) -> list[float]:
        """Give the voltages between 20 and 80 % filling, every hundredth."""
        return [self.at(percent / 100.0) for percent in range(20, 81)]

    @property
    def slope_v(self) -> float:
        """Give the least-squares slope between 20 and 80 % filling."""
        return statistics.linear_regression([percent / 100.0 for percent in range(20, 81)], self.plateau_v).slope

    @property
    def steep_ends(self) -> tuple[float, float]:
        """Give the last filling 50 mV above the plateau's level and the first 50 mV below it."""
        crossings = []
        for offset_v in (LEAVING_V, -LEAVING_V):
            bound_v = self.level_v + offset_v
            for (left, left_v), (right, right_v) in itertools.pairwise(self.points):
                if left_v >= bound_v > right_v:
                    crossings.append(left + (right - left) * (left_v - bound_v) / (left_v - right_v))
        above, below = crossings
        return above, below


def curve(points: Iterable[tuple[float, float]]) -> Curve:
    """Put points in the order of filling."""
    return Curve(tuple(sorted(points)))


@functools.cache
def reference(name: str) -> Curve:
    """Give one of the file's curves."""
    rows = list(csv.reader(REFERENCE.read_text("utf-8").splitlines()[1:]))
    assert rows[0] == HEADER
    return curve((float(fraction), float(voltage_v)) for found, fraction, voltage_v in rows[1:] if found == name)


def unworn_cell() -> IronPhosphateCell:
    """Give the nominal cell without side reaction; bare and coated differ in nothing else."""
    still = ("spread_fraction", "side_current_at_rest_a_per_cm2", "side_current_fraction")
    return phosphate_cell("coated-lfp", overrides=dict.fromkeys(still, 0.0))


def lithium_fraction(cell: IronPhosphateCell) -> float:
    """Give the mean filling with lithium, by the charge passed."""
    return BUILT_FRACTION - cell.charge_c / CAPACITY_C


def fill(cell: IronPhosphateCell, fraction: float) -> None:
    """Pass the charge that leads to a filling, at 1C."""
    missing = lithium_fraction(cell) - fraction
    cell.advance(abs(missing) * 3600.0, ONE_C_A if missing > 0.0 else -ONE_C_A)


def rested(fractions: Iterable[float], *, begin: float) -> Curve:
    """Give the voltage after a rest at each filling, on the branch that a run-up from beyond the end leads to."""
    cell, points = unworn_cell(), []
    fill(cell, begin)
    for fraction in fractions:
        fill(cell, fraction)
        cell.advance(REST_S, 0.0)
        points.append((fraction, cell.voltage_v(0.0)))
    return curve(points)


@functools.cache
def open_circuit() -> Curve:
    """Give the mean of the model's charge and discharge branches, every half percent."""
    fractions = [step / 200.0 for step in range(201)]
    charge, discharge = rested(reversed(fractions), begin=1.25), rested(fractions, begin=-0.25)
    branches = zip(charge.points, discharge.points, strict=True)
    return curve((fraction, 0.5 * (charged_v + discharged_v)) for (fraction, charged_v), (_, discharged_v) in branches)


@functools.cache
def polarised(name: str) -> Curve:
    """Give the model's first charge, or the discharge after it, at 1C between 2.8 and 4.0 V."""
    cell, way = unworn_cell(), 1.0
    if name == "discharge-1c":
        half_cycle(cell, ONE_C_A, **LIMITS)
        way = -1.0
    start = lithium_fraction(cell)
    half = half_cycle(cell, way * ONE_C_A, **LIMITS)
    passed_s = [min(STEP_S * count, half.duration_s) for count in range(len(half.voltages_v))]
    return curve((start - way * s / 3600.0, v) for s, v in zip(passed_s, half.voltages_v, strict=True))


def test_reference_says_where_it_comes_from() -> None:
    """The first line names PyBaMM with its version, and the parameter set."""
    first = REFERENCE.read_text("utf-8").splitlines()[0]
    assert first.startswith("# PyBaMM ")
    assert "parameter set Prada2013" in first


def test_open_circuit_only_falls_while_lithium_goes_in() -> None:
    """The model's open-circuit curve is strictly monotonic over the whole filling, as the reference's is."""
    for found in (open_circuit(), reference("open-circuit")):
        assert all(later < before for (_, before), (_, later) in itertools.pairwise(found.points))


def test_plateau_lies_within_40_mv_of_the_references() -> None:
    """The model's plateau stands at 3.430 V, 32 mV above the reference's; the level is no claim about shape."""
    assert abs(open_circuit().level_v - reference("open-circuit").level_v) < 0.040


def test_plateau_is_as_flat_as_the_references() -> None:
    """Between 20 and 80 % filling both fall by less than 16 mV (12.0 and 14.4), and by the same within 4 mV."""
    model, other = (
        max(found.plateau_v) - min(found.plateau_v) for found in (open_circuit(), reference("open-circuit"))
    )
    assert 0.0 < model < 0.016
    assert model == pytest.approx(other, abs=0.004)


def test_curves_lie_on_each_other_along_the_plateau() -> None:
    """With the levels laid on each other, the two differ by less than 4 mV from 10 to 80 % filling."""
    model, other = open_circuit(), reference("open-circuit")
    for percent in range(10, 81):
        gap_v = model.at(percent / 100.0) - model.level_v - (other.at(percent / 100.0) - other.level_v)
        assert abs(gap_v) < 0.004, f"{percent} %: {gap_v * 1e3:.1f} mV"


def test_charged_end_begins_within_three_and_a_half_percent_of_the_references() -> None:
    """The model is 50 mV above its plateau up to 4.5 % filling, the reference only up to 1.7 %."""
    assert open_circuit().steep_ends[0] == pytest.approx(reference("open-circuit").steep_ends[0], abs=0.035)


def test_discharged_end_begins_within_six_and_a_half_percent_of_the_references() -> None:
    """The model falls 50 mV below its plateau at 95.4 % filling, the reference already at 89.8 %."""
    assert open_circuit().steep_ends[1] == pytest.approx(reference("open-circuit").steep_ends[1], abs=0.065)


@pytest.mark.parametrize("name", POLARISED)
def test_plateau_at_1c_slopes_as_the_references(name: str) -> None:
    """Between 20 and 80 % filling both fall by some 21 mV per whole filling, the same within 3 mV."""
    assert polarised(name).slope_v == pytest.approx(reference(name).slope_v, abs=0.003)
    assert -0.025 < polarised(name).slope_v < -0.018


@pytest.mark.parametrize("name", POLARISED)
def test_steep_ends_at_1c_begin_within_seven_percent_of_the_references(name: str) -> None:
    """Diffusion moves them, in both, by a few percent of filling: at worst the two are 6.2 % apart."""
    assert polarised(name).steep_ends == pytest.approx(reference(name).steep_ends, abs=0.07)
