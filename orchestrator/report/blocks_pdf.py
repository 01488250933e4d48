"""A report as a PDF, by reportlab and without a browser: whole rows, captions with their pictures, numbered pages.

Pictures are drawn into their places as what they are, lines and letters: each is written as a PDF of its own, and pypdf
lays it over the page. The same report gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from textwrap import wrap
from typing import Any

from pypdf import PdfReader, PdfWriter, Transformation
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, KeepTogether, PageTemplate, Paragraph, Spacer, Table
from reportlab.platypus.flowables import CondPageBreak

from orchestrator.report.blocks import Block, Facts, Heading, Picture, Pictures, Report, TextTable, Words
from orchestrator.report.journal_page import PictureKind, encoded
from orchestrator.report.morning_words import shown

_MARGIN = 17 * mm
WIDTH_MM = 210.0 - 2 * 17
"""What a picture may have of the width of a page."""
_WIDTH = WIDTH_MM * mm
_GAP = 4 * mm
_FONT, _BOLD, _CHINESE = "cellrig", "cellrig-bold", "STSong-Light"
# Smaller letters cannot be read in print.
_WORDS_PT, _TABLE_PT, _LEAST_PT = 8.5, 7.0, 5.5
_PAD = 3.0
# So many letters fit on a page even in the narrowest column.
_MOST_LETTERS = 900


def pdf(report: Report) -> bytes:
    """Return the PDF of a report."""
    _fonts()
    buffer, holes = BytesIO(), list[_Hole]()
    document = _Document(buffer, report)
    numbers = {picture.name: number for number, picture in enumerate(report.pictures, 1)}
    story: list[Flowable] = [
        Paragraph(_marked(report.kicker), _style("quiet")),
        Paragraph(_marked(report.title), _style("title")),
    ]
    for chapter in report.chapters:
        story += [CondPageBreak(45 * mm), _Title(chapter.title, "chapter")]
        for block in chapter.blocks:
            if isinstance(block, Pictures):
                rows = _pictures(block, numbers, holes)
                above = _taken_above(story)
                story += [KeepTogether([*above, *rows[0]]), *(KeepTogether(row) for row in rows[1:])]
            else:
                story += _flowables(block)
    document.build(story)
    return _with_pictures(buffer.getvalue(), holes, report)


class _Document(BaseDocTemplate):  # type: ignore[misc] # reportlab has no types
    """A document whose pages bear their number, and whose titles are its outline."""

    def __init__(self, file: BytesIO, report: Report) -> None:
        super().__init__(
            file, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN,
            title=f"{report.kicker}: {report.title}", author="cellrig", creator=report.generator, invariant=1,
        )  # fmt: skip
        frame = Frame(_MARGIN, _MARGIN, _WIDTH, A4[1] - 2 * _MARGIN, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate("page", [frame], onPage=self._foot))
        self._words = report.kicker

    def _foot(self, canvas: Any, _: object) -> None:  # noqa: ANN401 - reportlab's, without types
        canvas.saveState()
        canvas.setFont(_FONT, _TABLE_PT)
        canvas.drawRightString(A4[0] - _MARGIN, 9 * mm, f"page {canvas.getPageNumber()}")
        foot = Paragraph(_marked(self._words), _style("quiet"))
        _, height = foot.wrap(_WIDTH - 20 * mm, 10 * mm)
        foot.drawOn(canvas, _MARGIN, 9 * mm - (height - _TABLE_PT))
        canvas.restoreState()


class _Title(Paragraph):  # type: ignore[misc] # reportlab has no types
    """A title, which is a line of the outline too."""

    def __init__(self, text: str | None, style: Any, **part: Any) -> None:  # noqa: ANN401 - reportlab's, without types
        if text is None:  # a part of one that two pages share, which reportlab makes: its first has the place
            super().__init__(None, style, **part)
        else:
            super().__init__(_marked(text), _style(style))
        self._words, self._level = text or "", 0 if style == "chapter" else 1

    def split(self, width: float, height: float) -> list[Flowable]:
        """Split a title that is longer than what is left of the page; the first part is the line of the outline."""
        parts: list[Flowable] = super().split(width, height)
        for part in parts[:1]:
            part._words, part._level = self._words, self._level  # noqa: SLF001 - of its own class
        return parts

    def draw(self) -> None:
        """Draw the title and remember its place."""
        if not self._words:
            super().draw()
            return
        key = f"title-{self.canv.getPageNumber()}-{self.canv.absolutePosition(0, 0)[1]:.0f}"
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(self._words, key, self._level, closed=True)
        super().draw()


class _Hole(Flowable):  # type: ignore[misc] # reportlab has no types
    """The place of a picture: when it is drawn, its page and its corner are known."""

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self.picture = picture
        width, height = (inches * 72 for inches in picture.figure.get_size_inches())
        self.scale = min(picture.scale, _WIDTH / width, (A4[1] - 2 * _MARGIN - 30 * mm) / height)
        self.width, self.height = width * self.scale, height * self.scale
        self.page, self.corner = 0, (0.0, 0.0)

    def draw(self) -> None:
        """Remember where the picture goes."""
        self.page = self.canv.getPageNumber()
        self.corner = self.canv.absolutePosition(0, 0)


def _taken_above(story: list[Flowable]) -> list[Flowable]:
    """Take a title, with at most a paragraph below it, off the end of the story: it belongs to what follows."""
    count = next((n for n in (1, 2) if len(story) >= n and isinstance(story[-n], _Title)), 0)
    if count == 2 and not isinstance(story[-1], Paragraph):
        count = 0
    above = story[len(story) - count :]
    del story[len(story) - count :]
    return above


def _pictures(block: Pictures, numbers: dict[str, int], holes: list[_Hole]) -> list[list[Flowable]]:
    """Return rows of pictures with their captions, as many abreast as fit; a row is on one page."""
    rows: list[list[list[Flowable]]] = []
    widths: list[list[float]] = []
    for picture in block.pictures:
        hole = _Hole(picture)
        holes.append(hole)
        words = Paragraph(_marked(f"Figure {numbers[picture.name]}. {picture.caption}"), _style("caption"))
        if not rows or sum(widths[-1]) + len(widths[-1]) * _GAP + hole.width > _WIDTH + 0.1:
            rows.append([])
            widths.append([])
        rows[-1].append([hole, words])
        widths[-1].append(hole.width)
    look = [
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), _GAP / 2),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    made = []
    for row, wide in zip(rows, widths, strict=True):
        columns = [min(_WIDTH, width + _GAP / 2) for width in wide]
        made.append([Table([row], columns, style=look, hAlign="LEFT"), Spacer(0, 2 * mm)])
    return made


def _flowables(block: Block) -> list[Flowable]:
    if isinstance(block, Heading):
        return [CondPageBreak(45 * mm), _Title(block.text, "heading")]
    if isinstance(block, Words):
        name = "warning" if block.is_warning else "quiet" if block.is_quiet else "words"
        return [Paragraph(_marked(block.text), _style(name))]
    if isinstance(block, Facts):
        rows = [
            [Paragraph(_marked(name), _style("head")), Paragraph(_marked(value), _style("cell"))]
            for name, value in block.rows
        ]
        return [Table(rows, [36 * mm, _WIDTH - 36 * mm], style=_GRID, hAlign="LEFT"), Spacer(0, 2 * mm)] if rows else []
    if isinstance(block, TextTable):
        return _text_table(block)
    raise TypeError(f"a PDF has no {type(block).__name__}")


# Lines between rows alone, thin and grey.
_GRID: list[tuple[Any, ...]] = [
    ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.Color(0.6, 0.6, 0.6)),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), _PAD),
    ("RIGHTPADDING", (0, 0), (-1, -1), _PAD),
    ("TOPPADDING", (0, 0), (-1, -1), 1.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.0),
]


def _text_table(block: TextTable) -> list[Flowable]:
    """Return a table whose head is on each of its pages; letters are smaller where its columns need it."""
    size_pt = _TABLE_PT
    widths = _column_widths(block, size_pt)
    while sum(widths[0]) > _WIDTH and size_pt > _LEAST_PT:
        size_pt -= 0.5
        widths = _column_widths(block, size_pt)
    columns = _fitted(*widths)
    rows = [
        _cells(block, block.heads, "head", size_pt),
        *(_cells(block, row, "cell", size_pt) for row in _in_pieces(block.rows)),
    ]
    rule = ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black)
    made = Table(rows, columns, repeatRows=1, style=[*_GRID, rule], hAlign="LEFT")
    note = [Paragraph(_marked(block.note), _style("quiet"))] if block.note else []
    title = [Paragraph(_marked(block.title), _style("head"))] if block.title else []
    return [CondPageBreak(30 * mm), *title, made, *note, Spacer(0, 2 * mm)]


def _in_pieces(rows: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Yield rows that fit on a page: one with a very long text is continued in further rows."""
    for row in rows:
        pieces = [
            wrap(text, _MOST_LETTERS, break_on_hyphens=False) if len(text) > _MOST_LETTERS else [text] for text in row
        ]
        yield from zip_longest(*pieces, fillvalue="")


