"""The circuit fit finds what went into a spectrum: of the simulated cells, and of circuits made up of elements."""

from __future__ import annotations

import math

import pytest

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit import fit_cell, fit_circuit
from orchestrator.analysis.circuit_elements import read_circuit
from orchestrator.analysis.conductivity import conductivity
from orchestrator.analysis.kramers_kronig import Steadiness, kramers_kronig
from orchestrator.analysis.resistance_history import interface_over_cycles
from protocols.cell import CellKind
from simulators.cells.lili import LithiumSymmetricCell
from tests.cell_cycler import DISC_CM2, lithium_cell, phosphate_cell, symmetric_half_cycles
from tests.spectrum_maker import GRID_HZ, spectrum_of

SAME = {"spread_fraction": 0.0}
CONTACT_OHM = 1.5
THERMAL_V = 8.314462618 * 333.15 / 96485.33212


def fresh_interface_ohm(cell_name: str) -> float:
    """Give what the parameter file says of a fresh cell at 60 degC: two films, and charge transfer on nuclei."""
    nucleus = {"bare-li-li": 0.15, "coated-li-li": 0.5}[cell_name]
    return (2.0 * 15.0 + THERMAL_V / 1e-3 * (1.0 + 1.0 / nucleus)) / DISC_CM2


def shorted_cell() -> LithiumSymmetricCell:
    """Cycle a bare cell until metal joins its electrodes."""
    cell = lithium_cell("bare-li-li", overrides={"tip_growth_um_per_s_at_1_ma_per_cm2": 6.5e-3})
    halves = symmetric_half_cycles(cell, 4e-4)
    while cell.shunt_ohm != 2.0:
        next(halves)
    return cell


@pytest.mark.parametrize("name", ["bare-li-li", "coated-li-li"])
@pytest.mark.parametrize(("noise", "lead_h"), [(0.0, 0.0), (0.003, 5e-7), (0.01, 0.0), (0.003, 3e-6)])
def test_simulated_cell_gives_back_its_resistances(name: str, noise: float, lead_h: float) -> None:
    """Electrolyte and interface come out within 1 % of the parameter file, with noise and long leads too."""
    cell = lithium_cell(name, overrides=SAME)
    fit = fit_cell(spectrum_of(cell.impedance_ohm, noise=noise, lead_h=lead_h))
    assert fit.electrolyte is not None
    assert fit.electrolyte.value == pytest.approx(CONTACT_OHM + 90e-4 / 2.4e-4 / DISC_CM2, rel=0.01)
    assert fit.interface is not None
    assert fit.interface.value == pytest.approx(fresh_interface_ohm(name), rel=0.01)
    assert fit.relative_residual < 2.0 * noise + 5e-4
    assert fit.remark == ""


@pytest.mark.parametrize("seed", range(6))
def test_errors_are_as_large_as_the_scatter_of_the_answers(seed: int) -> None:
    """With noise the true interface resistance lies within four of the fit's own standard errors."""
    cell = lithium_cell("coated-li-li", overrides=SAME)
    fit = fit_cell(spectrum_of(cell.impedance_ohm, noise=0.005, seed=seed))
    assert fit.interface is not None
    assert 1e-4 < fit.interface.error / fit.interface.value < 0.01
    assert abs(fit.interface.value - fresh_interface_ohm("coated-li-li")) < 4.0 * fit.interface.error


MADE_UP = {
    "R0-p(R1,C1)": (20.0, 100.0, 1e-6),
    "R0-p(R1,CPE1)": (5.0, 40.0, 2e-5, 0.8),
    "R0-p(R1,CPE1)-W1": (12.0, 300.0, 3e-6, 0.9, 15.0),
    "R0-p(R1,CPE1)-p(R2,CPE2)-W1": (50.0, 80.0, 1.5e-6, 0.9, 200.0, 4e-5, 0.85, 8.0),
    "L0-R0-p(R1,CPE1)-p(R2,CPE2)-W1": (8e-7, 3.0, 6.0, 3e-4, 0.85, 20.0, 8e-2, 0.8, 1.0),
    "R0-p(R1,CPE1)-p(R2,CPE2)-Ws1": (30.0, 60.0, 1e-6, 0.92, 90.0, 6e-5, 0.8, 80.0, 20.0),
    "R0-p(R1,CPE1)-Wo1": (30.0, 60.0, 1e-5, 0.9, 40.0, 10.0),
    "R0-p(R1,CPE1)-p(R2,CPE2)-p(R3,CPE3)-W1": (10.0, 30.0, 2e-7, 0.95, 80.0, 5e-6, 0.95, 50.0, 2e-3, 0.9, 5.0),
}


