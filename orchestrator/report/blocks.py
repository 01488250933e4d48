"""What a report says, before it is a page: chapters of words, tables and pictures, for HTML and PDF alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from orchestrator.report.morning_words import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 16
"""A longer table of cycles, tests or findings is thinned: every row is in the store and in ``cellrig export``."""
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Heading:
    """A title within a chapter."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; ``is_quiet`` is a note in small letters, ``is_warning`` is set off by a frame, not by colour."""

    text: str
    is_quiet: bool = False
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Names with their values, one below the other; a value that is empty is left out."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts; ``numeric`` are the columns that are right-aligned. ``title`` is above, ``note`` below."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure: its name for a file, its caption, what it shows, for the file itself, and its scale on a page."""

    name: str
    figure: Figure
    caption: str
    contents: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures that belong together, as many abreast as there is room for."""

    pictures: tuple[Picture, ...]


Block = Heading | Words | Facts | TextTable | Pictures


@dataclass(slots=True)
class Chapter:
    """A part of a report that begins with a title, and how it is called in a list of contents."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report; ``generator`` is the command that made it, ``kicker`` the line above its title."""

    generator: str
    kicker: str
    title: str
    chapters: tuple[Chapter, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, in order."""
        blocks = [block for chapter in self.chapters for block in chapter.blocks]
        return tuple(picture for block in blocks if isinstance(block, Pictures) for picture in block.pictures)


def facts(*rows: tuple[str, str]) -> Facts:
    """Return the facts that have a value."""
    return Facts(tuple((name, shown(value)) for name, value in rows if value))


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[int] = (),
    note: str = "",
    title: str = "",
) -> TextTable:
    """Return a table of texts, in which only letters are kept."""
    return TextTable(tuple(heads), tuple(tuple(map(shown, row)) for row in rows), frozenset(numeric), note, title)


def thinned(rows: Sequence[Row], what: str, most: int = MOST_ROWS) -> tuple[list[Row], str]:
    """Return at most so many rows, evenly over all with the first and the last, and a note that says so."""
    if len(rows) <= most:
        return list(rows), ""
    kept = sorted({round(n * (len(rows) - 1) / (most - 1)) for n in range(most)})
    return [rows[n] for n in kept], f"{len(kept)} of {len(rows)} {what}, evenly over all; the store has every one."
