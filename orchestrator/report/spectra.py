"""Pictures of impedance: Nyquist and Bode plots, and resistances over the cycles.

Spectra come with the cycle after which they were measured, several of a cycle in their order; fits, where there are
any, are drawn as lines through the points.
Matplotlib is imported when a picture is made; figures are drawn without pyplot, so that no state outlives them.
"""

from __future__ import annotations

import cmath
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit_fit import CircuitFit
from orchestrator.analysis.half_cycle_slices import HalfCycle
from orchestrator.analysis.impedance import columns
from orchestrator.analysis.resistance_history import InterfaceRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

_WIDTH_INCHES = 7.0
_DPI = 150
# What words and the colour bar leave of the width for the axes.
_AXES_INCHES = 5.6
_MARK_PT = 7
_Side = Literal["left", "center", "right"]
# Offset in points and alignment of a mark's words where others are in their place: above the mark, or below it.
_ELSEWHERE: tuple[tuple[tuple[float, float], _Side], ...] = (((0, 6), "center"), ((0, -11), "center"))
# A letter is about so many times its height wide.
_LETTER = 0.6
# Over more decades there is room for their powers of ten alone.
_FEW_DECADES = 3.0
_LESS_THAN_A_DECADE = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
_COLOURS = "viridis"
# The palest end of the colours is hard to see on white.
_DARKEST_SHARE = 0.88
_INTERFACE, _TRACE = "#0072b2", "#d55e00"
Points = Sequence[tuple[float, complex]]
Colour = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A spectrum to be drawn: the cycle after which it was measured, its points, and its fit if there is one."""

    cycle: int
    spectrum: Spectrum
    fit: CircuitFit | None = None

    @property
    def points(self) -> list[tuple[float, complex]]:
        """The points that can be drawn: frequency (Hz, from high to low) and impedance (ohm)."""
        frequency, impedance = columns(self.spectrum)
        return list(zip(frequency.tolist(), impedance.tolist(), strict=True))


def nyquist(spectra: Sequence[Drawn], title: str) -> Figure:
    """Draw -Z" over Z' (ohm) with equal axes, coloured by cycle; decades of frequency are marked on the widest.

    Raises ValueError when no spectrum has a point.
    """
    shown = _Shown(spectra)
    left, right, low, high = _window(shown.points)
    # As high as equal axes need: the words around them take about 1.1 inches, the bar beside them as much.
    figure = _figure(min(6.5, max(3.0, 1.1 + _AXES_INCHES * (high - low) / (right - left))))
    axes = figure.add_subplot()
    for drawn, points, colour in shown:
        axes.plot(
            [z.real for _, z in points],
            [-z.imag for _, z in points],
            "o",
            ms=3.5,
            mfc="none",
            mew=0.8,
            color=colour,
            label="_",
        )
        if drawn.fit is not None:
            fitted = drawn.fit.fitted
            axes.plot([z.real for z in fitted], [-z.imag for z in fitted], "-", linewidth=1.1, color=colour)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    _mark_decades(axes, max(shown.points, key=_width_ohm))
    axes.set_aspect("equal", adjustable="box")
    axes.axhline(0, color="0.5", linewidth=0.5, zorder=0)
    _words(axes, title, "Z' / $\\Omega$", '\N{MINUS SIGN}Z" / $\\Omega$')
    _legend(axes, "upper left", shown.fitted)
    # Equal axes are lower than their place in the figure, and the bar is as high as they are.
    shown.colour_bar(figure, axes, axes.inset_axes((1.02, 0.0, 0.025, 1.0)))
    return figure


def _width_ohm(points: Points) -> float:
    reals = [z.real for _, z in points]
    return max(reals) - min(reals)


def _window(spectra: Sequence[Points]) -> tuple[float, float, float, float]:
    """Return left, right, low and high: all points, the origin, and room above the arcs for the legend."""
    points = [z for spectrum in spectra for _, z in spectrum]
    left = min(0.0, 1.06 * min(z.real for z in points))
    right = 1.06 * max(*(z.real for z in points), 1e-12)
    top, bottom = max(-z.imag for z in points), min(-z.imag for z in points)
    # Never flatter than a third: a spectrum without an arc is a dot on a line, and should look so.
    return left, right, min(0.0, 1.1 * bottom) - 0.05 * right, max(1.3 * top, 0.28 * right)


def _mark_decades(axes: Axes, pairs: Points) -> None:
    """Write the frequency outside the arc at the points nearest to whole decades, as long as no marks or words meet."""
    from matplotlib.patheffects import withStroke

    top_hz, top = max(pairs, key=lambda pair: -pair[1].imag)
    apart = 0.09 * axes.get_xlim()[1]
    taken: list[complex] = []
    written: list[_Box] = []
    for decade in range(math.floor(math.log10(pairs[0][0])), math.floor(math.log10(pairs[-1][0])) - 1, -1):
        hertz, point = min(pairs, key=lambda pair: abs(math.log10(pair[0]) - decade))
        place = complex(point.real, -point.imag)
        if abs(math.log10(hertz) - decade) > 0.1 or any(abs(place - other) < apart for other in taken):
            continue
        words = _hertz(decade)
        asked = (_beside(words, place, -top.imag, hertz > top_hz, axes), *_ELSEWHERE)
        boxes = ((offset, side, _box(words, place, offset, side, axes)) for offset, side in asked)
        free = next((one for one in boxes if not any(one[2].meets(other) for other in written)), None)
        if free is None:
            continue
        offset, side, box = free
        taken.append(place)
        written.append(box)
        axes.plot([place.real], [place.imag], "o", ms=3.5, color="black", zorder=5)
        axes.annotate(
            words,
            (place.real, place.imag),
            offset,
            textcoords="offset points",
            fontsize=_MARK_PT,
            ha=side,
            zorder=6,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )


@dataclass(frozen=True, slots=True)
class _Box:
    """What words of one line cover, in points."""

    left: float
    right: float
    low: float
    high: float

    def meets(self, other: _Box) -> bool:
        """Whether any of it lies over the other."""
        beside = self.right < other.left or other.right < self.left
        return not (beside or self.high < other.low or other.high < self.low)


def _box(words: str, place: complex, offset: tuple[float, float], side: str, axes: Axes) -> _Box:
    """Return what the words of a mark cover, with a gap around them; both axes have one scale."""
    left, right = axes.get_xlim()
    scale = _AXES_INCHES * 72 / (right - left)
    width = _LETTER * _MARK_PT * len(words)
    x = place.real * scale + offset[0] - {"left": 0.0, "center": 0.5, "right": 1.0}[side] * width
    y = place.imag * scale + offset[1]
    return _Box(x - 1, x + width + 1, y - 1, y + _MARK_PT + 1)


def _beside(words: str, place: complex, top_ohm: float, rising: bool, axes: Axes) -> tuple[tuple[float, float], _Side]:
    """Return offset (points) and alignment of a mark's words: outside the arc, below it where that is off the axes."""
    left, right = axes.get_xlim()
    inches = _AXES_INCHES / (right - left)
    # To the left of the mark come a gap and the axis.
    needed_pt = _LETTER * _MARK_PT * len(words) + 8
    if rising and (place.real - left) * inches * 72 > needed_pt:
        return (-5, 2), "right"
    if not rising and place.imag > 0.2 * top_ohm and (right - place.real) * inches * 72 > needed_pt:
        return (5, 2), "left"
    is_by_the_axis = (place.real - left) * inches * 72 < needed_pt / 2
    return ((3, -11), "left") if is_by_the_axis else ((0, -11), "center")


