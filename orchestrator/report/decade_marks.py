"""Words at the decades of frequency of a Nyquist plot: outside the arc, on no others, and on hardly any point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[tuple[float, complex]]
Side = Literal["left", "center", "right"]

_MARK_PT = 7
# A letter is about as wide, of its height.
_LETTER = 0.65
# Offsets in points, and how the words lie to them: beside the point on either side, below it, above it.
_LEFT: tuple[tuple[int, int], Side] = ((-5, 2), "right")
_RIGHT: tuple[tuple[int, int], Side] = ((5, 2), "left")
_BELOW: tuple[tuple[int, int], Side] = ((0, -11), "center")
_ABOVE: tuple[tuple[int, int], Side] = ((0, 6), "center")
_FROM_THE_AXIS: tuple[tuple[int, int], Side] = ((3, -11), "left")
_NEAR_DECADE = 0.1
_GAP_PT = 1.5
_MARGIN_PT = 5.0
# Marks are this part of the axis apart, and words cover two points at most.
_APART = 0.09
_MOST_COVERED = 2


@dataclass(frozen=True, slots=True)
class _Box:
    """The place of words on the page, in points from the lower left corner of the axes."""

    left: float
    low: float
    right: float
    high: float

    def meets(self, other: _Box) -> bool:
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high

    def covers(self, points: Sequence[tuple[float, float]]) -> int:
        return sum(self.left < x < self.right and self.low < y < self.high for x, y in points)


def mark_decades(axes: Axes, marked: Points, spectra: Sequence[Points], axes_inches: float) -> None:
    """Write the frequency at the points nearest to whole decades of one spectrum; the axes are equal.

    A decade whose words would lie on others', on the points or off the axes has no mark.
    """
    from matplotlib.patheffects import withStroke

    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    per_ohm = 72 * axes_inches / (right - left)
    width, height = (right - left) * per_ohm, (high - low) * per_ohm
    # How wide the axes really are is known once they are drawn: some points are kept free.
    frame = _Box(_MARGIN_PT, _MARGIN_PT, width - _MARGIN_PT, height - _MARGIN_PT)

    def place(z: complex) -> tuple[float, float]:
        return (z.real - left) * per_ohm, (-z.imag - low) * per_ohm

    points = [place(z) for spectrum in spectra for _, z in spectrum]
    top_hz, _ = max(marked, key=lambda pair: -pair[1].imag)
    taken: list[_Box] = []
    marks: list[complex] = []
    for decade in range(math.floor(math.log10(marked[0][0])), math.floor(math.log10(marked[-1][0])) - 1, -1):
        hertz, z = min(marked, key=lambda pair: abs(math.log10(pair[0]) - decade))
        is_close = any(abs(z - other) < _APART * right for other in marks)
        if is_close or abs(math.log10(hertz) - decade) > _NEAR_DECADE:
            continue
        words = _hertz(decade)
        found = _best(words, place(z), points, frame, taken, is_rising=hertz > top_hz)
        if found is None:
            continue
        (offset, side), box = found
        taken.append(box)
        marks.append(z)
        axes.plot([z.real], [-z.imag], "o", ms=3.5, color="black", zorder=5)
        axes.annotate(
            words,
            (z.real, -z.imag),
            offset,
            textcoords="offset points",
            fontsize=_MARK_PT,
            ha=side,
            zorder=6,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )


def _best(
    words: str,
    at: tuple[float, float],
    points: Sequence[tuple[float, float]],
    frame: _Box,
    taken: Sequence[_Box],
    *,
    is_rising: bool,
) -> tuple[tuple[tuple[int, int], Side], _Box] | None:
    """Return where words lie best: outside the arc if they cover no point there, else where they cover the fewest."""
    beside = (_LEFT, _BELOW, _FROM_THE_AXIS, _ABOVE, _RIGHT) if is_rising else (_RIGHT, _ABOVE, _BELOW, _LEFT)
    free = []
    for order, candidate in enumerate(beside):
        box = _box(words, at, *candidate)
        inside = frame.left < box.left and box.right < frame.right and frame.low < box.low and box.high < frame.high
        covered = box.covers(points)
        if inside and covered <= _MOST_COVERED and not any(box.meets(other) for other in taken):
            free.append((covered, order, candidate, box))
    if not free:
        return None
    *_, candidate, box = min(free, key=lambda one: one[:2])
    return candidate, box


def _box(words: str, at: tuple[float, float], offset: tuple[int, int], side: Side) -> _Box:
    width = _LETTER * _MARK_PT * len(words)
    x = at[0] + offset[0] - {"left": 0.0, "center": width / 2, "right": width}[side]
    y = at[1] + offset[1]
    return _Box(x - _GAP_PT, y - _GAP_PT, x + width + _GAP_PT, y + _MARK_PT + _GAP_PT)


def _hertz(decade: int) -> str:
    for least, prefix in ((6, "M"), (3, "k"), (0, ""), (-3, "m")):
        if decade >= least:
            return f"{10 ** (decade - least)} {prefix}Hz"
    return f"1e{decade} Hz"
