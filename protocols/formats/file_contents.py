"""What a file of another program holds, written or read, and notes on what it cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from protocols.errors import InputError

# A part of a recipe file: texts, lists and mappings, as they are written.
Doc = dict[str, Any]


class FormatError(InputError):
    """A recipe cannot be written in a format, or a file cannot be read as a recipe; the message says why."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that is not the same on the other side: where, and what.

    ``is_lost``: something of the test itself is missing there. Otherwise it is said in other words there, or is what
    cellrig's host does beside a test.
    """

    where: str
    what: str
    is_lost: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Written:
    """A file for another program, and what it does not say."""

    data: bytes
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadRecipe:
    """What a file of another program says, as parts of a recipe file.

    ``source``: what the file is and who wrote it, in a few words; ``title``: what it calls the test, or "".
    ``steps`` and ``record`` are in the words of a recipe; ``low_v`` and ``high_v`` are where the file's own protection
    ends the test, None without any.
    """

    source: str
    title: str
    steps: list[Doc]
    record: Doc
    low_v: Decimal | None = None
    high_v: Decimal | None = None
    notes: tuple[Note, ...] = ()


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Give a value that must be a mapping. Raises FormatError."""
    if not isinstance(value, dict):
        raise FormatError(f"{where} is {value!r:.60}; expected names with values")
    return value