def film(hertz: float) -> complex:
    """Give an arc, and diffusion through a film."""
    import numpy as np

    read = read_circuit("R0-p(R1,CPE1)-Ws1")
    return complex(read.impedance(np.array([hertz]), np.array([30.0, 60.0, 1e-5, 0.9, 80.0, 2.0]))[0])


@pytest.mark.parametrize("noise", [0.0, 0.003])
@pytest.mark.parametrize("circuit", sorted(MADE_UP))
def test_parameters_of_made_up_circuits_are_recovered(circuit: str, noise: float) -> None:
    """Every element comes back within 5 %, from starting values that the fit finds by itself."""
    import numpy as np

    read = read_circuit(circuit)
    true = MADE_UP[circuit]
    points = read.impedance(np.array(GRID_HZ), np.array(true))
    table = dict(zip(GRID_HZ, points.tolist(), strict=True))
    fit = fit_circuit(spectrum_of(table.__getitem__, noise=noise), circuit)
    found = {name: quantity.value for name, quantity in fit.parameters.items()}
    assert found == pytest.approx(dict(zip(read.parameters, true, strict=True)), rel=0.05)
    assert [q.unit for q in fit.parameters.values()] == list(read.units)


def test_elements_mean_what_the_package_means() -> None:
    """Our arithmetic and the ``impedance`` package's own agree on every element."""
    import numpy as np
    from impedance.models.circuits import CustomCircuit  # type: ignore[import-untyped]  # impedance has no types

    frequency = np.array(GRID_HZ)
    for circuit, values in MADE_UP.items():
        model = CustomCircuit(circuit, initial_guess=list(values))
        with pytest.warns(UserWarning, match="Simulating circuit based on initial parameters"):
            theirs = model.predict(frequency, use_initial=True)
        ours = read_circuit(circuit).impedance(frequency, np.array(values))
        assert np.allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_shorted_cell_has_no_arc_and_the_fit_says_so(noise: float) -> None:
    """Metal leaves a few ohm and no phase: no interface resistance is made up, and there is no conductivity."""
    fit = fit_cell(spectrum_of(shorted_cell().impedance_ohm, noise=noise, lead_h=5e-7))
    assert fit.shorted
    assert fit.interface is None
    assert "the cell is shorted" in fit.remark
    assert fit.electrolyte is not None
    assert fit.electrolyte.value == pytest.approx(3.45, rel=0.02)
    with pytest.raises(ValueError, match="the cell is shorted"):
        conductivity(fit, 90.0, DISC_CM2)


@pytest.mark.parametrize("name", ["bare-li-li", "coated-li-li"])
@pytest.mark.parametrize(("um", "siemens_per_cm"), [(90.0, 2.4e-4), (60.0, 2.4e-4), (120.0, 1e-4), (90.0, 6e-4)])
def test_conductivity_is_the_models(name: str, um: float, siemens_per_cm: float) -> None:
    """Within 3 % for the paper's film and others, when the contact is known."""
    overrides = SAME | {"electrolyte_thickness_um": um, "conductivity_s_per_cm": siemens_per_cm}
    cell = lithium_cell(name, overrides=overrides)
    fit = fit_cell(spectrum_of(cell.impedance_ohm, noise=0.003, lead_h=1e-6))
    found = conductivity(fit, um, DISC_CM2, series_ohm=CONTACT_OHM)
    assert found.value.value == pytest.approx(siemens_per_cm, rel=0.03)
    assert abs(found.value.value - siemens_per_cm) < 5.0 * found.value.error
    assert "R0 of L0-R0" in found.method  # an inductance that is there is fitted


def test_contacts_left_in_make_the_conductivity_a_lower_bound() -> None:
    """Without a value for the contact the paper's cell shows 3 % less, and the method says that it is included."""
    fit = fit_cell(spectrum_of(lithium_cell("bare-li-li", overrides=SAME).impedance_ohm))
    found = conductivity(fit, 90.0, DISC_CM2)
    assert found.value.value == pytest.approx(2.4e-4 * 47.75 / 49.25, rel=0.002)
    assert "contacts and leads included" in found.method