def _cells(block: TextTable, texts: Sequence[str], style: str, size_pt: float) -> list[Flowable]:
    return [
        Paragraph(_marked(text), _style(style, size_pt, is_right=column in block.numeric))
        for column, text in enumerate(texts)
    ]


def _column_widths(block: TextTable, size_pt: float) -> tuple[list[float], list[float]]:
    """Return for each column the width of its longest word, and that of its longest text."""
    least, natural = [], []
    for column, head in enumerate(block.heads):
        texts = [row[column] for row in block.rows]
        # A blank that does not break holds what is around it together.
        words = [word for text in (head, *texts) for word in re.split(r"[ \t\n]+", text)]
        if column in block.numeric:
            words += texts
        # A longer word, such as a path, is broken.
        least.append(min(60 * mm, max(_width(word, size_pt) for word in words)) + 2 * _PAD + 1)
        natural.append(max(_width(text, size_pt) for text in (head, *texts)) + 2 * _PAD + 1)
    return least, [max(pair) for pair in zip(least, natural, strict=True)]


def _fitted(least: Sequence[float], natural: Sequence[float]) -> list[float]:
    """Return the widths of columns: natural ones if they fit, else what is over the least ones is shared out."""
    if sum(natural) <= _WIDTH:
        return list(natural)
    spare, wanted = _WIDTH - sum(least), sum(natural) - sum(least)
    if spare <= 0:
        return [width * _WIDTH / sum(least) for width in least]
    return [low + (high - low) * spare / wanted for low, high in zip(least, natural, strict=True)]


