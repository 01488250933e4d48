r"""Byte exchanges with a BTS client, composed by hand from the reference: the judge of driver and simulator alike.

Neither side's code made them. A transcript is a text file. Lines starting with ``#`` are its preamble and name the
sections of ``docs/reference`` they follow. ``@ 3000`` says at which second of the bench's clock the next exchange
happens. ``> `` lines are bytes from client to server, ``< `` lines bytes from server to client, with ``\r``, ``\n`` and
``\\`` escaped; an exchange without ``< `` lines gets no answer. ``masked`` replaces the physical numbers of records,
whose last digits belong to the instrument, so that everything else can be compared byte by byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FOLDER", "Exchange", "load", "masked", "names"]

FOLDER = Path(__file__).parent

_ESCAPE = re.compile(r"\\(r|n|\\)")
_UNESCAPED = {"r": "\r", "n": "\n", "\\": "\\"}
_PHYSICAL = re.compile(rb' (volt|curr|cap|eng|startvolt|endvolt|startcurr|endcurr)="[^"]*"')


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its reply, whole, with terminators; ``time_s`` is the bench's clock, an empty reply silence."""

    request: bytes
    reply: bytes
    time_s: float = 0.0


def names() -> list[str]:
    """Give the names of all transcripts."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def load(name: str) -> list[Exchange]:
    """Read one transcript, in order."""
    exchanges: list[Exchange] = []
    request = reply = b""
    time_s = 0.0
    for line in [*(FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines(), ""]:
        mark, text = line[:2], line[2:]
        if request and ((mark == "> " and reply) or mark not in ("> ", "< ")):
            exchanges.append(Exchange(request, reply, time_s))
            request = reply = b""
        if mark == "> ":
            request += _bytes(text)
        elif mark == "< ":
            reply += _bytes(text)
        elif mark == "@ ":
            time_s = float(text)
        elif line and not line.startswith("#"):
            raise ValueError(f"transcript {name}: a line starts with none of '# ', '@ ', '> ', '< ': {line!r}")
    return exchanges


def masked(data: bytes) -> bytes:
    """Give a reply with the physical numbers of records replaced by ``*``."""
    return _PHYSICAL.sub(rb' \1="*"', data)


def _bytes(text: str) -> bytes:
    return _ESCAPE.sub(lambda found: _UNESCAPED[found.group(1)], text).encode("utf-8")