@pytest.mark.parametrize(("um", "area_cm2", "series_ohm"), [(0.0, 1.0, 0.0), (90.0, math.nan, 0.0), (90.0, 1.0, 60.0)])
def test_impossible_sizes_give_no_conductivity(um: float, area_cm2: float, series_ohm: float) -> None:
    """Sizes must be positive numbers, and contacts smaller than the whole."""
    fit = fit_cell(spectrum_of(lithium_cell("coated-li-li").impedance_ohm))
    with pytest.raises(ValueError, match="no conductivity"):
        conductivity(fit, um, area_cm2, series_ohm)


def test_lfp_cell_half_charged_gives_a_full_account() -> None:
    """Against LFP three arcs are told apart: film, lithium and iron phosphate, with diffusion behind."""
    cell = phosphate_cell("coated-lfp", overrides=SAME)
    cell.advance(1800.0, 1e-4)
    fit = fit_cell(spectrum_of(cell.impedance_ohm), CellKind.LFP)
    assert fit.electrolyte is not None
    assert fit.electrolyte.value == pytest.approx(49.25, rel=0.01)
    assert fit.relative_residual < 1e-3
    assert fit.remark == ""


def test_lfp_cell_that_is_full_says_that_its_interface_is_hidden() -> None:
    """A blocking electrode hides its own arc: the number stands with a warning."""
    fit = fit_cell(spectrum_of(phosphate_cell("coated-lfp").impedance_ohm), CellKind.LFP)
    assert "holds only the arcs that close above" in fit.remark


def test_interface_table_follows_the_cycles_and_ends_with_the_short() -> None:
    """Rows come by cycle, whatever order they are given in; a shorted cell has no interface."""
    cell = lithium_cell("bare-li-li")
    halves = symmetric_half_cycles(cell, 2e-4)
    spectra = []
    for cycle in (0, 20):
        spectra.append((cycle, spectrum_of(cell.impedance_ohm)))
        for _ in range(40):
            next(halves)
    spectra.append((40, spectrum_of(shorted_cell().impedance_ohm)))
    rows = interface_over_cycles(reversed(spectra))
    assert [row.cycle for row in rows] == [0, 20, 40]
    assert rows[0].interface is not None
    assert rows[1].interface is not None
    assert rows[0].electrolyte is not None
    assert rows[1].electrolyte is not None
    assert rows[1].electrolyte.value < rows[0].electrolyte.value
    assert all(row.steady is Steadiness.STEADY for row in rows)
    assert rows[2].interface is None
    assert "shorted" in rows[2].remark


@pytest.mark.parametrize(
    "circuit", ["", "R0-", "R0-p(R1)", "R0-p(R1,W1)", "R0-p(R1,CPE1)-R0", "R0-p(R1-CPE1)", "X0", "p(R1,p(R2,C2))"]
)
def test_circuit_that_cannot_be_read_is_refused_with_what_was_expected(circuit: str) -> None:
    """Nothing is guessed from half a circuit."""
    with pytest.raises(ValueError, match="expected different elements"):
        read_circuit(circuit)