def _hertz(decade: int) -> str:
    for least, prefix in ((6, "M"), (3, "k"), (0, ""), (-3, "m")):
        if decade >= least:
            return f"{10 ** (decade - least)} {prefix}Hz"
    return f"1e{decade} Hz"


def bode(spectra: Sequence[Drawn], title: str) -> Figure:
    """Draw the modulus (ohm) and minus the phase (degrees) over the frequency (Hz), coloured by cycle.

    Raises ValueError when no spectrum has a point.
    """
    shown = _Shown(spectra)
    figure = _figure(5.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    for drawn, points, colour in shown:
        for axes, of in ((upper, abs), (lower, _minus_phase_deg)):
            values = [of(z) for _, z in points]
            axes.plot([hertz for hertz, _ in points], values, "o", ms=3.2, mfc="none", mew=0.8, color=colour, label="_")
            if (fit := drawn.fit) is not None:
                axes.plot(fit.frequency_hz, [of(z) for z in fit.fitted], "-", linewidth=1.1, color=colour)
    upper.set_xscale("log")
    upper.set_yscale("log")
    _label_decades(upper.yaxis, [abs(z) for points in shown.points for _, z in points])
    lower.axhline(0, color="0.5", linewidth=0.5, zorder=0)
    _words(upper, title, "", "|Z| / $\\Omega$")
    _words(lower, "", "frequency / Hz", "\N{MINUS SIGN}phase / degrees")
    _legend(upper, "upper right", shown.fitted)
    shown.colour_bar(figure, [upper, lower])
    return figure


def _label_decades(axis: Axis, values: Sequence[float]) -> None:
    """Label a logarithmic axis by plain numbers, so many that they can be read: 1, 2 and 5 of each of a few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    positive = [value for value in values if value > 0]
    decades = math.log10(max(positive) / min(positive)) if positive else 0.0
    if decades < _FEW_DECADES:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades >= 1.0 else _LESS_THAN_A_DECADE))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _minus_phase_deg(impedance: complex) -> float:
    return -math.degrees(cmath.phase(impedance))


def resistance_over_cycles(rows: Sequence[InterfaceRow], half_cycles: Sequence[HalfCycle], title: str) -> Figure:
    """Draw interface and electrolyte resistance by EIS, with errors, and the half-cycles' |V|/|I|, over the cycles.

    A cycle's half-cycles stand at its number, less a half for the first; spectra at the cycle after which they were
    measured, several of one cycle one after the other on the way to the next half-cycle. A shorted cell is a cross on
    the axis; what a spectrum does not determine is not drawn.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _figure(4.3)
    axes = figure.add_subplot()
    trace = [(place, h.resistance_ohm) for place, h in zip(_places(half_cycles), half_cycles, strict=True)]
    known = [(at, ohm) for at, ohm in trace if ohm is not None]
    if known:
        label = "half-cycle, mean |V| / |I|"
        axes.plot(
            [at for at, _ in known], [ohm for _, ohm in known], ".-", ms=3, linewidth=0.7, color=_TRACE, label=label
        )
    placed = list(zip(_spread([row.cycle for row in rows]), rows, strict=True))
    whole = [(at, row.interface) for at, row in placed if row.interface is not None]
    if whole:
        _bars(axes, [(at, q.value, q.error) for at, q in whole], "o", _INTERFACE, "interface, by EIS")
    series = [(at, row.electrolyte) for at, row in placed if row.electrolyte is not None and not row.shorted]
    if series:
        _bars(axes, [(at, q.value, q.error) for at, q in series], "s", "0.4", "electrolyte and contacts, by EIS")
    shorted = [at for at, row in placed if row.shorted]
    if shorted:
        label = "no arc: shorted"
        axes.plot(shorted, [0.0] * len(shorted), "x", ms=8, mew=2, color="black", label=label, clip_on=False, zorder=6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    # Room above the curves for the legend.
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    axes.set_xlim(-0.02 * max(axes.get_xlim()[1], 1.0), None)
    _words(axes, title, "cycle number", "resistance / $\\Omega$")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", ncols=2, fontsize=8, frameon=True, framealpha=0.9)
    else:
        axes.text(0.5, 0.5, "no resistance is determined", ha="center", va="center", transform=axes.transAxes)
    return figure


def _places(half_cycles: Sequence[HalfCycle]) -> list[float]:
    places: list[float] = []
    for n, half in enumerate(half_cycles):
        second = n > 0 and half_cycles[n - 1].cycle == half.cycle
        places.append(half.cycle - (0.0 if second else 0.5))
    return places


def _spread(cycles: Sequence[int]) -> list[float]:
    """Return places on the axis of cycles: of several in one cycle, each a step further, within half a cycle."""
    counts, seen = Counter(cycles), Counter[int]()
    places = []
    for cycle in cycles:
        places.append(cycle + 0.5 * seen[cycle] / counts[cycle])
        seen[cycle] += 1
    return places


def _bars(axes: Axes, points: Sequence[tuple[float, float, float]], marker: str, colour: str, label: str) -> None:
    axes.errorbar(
        [at for at, _, _ in points],
        [value for _, value, _ in points],
        yerr=[error for _, _, error in points],
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


def colour_scale(numbers: Sequence[int]) -> ScalarMappable:
    """Return the colours of cycles, from the lowest number to the highest."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    shades = [colormaps[_COLOURS](_DARKEST_SHARE * n / 255) for n in range(256)]
    low = min(numbers)
    scale = Normalize(low, max(*numbers, low + 1))
    return ScalarMappable(scale, LinearSegmentedColormap.from_list("cycles", shades))


def colour_of(scale: ScalarMappable, number: int) -> Colour:
    """Return the colour of a cycle."""
    low, high = scale.get_clim()
    red, green, blue, opaque = scale.get_cmap()((number - (low or 0.0)) / ((high or 1.0) - (low or 0.0)))
    return red, green, blue, opaque


class _Shown:
    """The spectra that have a point, with colours: by cycle, or by their order where a cycle has several."""

    def __init__(self, spectra: Sequence[Drawn]) -> None:
        self._spectra = [drawn for drawn in spectra if drawn.points]
        if not self._spectra:
            raise ValueError("no spectrum to draw")
        self.points = [drawn.points for drawn in self._spectra]
        cycles = [drawn.cycle for drawn in self._spectra]
        self._by_cycle = len(set(cycles)) == len(cycles)
        self._numbers = cycles if self._by_cycle else list(range(1, len(cycles) + 1))
        self._scale = colour_scale(self._numbers)

    @property
    def fitted(self) -> bool:
        """Whether there is a fit to explain in the legend."""
        return any(drawn.fit is not None for drawn in self._spectra)

    def __iter__(self) -> Iterator[tuple[Drawn, Points, Colour]]:
        """Yield each spectrum with its points and its colour."""
        for drawn, points, number in zip(self._spectra, self.points, self._numbers, strict=True):
            yield drawn, points, colour_of(self._scale, number)

    def colour_bar(self, figure: Figure, axes: Any, place: Axes | None = None) -> None:  # noqa: ANN401 - one or a list
        """Draw a colour bar beside the axes, or in its ``place``; a single spectrum needs none."""
        if len(self._numbers) < 2:
            if place is not None:
                place.remove()
            return
        if place is None:
            bar = figure.colorbar(self._scale, ax=axes, pad=0.02, fraction=0.05, aspect=30)
        else:
            bar = figure.colorbar(self._scale, cax=place)
        bar.set_label("cycle number" if self._by_cycle else "spectrum, in the order measured")
        if len(self._numbers) <= 8:
            bar.set_ticks(self._numbers)
        bar.ax.tick_params(labelsize=8)


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


def save(figure: Figure, path: Path) -> None:
    """Write the picture. The same data give the same file: no date, no version inside."""
    figure.savefig(path, dpi=_DPI, metadata={"Software": "cellrig"})
