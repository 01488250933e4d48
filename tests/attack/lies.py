"""The fields of the tester's replies, and the lies that one of them may tell.

A field is an attribute, or the text, of one element of a reply (reference neware-ct4008, section 4): of the row of the
attacked channel, of the echo of the request, of the newest row of data, or of the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

TEXT = "text"


class Place(StrEnum):
    """The element of a reply that a field belongs to."""

    ROW = "row"
    ECHO = "echo"
    DATA = "data"
    LIST = "list"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the replies to a command; ``read`` says whether the driver makes anything of it."""

    command: str
    place: Place
    name: str
    read: bool = True

    @property
    def title(self) -> str:
        """Name the field in a table."""
        where = "" if self.place is Place.ROW else f"{self.place.value} "
        return f"{where}{self.name}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a field said: now, at the first lie, in the reply before, and in the row of another channel."""

    now: str
    first: str
    before: str
    other: str


class Lie(StrEnum):
    """What a field says in place of the truth; the same for every field. ``Word`` lies are beside it."""

    ABSENT = "absent"
    EMPTY = "empty"
    ZERO = "zero"
    NEGATIVE = "negative"
    HUGE = "huge"
    NAN = "not a number"
    COMMA = "comma number"
    WORD = "wrong word"
    OTHER = "another channel's"
    FROZEN = "frozen"
    OFF_BY_ONE = "off by one"
    BEFORE = "previous value"


def _off_by_one(said: Said) -> str:
    whole = re.fullmatch(r"-?\d+", said.now)
    if whole:
        return str(int(said.now) + 1)
    return re.sub(r"\d(?=\D*$)", lambda digit: str((int(digit[0]) + 1) % 10), said.now, count=1)


_LIES: dict[Lie, Callable[[Said], str | None]] = {
    Lie.ABSENT: lambda _: None,
    Lie.EMPTY: lambda _: "",
    Lie.ZERO: lambda _: "0",
    Lie.NEGATIVE: lambda said: f"-{said.now.lstrip('-')}",
    Lie.HUGE: lambda _: "99999999999",
    Lie.NAN: lambda _: "nan",
    Lie.COMMA: lambda said: said.now.replace(".", ",") if "." in said.now else f"{said.now},5",
    Lie.WORD: lambda _: "dreaming",
    Lie.OTHER: lambda said: said.other,
    Lie.FROZEN: lambda said: said.first,
    Lie.OFF_BY_ONE: _off_by_one,
    Lie.BEFORE: lambda said: said.before,
}


def told(lie: Lie | str, said: Said) -> str | None:
    """Return what a lie makes of a field, None for a field left out; a plain text is said as it is."""
    return _LIES[lie](said) if isinstance(lie, Lie) else lie


def element(place: Place, channel: str, reply: bytes) -> re.Match[bytes] | None:
    """Find the element of a place in a reply: groups 1 attributes, 2 its end, 3 its text."""
    number = channel.rpartition("-")[2].encode()
    dev = f"27-{channel}-0".encode()
    mine = rb'(?:dev="' + dev + rb'"|chlid="' + number + rb'"|Channelid="' + number + rb'")'
    patterns = {
        Place.ROW: rb"<(?:inquire|chl|status|channel|start|stop|goto|reset|light)(?=[^<>]*" + mine + rb")",
        Place.ECHO: rb"<(?:download|downloadStepLayer)(?=[^<>]*" + mine + rb")",
        Place.DATA: rb"<data\b",
        Place.LIST: rb"<(?:list|middle)\b",
        Place.WHOLE: rb"<(?:result|cmd)\b",
    }
    found = list(re.finditer(patterns[place] + rb"([^<>]*?)( ?/?>)([^<]*)", reply))
    return found[-1] if found else None


def value(field: Field, channel: str, reply: bytes) -> str | None:
    """Return what a field says in a reply; None where it is not in it."""
    found = element(field.place, channel, reply)
    if found is None:
        return None
    if field.name == TEXT:
        return found[3].decode()
    attribute = re.search(rb"\b" + field.name.encode() + rb'="([^"]*)"', found[1])
    return attribute[1].decode() if attribute else None


def with_value(field: Field, channel: str, reply: bytes, says: str | None) -> bytes:
    """Return a reply in which a field says something else, or is left out."""
    found = element(field.place, channel, reply)
    if found is None:
        return reply
    if field.name == TEXT:
        return reply[: found.start(3)] + (says or "").encode() + reply[found.end(3) :]
    pattern = rb"\s\b" + field.name.encode() + rb'="[^"]*"'
    new = b"" if says is None else b" " + field.name.encode() + b'="' + says.encode() + b'"'
    attributes = re.sub(pattern, lambda _: new, found[1], count=1)
    return reply[: found.start(1)] + attributes + reply[found.end(1) :]