@pytest.mark.parametrize("kind", list(CellKind))
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 9])
def test_any_number_of_points_of_any_kind_of_cell_is_a_row(count: int, kind: CellKind) -> None:
    """From no point at all to nine there is a row: what is known is finite, the rest is absent, a sentence says why."""
    arc = spectrum_of(lambda hertz: 50.0 + 200.0 / (1.0 + 2e-3j * math.pi * hertz), noise=0.003)
    spread = [n * 96 // max(1, count - 1) for n in range(count)]
    grid_hz, points = [arc.frequency_hz[n] for n in spread], [arc.impedance_ohm[n] for n in spread]
    unreadable = (complex(math.nan, 0.0), 5.0 + 0.0j)
    spectrum = Spectrum((*grid_hz, 1.0, 0.0), (*points, *unreadable), 0.0)
    (row,) = interface_over_cycles([(3, spectrum)], kind)
    fit = fit_cell(spectrum, kind)
    for quantity in (row.electrolyte, row.interface, *fit.parameters.values()):
        assert quantity is None or (math.isfinite(quantity.error) and 0.0 < quantity.value < 1e6)
    assert row.remark if count < 9 else row.electrolyte is not None
    assert row.steady is (Steadiness.UNKNOWN if count < 5 else row.steady)
    assert row.reason


def test_what_the_data_do_not_determine_is_named_and_has_no_number() -> None:
    """A second arc that is not in the data, and an arc that lies beyond them, get no resistance of 1e19 ohm."""
    one_arc = spectrum_of(lambda hertz: 50.0 + 200.0 / (1.0 + 2e-3j * math.pi * hertz), noise=0.003)
    fit = fit_circuit(one_arc, "L0-R0-p(R1,CPE1)-p(R2,CPE2)-W1")
    assert "W1" in fit.undetermined
    assert all(q.value < 1e3 and q.error <= 0.5 * q.value for q in fit.parameters.values())
    below = spectrum_of(lambda hertz: 50.0 + 1e9 / (1.0 + 2e7j * math.pi * hertz), noise=0.003)
    fit = fit_circuit(below, "R0-p(R1,CPE1)")
    assert "R1" in fit.undetermined
    assert fit.interface is None
    assert fit.electrolyte is not None
    assert fit.electrolyte.value == pytest.approx(50.0, rel=0.02)


def test_small_arc_behind_much_electrolyte_is_no_short() -> None:
    """Of 800 ohm with an arc of 30 ohm, less than two degrees, both are told; metal has neither."""
    fit = fit_cell(spectrum_of(lambda hertz: 800.0 + 30.0 / (1.0 + 2e-3j * math.pi * hertz), noise=0.001))
    assert not fit.shorted
    assert fit.interface is not None
    assert fit.interface.value == pytest.approx(30.0, rel=0.05)


def test_circuits_of_equal_standing_widen_the_error() -> None:
    """Where diffusion through a film may also be an arc, the interface's error holds both; the reason names one."""
    spectrum = spectrum_of(film, noise=0.01, grid_hz=GRID_HZ[::4])
    fit = fit_cell(spectrum, CellKind.OTHER)
    alone = fit_circuit(spectrum, fit.circuit)
    assert "before" in fit.reason
    assert fit.interface is None or alone.interface is None or fit.interface.error > alone.interface.error


def test_more_parameters_than_points_can_hold_are_refused_with_the_number() -> None:
    """Asked for by its text, a circuit of six parameters needs more than three points."""
    spectrum = Spectrum(GRID_HZ[:3], (50.0 - 1.0j, 51.0 - 2.0j, 53.0 - 1.0j), 0.0)
    with pytest.raises(ValueError, match="3 points tell too little for the 6 parameters"):
        fit_circuit(spectrum, "R0-p(R1,CPE1)-Ws1")


def two_arcs(hertz: float) -> complex:
    """Give 50 ohm and two arcs of 280 ohm together."""
    jw = 2j * math.pi * hertz
    return 50.0 + 200.0 / (1.0 + 2e-4 * jw**0.9) + 80.0 / (1.0 + 0.08 * jw**0.8)


@pytest.mark.parametrize("spoiled", [{50: 1e12}, {30: 1.3, 60: 0.7, 70: 1.2}])
def test_points_that_the_check_leaves_out_are_left_out_of_the_fit(spoiled: dict[int, float]) -> None:
    """One overload in 97 points made 196 +- 29 ohm of 280 ohm."""
    clean = spectrum_of(two_arcs, noise=0.001)
    points = [ohm * spoiled.get(n, 1.0) for n, ohm in enumerate(clean.impedance_ohm)]
    spectrum = Spectrum(clean.frequency_hz, tuple(points), 0.0)
    check = kramers_kronig(spectrum)
    assert len(check.spoiled_hz) == len(spoiled)
    fit = fit_cell(spectrum, spoiled_hz=check.spoiled_hz)
    assert fit.interface is not None
    assert fit.interface.value == pytest.approx(280.0, abs=3.0 * fit.interface.error)
    assert fit.interface.error < 2.0
    assert fit.remark == ""


def test_one_frequency_measured_again_and_again_tells_no_circuit() -> None:
    """Six equal points at 1 kHz gave a series resistance of 40 +- 7 ohm."""
    fit = fit_cell(Spectrum((1000.0,) * 7, (50 - 10j,) * 7, 0.0))
    assert (fit.circuit, fit.electrolyte, fit.interface) == ("", None, None)
    assert "50.99 ohm and -11.3 deg at 1e+03 Hz" in fit.remark
    assert fit.remark.endswith("and 1 more")


def test_spectrum_with_the_wrong_sign_is_no_short() -> None:
    """A real part of -330 ohm is a lead that was swapped; it was told as metal."""
    spectrum = spectrum_of(lambda hertz: -two_arcs(hertz))
    assert not fit_cell(spectrum).shorted