def _width(text: str, size_pt: float) -> float:
    return sum(
        size_pt if _is_chinese(letter) else float(pdfmetrics.stringWidth(letter, _BOLD, size_pt)) for letter in text
    )


@cache
def _fonts() -> None:
    """Register matplotlib's font, which has the signs of the field, and name a Chinese one, which viewers bring."""
    from matplotlib import get_data_path

    folder = Path(get_data_path()) / "fonts" / "ttf"
    pdfmetrics.registerFont(TTFont(_FONT, str(folder / "DejaVuSans.ttf")))
    pdfmetrics.registerFont(TTFont(_BOLD, str(folder / "DejaVuSans-Bold.ttf")))
    pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))


def _is_chinese(letter: str) -> bool:
    return ord(letter) > 0x2E7F and ord(letter) not in pdfmetrics.getFont(_FONT).face.charToGlyph


def _marked(text: str) -> str:
    """Return a text of people as markup that shows it: nothing in it is a tag, Chinese is in a font that has it."""
    pieces, run, is_chinese = list[str](), "", False
    for letter in text:
        if _is_chinese(letter) is not is_chinese:
            pieces.append(_run(run, is_chinese=is_chinese))
            run, is_chinese = "", not is_chinese
        run += letter
    return "".join((*pieces, _run(run, is_chinese=is_chinese)))


def _run(text: str, *, is_chinese: bool) -> str:
    safe = escape(shown(text), quote=False)
    return f'<font name="{_CHINESE}">{safe}</font>' if is_chinese and safe else safe


_STYLES: dict[str, dict[str, Any]] = {
    "title": {"fontName": _BOLD, "fontSize": 14, "leading": 18, "spaceAfter": 6},
    "chapter": {"fontName": _BOLD, "fontSize": 11, "leading": 14, "spaceBefore": 10, "spaceAfter": 4, "borderWidth": 0},
    "heading": {"fontName": _BOLD, "fontSize": _WORDS_PT, "leading": 11, "spaceBefore": 7, "spaceAfter": 2},
    "words": {"spaceAfter": 3},
    "quiet": {"fontSize": _TABLE_PT, "leading": 9, "textColor": colors.Color(0.25, 0.25, 0.25), "spaceAfter": 2},
    "caption": {"fontSize": _TABLE_PT, "leading": 9},
    "warning": {"borderWidth": 1.2, "borderColor": colors.black, "borderPadding": 4, "spaceBefore": 8, "spaceAfter": 9},
    "head": {"fontName": _BOLD, "fontSize": _TABLE_PT, "leading": 9},
    "cell": {"fontSize": _TABLE_PT, "leading": 9},
}


@cache
def _style(name: str, size_pt: float = 0.0, *, is_right: bool = False) -> ParagraphStyle:
    look: dict[str, Any] = {
        "fontName": _FONT,
        "fontSize": _WORDS_PT,
        "leading": 11,
        "splitLongWords": 1,
        **_STYLES[name],
    }
    if size_pt:
        look |= {"fontSize": size_pt, "leading": size_pt + 2}
    if is_right:
        look["alignment"] = TA_RIGHT
    return ParagraphStyle(f"{name}-{size_pt}-{is_right}", **look)


def _with_pictures(pages: bytes, holes: Sequence[_Hole], report: Report) -> bytes:
    """Return the document with each picture in its place, and of how many pages it is."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pages)))
    for hole in holes:
        picture = hole.picture
        drawn = PdfReader(BytesIO(encoded(picture.figure, PictureKind.PDF, 300, picture.caption, picture.contents)))
        move = Transformation().scale(hole.scale).translate(*hole.corner)
        writer.pages[hole.page - 1].merge_transformed_page(drawn.pages[0], move)
    for page in writer.pages:
        page.compress_content_streams()
    # Fonts and pictures that several have in common are there once.
    writer.compress_identical_objects(remove_duplicates=True, remove_unreferenced=True)
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
