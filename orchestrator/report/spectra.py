"""Pictures of impedance: Nyquist and Bode plots, and resistances over the cycles.

Spectra come with the cycle after which they were measured; fits, where given, are drawn as lines through the points.
Matplotlib is imported when a picture is made; figures are drawn without pyplot, so that no state outlives them.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit import CircuitFit
from orchestrator.analysis.half_cycle_slices import HalfCycle
from orchestrator.analysis.resistance_history import InterfaceRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

_WIDTH_INCHES = 7.0
_DPI = 150
_COLOURS = "viridis"
# The palest end of the colours is hard to see on white.
_DARKEST_SHARE = 0.88
_INTERFACE, _TRACE = "#0072b2", "#d55e00"
Spectra = Sequence[tuple[int, Spectrum]]
Fits = Mapping[int, CircuitFit]


def nyquist(spectra: Spectra, path: Path, title: str, fits: Fits | None = None) -> None:
    """Draw -Z" over Z' (ohm) with equal axes, coloured by cycle; decades of frequency are marked on the widest."""
    scale = _scale(spectra)
    left, right, low, high = _window(spectra)
    # As high as equal axes need: the words around them take about 1.1 inches, the bar beside them as much.
    figure = _figure(min(6.5, max(3.0, 1.1 + 5.6 * (high - low) / (right - left))))
    axes = figure.add_subplot()
    for cycle, spectrum in spectra:
        colour = _colour(scale, cycle)
        reals, minus = [z.real for z in spectrum.impedance_ohm], [-z.imag for z in spectrum.impedance_ohm]
        axes.plot(reals, minus, "o", ms=3.5, mfc="none", mew=0.8, color=colour, label="_")
        if fits and cycle in fits:
            fitted = fits[cycle].fitted
            axes.plot([z.real for z in fitted], [-z.imag for z in fitted], "-", linewidth=1.1, color=colour)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    _mark_decades(axes, max((spectrum for _, spectrum in spectra), key=_width_ohm))
    axes.set_aspect("equal", adjustable="box")
    axes.axhline(0, color="0.5", linewidth=0.5, zorder=0)
    _words(axes, title, "Z' / $\\Omega$", '\N{MINUS SIGN}Z" / $\\Omega$')
    _legend(axes, "upper left", bool(fits))
    _colour_bar(figure, axes, scale, spectra)
    _save(figure, path)


def _width_ohm(spectrum: Spectrum) -> float:
    reals = [z.real for z in spectrum.impedance_ohm]
    return max(reals) - min(reals)


def _window(spectra: Spectra) -> tuple[float, float, float, float]:
    """Return left, right, low and high: all points, the origin, and room above the arcs for the legend."""
    points = [z for _, spectrum in spectra for z in spectrum.impedance_ohm]
    right = 1.06 * max(*(z.real for z in points), 1e-12)
    top, bottom = max(-z.imag for z in points), min(-z.imag for z in points)
    # Never flatter than a third: a spectrum without an arc is a dot on a line, and should look so.
    return 0.0, right, min(0.0, 1.1 * bottom) - 0.05 * right, max(1.3 * top, 0.28 * right)


def _mark_decades(axes: Axes, spectrum: Spectrum) -> None:
    """Write the frequency outside the arc at the points nearest to whole decades, as long as the marks do not meet."""
    from matplotlib.patheffects import withStroke

    pairs = list(zip(spectrum.frequency_hz, spectrum.impedance_ohm, strict=True))
    top_hz, top = max(pairs, key=lambda pair: -pair[1].imag)
    apart = 0.06 * axes.get_xlim()[1]
    taken: list[complex] = []
    for decade in range(math.floor(math.log10(pairs[0][0])), math.floor(math.log10(pairs[-1][0])) - 1, -1):
        hertz, point = min(pairs, key=lambda pair: abs(math.log10(pair[0]) - decade))
        place = complex(point.real, -point.imag)
        if abs(math.log10(hertz) - decade) > 0.1 or any(abs(place - other) < apart for other in taken):
            continue
        taken.append(place)
        if hertz > top_hz:
            offset, side = (-5, 2), "right"
        else:
            offset, side = ((5, 2), "left") if place.imag > -0.2 * top.imag else ((0, -11), "center")
        axes.plot([place.real], [place.imag], "o", ms=3.5, color="black", zorder=5)
        axes.annotate(
            _hertz(decade),
            (place.real, place.imag),
            offset,
            textcoords="offset points",
            fontsize=7,
            ha=side,
            zorder=6,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )


def _hertz(decade: int) -> str:
    for least, prefix in ((6, "M"), (3, "k"), (0, ""), (-3, "m")):
        if decade >= least:
            return f"{10 ** (decade - least)} {prefix}Hz"
    return f"1e{decade} Hz"


