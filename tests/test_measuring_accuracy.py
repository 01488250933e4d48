"""Through macro, process, file and parser: the spectrum that the driver gives is the simulated cell's impedance."""

import copy

import pytest

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit import fit_cell
from orchestrator.analysis.conductivity import conductivity
from orchestrator.clock.virtual import run_virtual
from protocols.techniques import Impedance
from simulators.cells import load_cell, shipped_names
from tests.cell_cycler import DISC_CM2
from tests.rig import CHANNEL
from tests.spectrum_maker import GRID_HZ
from tests.station_rig import open_station_rig

CONTACT_OHM, THICKNESS_UM, SIEMENS_PER_CM = 1.5, 90.0, 2.4e-4


def measured(model: str, overrides: dict[str, float] | None = None) -> tuple[Spectrum, dict[float, complex]]:
    """Measure a fresh cell from 1 MHz to 10 mHz; give the spectrum, and the model's own impedance half way through."""

    async def main() -> tuple[Spectrum, dict[float, complex]]:
        async with open_station_rig() as rig:
            cell = load_cell(model, seed=1, overrides=overrides)
            rig.bench.tester.swap_cell(CHANNEL, cell)
            rig.bench.clip(CHANNEL)
            twin = copy.deepcopy(cell)
            twin.advance(300.0, 0.0)
            result = (await rig.station.potentiostat.measure(Impedance(1e6, 0.01), "j1")).result
            assert isinstance(result, Spectrum)
            return result, {hertz: twin.impedance_ohm(hertz) for hertz in result.frequency_hz}

    return run_virtual(main())


@pytest.mark.parametrize("model", shipped_names())
def test_spectrum_is_the_models_impedance(model: str) -> None:
    """Within 1 % at every frequency, on the very grid of the reference (84 points to 0.1 Hz, 96 to 10 mHz)."""
    spectrum, true = measured(model)
    assert len(spectrum.frequency_hz) == 96
    assert sum(1 for hertz in spectrum.frequency_hz if hertz >= 0.1) == 84
    below_100 = [hertz for hertz in spectrum.frequency_hz if hertz < 90]
    assert below_100 == [hertz for hertz in GRID_HZ if hertz < 90]
    assert spectrum.frequency_hz[0] == 825200.0
    for hertz, seen in zip(spectrum.frequency_hz, spectrum.impedance_ohm, strict=True):
        assert abs(seen - true[hertz]) <= 0.01 * abs(true[hertz]), hertz


@pytest.mark.parametrize("model", ["bare-li-li", "coated-li-li"])
def test_conductivity_is_the_models(model: str) -> None:
    """Within 3 %, from the measured spectrum alone and the resistance of the contacts."""
    spectrum, _ = measured(model, {"spread_fraction": 0.0})
    found = conductivity(fit_cell(spectrum), THICKNESS_UM, DISC_CM2, CONTACT_OHM)
    assert found.value.value == pytest.approx(SIEMENS_PER_CM, rel=0.03)
