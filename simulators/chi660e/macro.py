"""Reads macro files: four bytes of length, then a command a line [4.1, 4.2]."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from simulators.chi660e.settings import Settings

_PREFIX = struct.Struct("<I")


class BadPrefix(Exception):
    """The macro's length is absurd: the real program dies with a runtime error's box."""


@dataclass(frozen=True, slots=True)
class Line:
    """One command: its name in lower case without spaces, and its value as written, None where there is none."""

    number: int
    name: str
    value: str | None = None

    @property
    def squeezed(self) -> str:
        """Return the value without spaces and in lower case."""
        return "".join((self.value or "").split()).lower()


def read_macro(data: bytes, settings: Settings) -> list[Line]:
    """Return the commands of a macro file up to ``end``. BadPrefix when the length in front is absurd."""
    if len(data) < _PREFIX.size:
        raise BadPrefix(f"the macro has {len(data)} bytes")
    (length,) = _PREFIX.unpack_from(data)
    text = data[_PREFIX.size :]
    if length > settings.absurd_bytes:
        raise BadPrefix(f"the macro says that it is {length} bytes long")
    form = "hardpotato" if text[:1] in (b"\r", b"\n") else "length"
    ends = "crlf" if b"\r\n" in text else "lf"
    if settings.prefix_form not in ("any", form) or settings.line_ends not in ("any", ends):
        raise BadPrefix(f"no text is found in a macro of the form {form}, {ends}")
    if length < len(text) and settings.short_prefix == "cut":
        text = text[:length]
    return parse(text.decode("ascii", "surrogateescape"), settings)


def parse(text: str, settings: Settings) -> list[Line]:
    """Return a macro's commands up to ``end``: case and spaces are ignored, ``;`` or ``#`` begins a comment."""
    lines: list[Line] = []
    for number, raw in enumerate(text.splitlines(keepends=True), 1):
        bare = _without_comment(raw).strip()
        if not bare:
            continue
        line = _line(number, bare, settings)
        if line.name == "end":
            break
        if line.name == "forcequit" and settings.needs_final_newline and not raw.endswith(("\n", "\r")):
            break
        lines.append(line)
    return lines


def _without_comment(raw: str) -> str:
    ends = [at for mark in ";#" if (at := raw.find(mark)) >= 0]
    return raw[: min(ends)] if ends else raw


def _line(number: int, bare: str, settings: Settings) -> Line:
    ends = [at for mark in ":=" if (at := bare.find(mark)) >= 0]
    if not ends:
        return Line(number, "".join(bare.split()).lower())
    at = min(ends)
    value = bare[at + 1 :].strip()
    name = "".join(bare[:at].split()).lower()
    return Line(number, name, value if settings.keeps_spaces else "".join(value.split()))