def bode(spectra: Spectra, path: Path, title: str, fits: Fits | None = None) -> None:
    """Draw the modulus (ohm) and minus the phase (degrees) over the frequency (Hz), coloured by cycle."""
    figure = _figure(5.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    scale = _scale(spectra)
    for cycle, spectrum in spectra:
        colour = _colour(scale, cycle)
        for axes, of in ((upper, abs), (lower, _minus_phase_deg)):
            values = [of(z) for z in spectrum.impedance_ohm]
            axes.plot(spectrum.frequency_hz, values, "o", ms=3.2, mfc="none", mew=0.8, color=colour, label="_")
            if fits and cycle in fits:
                fit = fits[cycle]
                axes.plot(fit.frequency_hz, [of(z) for z in fit.fitted], "-", linewidth=1.1, color=colour)
    upper.set_xscale("log")
    upper.set_yscale("log")
    lower.axhline(0, color="0.5", linewidth=0.5, zorder=0)
    _words(upper, title, "", "|Z| / $\\Omega$")
    _words(lower, "", "frequency / Hz", "\N{MINUS SIGN}phase / degrees")
    _legend(upper, "upper right", bool(fits))
    _colour_bar(figure, [upper, lower], scale, spectra)
    _save(figure, path)


def _minus_phase_deg(impedance: complex) -> float:
    return -math.degrees(cmath.phase(impedance))


def resistance_over_cycles(
    rows: Sequence[InterfaceRow], half_cycles: Sequence[HalfCycle], path: Path, title: str
) -> None:
    """Draw interface and electrolyte resistance by EIS, with errors, and the half-cycles' |V|/|I|, over the cycles.

    A cycle's half-cycles stand at its number, less a half for the first; spectra at the cycle after which they were
    measured. A spectrum without an arc is a cross on the axis.
    """
    figure = _figure(4.3)
    axes = figure.add_subplot()
    trace = [(place, h.resistance_ohm) for place, h in zip(_places(half_cycles), half_cycles, strict=True)]
    known = [(at, ohm) for at, ohm in trace if ohm is not None]
    if known:
        label = "half-cycle, mean |V| / |I|"
        axes.plot(
            [at for at, _ in known], [ohm for _, ohm in known], ".-", ms=3, linewidth=0.7, color=_TRACE, label=label
        )
    whole = [(row.cycle, row.interface) for row in rows if row.interface is not None]
    if whole:
        _bars(axes, [(cycle, q.value, q.error) for cycle, q in whole], "o", _INTERFACE, "interface, by EIS")
        series = [
            (row.cycle, row.electrolyte.value, row.electrolyte.error) for row in rows if row.interface is not None
        ]
        _bars(axes, series, "s", "0.4", "electrolyte and contacts, by EIS")
    shorted = [row.cycle for row in rows if row.interface is None]
    if shorted:
        label = "no arc: shorted"
        axes.plot(shorted, [0.0] * len(shorted), "x", ms=8, mew=2, color="black", label=label, clip_on=False, zorder=6)
    # Room above the curves for the legend.
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    axes.set_xlim(-0.02 * axes.get_xlim()[1], None)
    _words(axes, title, "cycle number", "resistance / $\\Omega$")
    axes.legend(loc="upper left", ncols=2, fontsize=8, frameon=True, framealpha=0.9)
    _save(figure, path)


def _places(half_cycles: Sequence[HalfCycle]) -> list[float]:
    places: list[float] = []
    for n, half in enumerate(half_cycles):
        second = n > 0 and half_cycles[n - 1].cycle == half.cycle
        places.append(half.cycle - (0.0 if second else 0.5))
    return places


def _bars(axes: Axes, points: Sequence[tuple[int, float, float]], marker: str, colour: str, label: str) -> None:
    errors = [error if math.isfinite(error) else 0.0 for _, _, error in points]
    axes.errorbar(
        [cycle for cycle, _, _ in points],
        [value for _, value, _ in points],
        yerr=errors,
        fmt=f"{marker}--",
        ms=5,
        linewidth=0.8,
        capsize=3,
        color=colour,
        label=label,
    )


def _figure(height_inches: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")


def _scale(spectra: Spectra) -> ScalarMappable:
    """Return the colours of the cycles; raises ValueError if there is no spectrum to draw."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    if not spectra:
        raise ValueError("no spectrum to draw")
    cycles = [cycle for cycle, _ in spectra]
    shades = [colormaps[_COLOURS](_DARKEST_SHARE * n / 255) for n in range(256)]
    scale = Normalize(min(cycles), max(*cycles, min(cycles) + 1))
    return ScalarMappable(scale, LinearSegmentedColormap.from_list("cycles", shades))


def _colour(scale: ScalarMappable, cycle: int) -> tuple[float, float, float, float]:
    low, high = scale.get_clim()
    red, green, blue, opaque = scale.get_cmap()((cycle - (low or 0.0)) / (high - (low or 0.0)))
    return red, green, blue, opaque


def _words(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.tick_params(direction="in", which="both", top=True, right=True)


def _legend(axes: Axes, corner: Literal["upper left", "upper right"], fitted: bool) -> None:
    axes.plot([], [], "o", ms=3.5, mfc="none", mew=0.8, color="0.3", label="measured")
    if fitted:
        axes.plot([], [], "-", linewidth=1.1, color="0.3", label="fit")
    axes.legend(loc=corner, fontsize=8, frameon=True, framealpha=0.9)


def _colour_bar(figure: Figure, axes: Any, scale: ScalarMappable, spectra: Spectra) -> None:  # noqa: ANN401 - one or a list
    """Draw a colour bar of the measured cycles beside the axes; a single spectrum needs none."""
    cycles = sorted({cycle for cycle, _ in spectra})
    if len(cycles) < 2:
        return
    bar = figure.colorbar(scale, ax=axes, pad=0.02, fraction=0.05, aspect=30)
    bar.set_label("cycle number")
    if len(cycles) <= 8:
        bar.set_ticks(cycles)
    bar.ax.tick_params(labelsize=8)


def _save(figure: Figure, path: Path) -> None:
    """Write the picture. The same data give the same file: no date, no version inside."""
    figure.savefig(path, dpi=_DPI, metadata={"Software": "cellrig"})
