"""The pictures show what they were given: equal axes, minus the imaginary part upwards, and the same file each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from drivers.interfaces import EndReason, Spectrum
from orchestrator.analysis.circuit import fit_cell
from orchestrator.analysis.half_cycle_slices import HalfCycle
from orchestrator.analysis.impedance import Quantity
from orchestrator.analysis.kramers_kronig import Steadiness
from orchestrator.analysis.resistance_history import InterfaceRow
from orchestrator.report.spectra import Drawn, bode, nyquist, resistance_over_cycles, save
from tests.cell_cycler import lithium_cell
from tests.spectrum_maker import spectrum_of

HALVES = [HalfCycle(1 + n // 2, 1.6e-4, 3600.0, 250.0 + n, (), EndReason.TIME) for n in range(8)]


def row(cycle: int, ohm: float, interface_ohm: float | None, *, shorted: bool = False) -> InterfaceRow:
    """Give the row of a spectrum; None is an interface that is undetermined, or none where metal is."""
    interface = None if interface_ohm is None else Quantity(interface_ohm, 1.0, "ohm")
    electrolyte = Quantity(ohm, 0.1, "ohm")
    return InterfaceRow(cycle, electrolyte, interface, 1e-3, Steadiness.STEADY, shorted, "R0", "", "")


ROWS = [row(0, 49.0, 150.0), row(2, 48.5, 170.0), row(4, 3.4, None, shorted=True)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[matplotlib.figure.Figure]:
    """Collect the figures that are saved; saving goes on as before, so the files are real."""
    figures: list[matplotlib.figure.Figure] = []
    save: Callable[..., None] = matplotlib.figure.Figure.savefig

    def keep(figure: matplotlib.figure.Figure, *args: object, **kwargs: object) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return figures


def numbers(data: object) -> list[float]:
    """Give what a line was drawn from."""
    return [float(value) for value in np.asarray(data)]


def cold_and_warm() -> list[Drawn]:
    """Give two spectra of a cell with their fits, as if measured after 0 and 20 cycles."""
    spectra = [(0, spectrum_of(lithium_cell("coated-li-li").impedance_ohm)), (20, spectrum_of(_warm))]
    return [Drawn(cycle, spectrum, fit_cell(spectrum)) for cycle, spectrum in spectra]


def _warm(hertz: float) -> complex:
    return lithium_cell("coated-li-li", temperature_degc=70.0).impedance_ohm(hertz)


def test_nyquist_has_equal_axes_and_the_imaginary_part_upside_down(
    tmp_path: Path, drawn: list[matplotlib.figure.Figure]
) -> None:
    """An ohm is as long upwards as sideways, arcs stand upright, and a bar tells the cycles' colours."""
    spectra = cold_and_warm()
    save(nyquist(spectra, "title"), tmp_path / "n.png")
    (axes,) = drawn[0].axes
    (bar,) = axes.child_axes
    assert axes.get_aspect() == 1.0
    points, fit = axes.lines[0], axes.lines[1]
    assert numbers(points.get_ydata()) == [-z.imag for z in spectra[0].spectrum.impedance_ohm]
    assert points.get_color() == fit.get_color() != axes.lines[2].get_color()
    assert {"1 MHz", "100 Hz", "10 mHz"} <= {text.get_text() for text in axes.texts}
    assert bar.get_ylabel() == "cycle number"


def _arc(ohm: float) -> Spectrum:
    """Give the spectrum of one arc that begins close to the axis."""

    def impedance_ohm(hertz: float) -> complex:
        return 20 + ohm / (1 + 6e-4j * hertz)

    return spectrum_of(impedance_ohm)


def test_words_of_nyquist_stay_inside_and_the_bar_is_as_high_as_the_axes(
    tmp_path: Path, drawn: list[matplotlib.figure.Figure]
) -> None:
    """A mark's words lay across the axis, and the bar of colours was as high as the figure."""
    save(nyquist([Drawn(1, _arc(400.0)), Drawn(2, _arc(600.0))], "title"), tmp_path / "n.png")
    (axes,) = drawn[0].axes
    (bar,) = axes.child_axes
    frame, beside = axes.get_window_extent(), bar.get_window_extent()
    for text in axes.texts:
        words = text.get_window_extent()
        assert frame.x0 < words.x0
        assert words.x1 < frame.x1
        assert frame.y0 < words.y0
    assert (beside.y0, beside.y1) == pytest.approx((frame.y0, frame.y1))


def test_words_of_nyquist_do_not_lie_over_each_other(tmp_path: Path, drawn: list[matplotlib.figure.Figure]) -> None:
    """The last frequency of a diffusion tail was written over the one on the arc before it."""
    spectrum = spectrum_of(lithium_cell("coated-li-li").impedance_ohm)
    save(nyquist([Drawn(0, spectrum)], "title"), tmp_path / "n.png")
    boxes = [text.get_window_extent() for text in drawn[0].axes[0].texts]
    assert len(boxes) >= 4
    assert not [1 for one, other in combinations(boxes, 2) if one.overlaps(other)]


