"""The page of a picture: a journal's widths, fonts that can be read at that size, and a file that says what it shows.

The same data give the same bytes: no date gets into a file, and the names inside an SVG follow from its contents.
Matplotlib is imported when a picture is made; figures are drawn without pyplot, so that no state outlives them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN_MM: Mapping[str, float] = {"single": 89.0, "double": 183.0}
"""Widths of one and two columns, as most journals of the field print them."""
LEAST_MM, MOST_MM = 40.0, 600.0
"""Narrower there is no room between the labels; wider is a poster, whose fonts would be too small."""
_MM_PER_INCH = 25.4
# Journals print no text below 5 to 7 points; the tick labels are the smallest here.
_TICKS_PT, _WORDS_PT = 6.5, 7.5
# Journals ask for lines of a quarter of a point or more; only where a hundred cycles make a band is it less.
_LINE_PT, _LEAST_LINE_PT = 0.7, 0.15
# Okabe and Ito's colours, which stay apart for colour-blind readers; their yellow is too pale for a line on white. The
# first three stay apart in greyscale too (lightness 46, 71 and 0), and each run has a marker of its own.
COLOURS = ("#0072b2", "#e69f00", "#000000", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")
MARKERS = ("o", "s", "D", "v", "p", "h", "X")
# A line's sample in a legend and the space around it are as wide as so many letters.
_SAMPLE_LETTERS = 8
Dash = Literal["-", "--", ":", "-."]
DASHES: tuple[Dash, ...] = ("-", "--", ":", "-.")
MOST_RUNS = len(COLOURS) * len(DASHES)
"""So many runs can be told apart, by colour and dashes."""

# Matplotlib brings its own; Chinese labels need one of the machine's.
_USUAL_FONT = "DejaVu Sans"
_CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "Heiti SC", "SimHei",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
)  # fmt: skip
_STYLE: dict[Any, Any] = {
    "font.size": _WORDS_PT,
    "axes.labelsize": _WORDS_PT,
    "xtick.labelsize": _TICKS_PT,
    "ytick.labelsize": _TICKS_PT,
    "legend.fontsize": _TICKS_PT,
    "legend.frameon": False,
    "legend.title_fontsize": _WORDS_PT + 0.5,
    "legend.handlelength": 1.6,
    "axes.linewidth": 0.6,
    "lines.linewidth": _LINE_PT,
    "lines.markeredgewidth": 0.6,
    "mathtext.default": "regular",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    # TrueType, which editors of drawings can change; many journals refuse the default, Type 3.
    "pdf.fonttype": 42,
    "svg.hashsalt": "cellrig",
}


def _width(text: str) -> int:
    """Return how many Latin letters are as wide as a text: a Chinese letter is as wide as two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text) or 1


class PictureKind(StrEnum):
    """The formats of a picture, by the ending of its file."""

    PNG = ".png"
    SVG = ".svg"
    PDF = ".pdf"


@dataclass(frozen=True, slots=True)
class Page:
    """The size of a picture in millimetres, and its title; ``height_mm`` None is what suits its width."""

    width_mm: float = COLUMN_MM["single"]
    height_mm: float | None = None
    title: str = ""

    def figure(self, panels: int) -> Figure:
        """Return an empty figure for so many panels, one above the other."""
        from matplotlib.figure import Figure

        height_mm = (30.0 + 12.0 * panels + 0.26 * self.width_mm) if self.height_mm is None else self.height_mm
        return Figure(figsize=(self.width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH), layout="constrained")

    def heading(self, more: str) -> str:
        """Return what stands above the legend: the title, with ``more`` in brackets, in lines as wide as the page."""
        words = f"{self.title} ({more})" if self.title and more else self.title or more
        return fill(words, int(self._letters()))

    def _letters(self) -> float:
        """Return how many letters stand beside one another: one is about half as wide as high."""
        return self.width_mm / _MM_PER_INCH * 72 / (0.5 * _TICKS_PT)

    def columns_of_legend(self, names: list[str]) -> int:
        """Return in how many columns names fit beside one another on the page."""
        widest = max((_width(line) for name in names for line in name.splitlines()), default=1)
        most = max(1, int(self._letters() / (widest + _SAMPLE_LETTERS)))
        lines = math.ceil(len(names) / most)
        return max(1, math.ceil(len(names) / max(1, lines)))

    def name(self, text: str) -> str:
        """Return a name for the legend, in lines that fit on the page."""
        return fill(text, max(8, int((self._letters() - _SAMPLE_LETTERS) * len(text) / _width(text)))) if text else text

    def make_room(self, figure: Figure, legend_lines: int) -> None:
        """Make a figure higher by what a long legend takes, unless its height was asked for."""
        if self.height_mm is None and legend_lines > 2:
            more_inches = (legend_lines - 2) * 1.3 * _TICKS_PT / 72
            figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + more_inches)

    def line_pt(self, turns: float) -> float:
        """Return how wide a line is that goes up and down so many times: so that it leaves others visible behind it."""
        # About three quarters of the page are the axes.
        apart_pt = 0.75 * self.width_mm / _MM_PER_INCH * 72 / max(1.0, turns)
        return min(_LINE_PT, max(_LEAST_LINE_PT, 0.35 * apart_pt))


