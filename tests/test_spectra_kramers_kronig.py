"""The Kramers-Kronig check lets pass what one state of a cell gives, and nothing that changed meanwhile."""

from __future__ import annotations

import math

import pytest

from drivers.interfaces import Spectrum
from orchestrator.analysis.kramers_kronig import Steadiness, kramers_kronig
from simulators.cells import CellModel
from tests.cell_cycler import half_cycle, lithium_cell, phosphate_cell
from tests.spectrum_maker import GRID_HZ, spectrum_of

REST_C = {"longest_s": 3600.0, "low_v": -0.5, "high_v": 0.5}
# One period at each frequency takes this share of the whole sweep to come by.
_PERIODS = [1.0 / hertz for hertz in GRID_HZ]


def _cells() -> dict[str, CellModel]:
    cycled = lithium_cell("bare-li-li", seed=3)
    for current_a in (1.6e-4, -1.6e-4) * 5:
        half_cycle(cycled, current_a, **REST_C)
    charged = phosphate_cell("bare-lfp")
    charged.advance(1800.0, 1e-4)
    return {
        "fresh": lithium_cell("bare-li-li"),
        "coated": lithium_cell("coated-li-li"),
        "cycled": cycled,
        "cold": lithium_cell("bare-li-li", temperature_degc=40.0),
        "lfp": charged,
    }


@pytest.mark.parametrize("name", ["fresh", "coated", "cycled", "cold", "lfp"])
def test_model_spectra_pass_with_nothing_but_rounding_left(name: str) -> None:
    """A cell in one state obeys the relations within what four figures lose."""
    check = kramers_kronig(spectrum_of(_cells()[name].impedance_ohm))
    assert check.passes, check.sentence
    assert check.systematic < 5e-4


@pytest.mark.parametrize("lead_h", [0.0, 5e-7, 3e-6])
@pytest.mark.parametrize("noise", [0.001, 0.003, 0.01])
def test_noise_and_lead_inductance_are_no_drift(noise: float, lead_h: float) -> None:
    """Scatter of single points up to 1 % and a positive imaginary part at the top pass for each of ten draws."""
    cell = lithium_cell("coated-li-li")
    for seed in range(10):
        check = kramers_kronig(spectrum_of(cell.impedance_ohm, noise=noise, seed=seed, lead_h=lead_h))
        assert check.passes, check.sentence
        assert check.noise == pytest.approx(noise, rel=0.5)


@pytest.mark.parametrize("name", ["bare-li-li", "coated-li-li"])
@pytest.mark.parametrize("kelvin", [-2.0, -5.0, 5.0])
def test_a_cell_that_changes_temperature_meanwhile_is_found_out(name: str, kelvin: float) -> None:
    """Two kelvin over the sweep, a tenth of the resistance, are enough; the sentence names where it shows."""
    cell = lithium_cell(name)
    total, passed = sum(_PERIODS), [0.0]

    def drifting(hertz: float) -> complex:
        passed[0] += 1.0 / hertz
        cell.temperature_degc = 60.0 + kelvin * passed[0] / total
        return cell.impedance_ohm(hertz)

    check = kramers_kronig(spectrum_of(drifting, noise=0.003))
    assert not check.passes
    assert "the cell changed" in check.sentence


@pytest.mark.parametrize("ohm", [200.0, 1e3, 5e4])
@pytest.mark.parametrize(("admittance", "exponent"), [(1e-6, 0.95), (1e-5, 0.88), (1e-6, 0.88), (1e-4, 1.0)])
def test_exact_arcs_pass(ohm: float, admittance: float, exponent: float) -> None:
    """Electrolyte and one arc, without noise or rounding, obey the relations: there is no number to choose for that."""
    impedance = tuple(50.0 + ohm / (1.0 + ohm * admittance * (2j * math.pi * hertz) ** exponent) for hertz in GRID_HZ)
    check = kramers_kronig(Spectrum(GRID_HZ, impedance, 0.0))
    assert check.passes, check.sentence


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_few_points_cannot_contradict_each_other(count: int) -> None:
    """Of up to four points it is not known whether the cell was steady: neither passed nor failed."""
    check = kramers_kronig(Spectrum(GRID_HZ[:count], (50.0 - 2.0j,) * count, 0.0))
    assert check.verdict is Steadiness.UNKNOWN
    assert f"{count} point" in check.sentence
    assert len(check.residual_real) == count


def test_points_that_would_not_show_a_change_are_not_called_steady() -> None:
    """Six points with a scatter of 10 % say nothing, and the sentence tells by how much they are too few."""
    spectrum = spectrum_of(lithium_cell("bare-li-li").impedance_ohm, noise=0.1, grid_hz=GRID_HZ[::16])
    check = kramers_kronig(spectrum)
    assert check.verdict is Steadiness.UNKNOWN
    assert "would not show" in check.sentence


def test_a_piece_of_metal_obeys_too() -> None:
    """A flat spectrum is linear and steady; that it is a short is not for this check to say."""
    assert kramers_kronig(spectrum_of(lambda hertz: 3.4 + 0.0j, noise=0.003)).passes


def test_residuals_belong_to_the_frequencies_high_to_low() -> None:
    """A single spoiled point stands out where it is, and as one point does not fail the spectrum."""
    spectrum = spectrum_of(lithium_cell("bare-li-li").impedance_ohm)
    points = list(spectrum.impedance_ohm)
    points[40] *= 1.05
    check = kramers_kronig(type(spectrum)(spectrum.frequency_hz, tuple(points), 0.0))
    sizes = [abs(r) for r in check.residual_real]
    assert sizes.index(max(sizes)) == 40
    assert check.frequency_hz == spectrum.frequency_hz
    assert check.residual_real[40] == pytest.approx(0.05, abs=0.015)
    assert check.passes, check.sentence
    assert check.spoiled_hz == (spectrum.frequency_hz[40],)