def test_bode_has_modulus_above_phase_over_the_logarithm_of_frequency(
    tmp_path: Path, drawn: list[matplotlib.figure.Figure]
) -> None:
    """Both halves share one logarithmic axis; capacitive phase points up."""
    spectra = cold_and_warm()
    save(bode(spectra, "title"), tmp_path / "b.png")
    upper, lower = drawn[0].axes[:2]
    assert (upper.get_xscale(), upper.get_yscale(), lower.get_yscale()) == ("log", "log", "linear")
    assert numbers(upper.lines[0].get_ydata()) == pytest.approx([abs(z) for z in spectra[0].spectrum.impedance_ohm])
    assert max(numbers(lower.lines[0].get_ydata())) > 10.0
    labels = [text.get_text() for text in upper.get_yticklabels()]
    assert {"100", "200"} <= set(labels)
    assert not any(text.get_text() for text in upper.get_yticklabels(minor=True))


def test_resistances_stand_at_their_cycles_and_a_short_is_a_cross(
    tmp_path: Path, drawn: list[matplotlib.figure.Figure]
) -> None:
    """First halves stand half a cycle before second ones, and a spectrum without an arc invents no resistance."""
    save(resistance_over_cycles(ROWS, HALVES, "title"), tmp_path / "r.png")
    assert all(float(tick).is_integer() for tick in drawn[0].axes[0].get_xticks())
    lines = {line.get_label(): line for line in drawn[0].axes[0].lines}
    assert numbers(lines["half-cycle, mean |V| / |I|"].get_xdata())[:4] == [0.5, 1.0, 1.5, 2.0]
    assert numbers(lines["no arc: shorted"].get_xdata()) == [4]
    interface = next(c for c in drawn[0].axes[0].containers if c.get_label() == "interface, by EIS")
    assert isinstance(interface, ErrorbarContainer)
    assert numbers(interface.lines[0].get_ydata()) == [150.0, 170.0]


def test_spectra_of_one_cycle_are_told_apart(tmp_path: Path, drawn: list[matplotlib.figure.Figure]) -> None:
    """Two spectra of a cycle have colours by their order, and their resistances stand beside each other."""
    save(nyquist([Drawn(3, one.spectrum, one.fit) for one in cold_and_warm()], "title"), tmp_path / "n.png")
    (axes,) = drawn[0].axes
    (bar,) = axes.child_axes
    assert axes.lines[0].get_color() != axes.lines[2].get_color()
    assert bar.get_ylabel() == "spectrum, in the order measured"
    save(resistance_over_cycles([row(3, 49.0, 150.0), row(3, 48.0, None)], (), "title"), tmp_path / "r.png")
    series = next(c for c in drawn[1].axes[0].containers if c.get_label() == "electrolyte and contacts, by EIS")
    assert isinstance(series, ErrorbarContainer)
    assert numbers(series.lines[0].get_xdata()) == [3.0, 3.25]


@pytest.mark.parametrize("points", [(), (complex(12.0, -3.0),), (complex(-5.0, 2.0), complex(math.nan, 0.0))])
def test_any_number_of_points_makes_a_picture_or_a_sentence(points: tuple[complex, ...], tmp_path: Path) -> None:
    """One point, also left of the axis, is drawn; of none the pictures say so, and that of resistances is empty."""
    spectrum = Spectrum(tuple(1e3 / (n + 1) for n in range(len(points))), points, 0.0)
    save(resistance_over_cycles([replace(row(0, 1.0, None), electrolyte=None)], (), "title"), tmp_path / "r.png")
    for draw in (nyquist, bode):
        if points:
            save(draw([Drawn(0, spectrum)], "title"), tmp_path / "one.png")
        else:
            with pytest.raises(ValueError, match="no spectrum to draw"):
                draw([Drawn(0, spectrum)], "title")


def test_the_same_data_give_the_same_file(tmp_path: Path) -> None:
    """Nothing of the day or the version gets into a picture."""
    for name in ("a.png", "b.png"):
        save(nyquist(cold_and_warm(), "title"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [nyquist, bode])
def test_a_shorted_cell_and_a_single_spectrum_can_be_drawn(
    draw: Callable[..., matplotlib.figure.Figure], tmp_path: Path
) -> None:
    """One dot on the axis is a picture too; no spectrum at all is not."""
    metal = spectrum_of(lambda hertz: 3.4 + 0.0j, lead_h=5e-7)
    save(draw([Drawn(7, metal, fit_cell(metal))], "title"), tmp_path / "metal.png")
    assert (tmp_path / "metal.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="no spectrum to draw"):
        draw([], "title")