def style() -> AbstractContextManager[None]:
    """Return the context in which a picture of a ``Page`` is drawn and written."""
    import matplotlib as mpl

    return mpl.rc_context({**_STYLE, "font.family": _families()})


def plain_style() -> AbstractContextManager[None]:
    """Return the context of a picture that has sizes of its own: matplotlib's own, with these fonts."""
    import matplotlib as mpl

    own = {name: mpl.rcParamsDefault[name] for name in _STYLE if name not in ("pdf.fonttype", "svg.hashsalt")}
    return mpl.rc_context({**own, "font.family": _families()})


def _families() -> list[str]:
    """Return the fonts of this machine to look for a letter in, one after another."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    return [_USUAL_FONT, *(name for name in _CHINESE_FONTS if name in there)]


def boxes_of(figures: Sequence[Figure]) -> str:
    """Say which letters of pictures are boxes, as no font has them which they are drawn with; "" for none."""
    letters = "".join(dict.fromkeys("".join(map(_letters_without_a_font, figures))))
    return f"no font of this machine has {letters}: boxes stand for them; install Noto Sans CJK" if letters else ""


def _letters_without_a_font(figure: Figure) -> str:
    from matplotlib import font_manager
    from matplotlib.text import Text

    fonts = [font_manager.get_font(font_manager.findfont(name)) for name in _families()]
    words = "".join(text.get_text() for text in figure.findobj(Text))
    letters = dict.fromkeys(letter for letter in words if letter.isprintable() and not letter.isspace())
    return "".join(letter for letter in letters if not any(font.get_char_index(ord(letter)) for font in fonts))


def width_mm(text: str) -> float:
    """Read a width: ``single``, ``double`` or millimetres. Raises ValueError with the reason."""
    if text in COLUMN_MM:
        return COLUMN_MM[text]
    try:
        number = float(text.removesuffix("mm"))
    except ValueError:
        number = math.nan
    if not LEAST_MM <= number <= MOST_MM:
        raise ValueError(f"{text!r} is no width: say single, double or millimetres, {LEAST_MM:g} to {MOST_MM:g}")
    return number


def make_room(figure: Figure) -> None:
    """Make a figure higher until its axes have room below its words, three times at most."""
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            warnings.filterwarnings("error", "constrained_layout not applied")
            try:
                figure.draw_without_rendering()
            except UserWarning:
                figure.set_size_inches(figure.get_figwidth(), 1.5 * figure.get_figheight())
            else:
                return


class NoRoom(ValueError):
    """The words above a picture leave no room for its axes; the message says what to do."""


def encoded(figure: Figure, kind: PictureKind, dpi: int, title: str, contents: str) -> bytes:
    """Return the file of a figure. Raises NoRoom.

    It names its title, its contents and the version of cellrig.
    """
    from importlib.metadata import version

    program = f"cellrig {version('cellrig')}"
    facts: dict[PictureKind, dict[str, str | None]] = {
        PictureKind.PNG: {"Software": program, "Title": title, "Description": contents},
        PictureKind.SVG: {"Creator": program, "Title": title, "Description": contents, "Date": None},
        PictureKind.PDF: {"Creator": program, "Title": title, "Subject": contents, "CreationDate": None},
    }
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # see boxes_of
        warnings.filterwarnings("error", "constrained_layout not applied")
        try:
            figure.savefig(buffer, format=kind.value[1:], dpi=dpi, metadata=facts[kind])
        except UserWarning:
            raise NoRoom(
                "title and legend leave no room for the axes; shorten --title, or give more --height or --width"
            ) from None
    return buffer.getvalue()
