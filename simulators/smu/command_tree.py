"""The grammar of program messages: how a line falls apart into commands, and which command a header names.

Every word of a header may be written short or whole, in any case; words in brackets may be left out (reference
smu-and-ovens, section 5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Generic, TypeVar

C = TypeVar("C")

_WORD = re.compile(r"(\[)?:?(\*?[A-Za-z]+)(\[1\]|\d)?(\])?")
_QUOTES = "'\""
_MOST_KNOWN = 4096
"""So many spellings are kept: a client that sends garbage fills no memory."""


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split a text at each separator that stands outside single and double quotes."""
    if "'" not in text and '"' not in text:
        return text.split(separator)
    parts, start, quote = [], 0, ""
    for at, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES:
            quote = letter
        elif letter == separator:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


class _Node(Generic[C]):
    __slots__ = ("command", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node[C]] = {}
        self.command: C | None = None


class CommandTree(Generic[C]):
    """Commands by their headers, as ``[:SENSe[1]]:CURRent[:DC]:RANGe``: capitals are the short form.

    >>> tree = CommandTree({"[:SENSe[1]]:CURRent[:DC]:RANGe": "current range"})
    >>> tree.find(("CURR", "RANGE")), tree.find(("SENS1", "CURRENT", "DC", "RANG")), tree.find(("CURRE", "RANG"))
    ('current range', 'current range', None)
    """

    def __init__(self, commands: Mapping[str, C]) -> None:
        """Build the tree. Two commands with one spelling are a ValueError."""
        self._root: _Node[C] = _Node()
        self._known: dict[tuple[str, ...], C | None] = {}
        for header, command in commands.items():
            self._add(header, command)

    def find(self, words: tuple[str, ...]) -> C | None:
        """Return the command that these words, in capitals, name; None where there is none."""
        if words not in self._known:
            node: _Node[C] | None = self._root
            for word in words:
                node = node.words.get(word) if node is not None else None
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[words] = None if node is None else node.command
        return self._known[words]

    def _add(self, header: str, command: C) -> None:
        for way in _ways(header):
            end = self._root
            for spellings in way:
                end = _joined(end, spellings)
            if end.command not in (None, command):
                raise ValueError(f"two commands have the header {header}")
            end.command = command


@lru_cache(maxsize=1024)
def _ways(header: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return each way through a header, without and with its optional words, as the spellings of each word."""
    words = [(_spellings(word, number), bool(optional)) for optional, word, number, _ in _WORD.findall(header)]
    return tuple(
        tuple(spellings for (spellings, _), is_given in zip(words, given, strict=True) if is_given)
        for given in product(*([False, True] if optional else [True] for _, optional in words))
    )


def _spellings(word: str, number: str) -> tuple[str, ...]:
    """Return the ways to write one word: short and whole, with the number that it has or may have."""
    short = "".join(letter for letter in word if not letter.islower())
    numbers = ("", "1") if number == "[1]" else (number,)
    return tuple({spelling + suffix for spelling in (short, word.upper()) for suffix in numbers})


def _joined(node: _Node[C], spellings: tuple[str, ...]) -> _Node[C]:
    """Return the node behind a word, the same for every spelling of it."""
    there = next((node.words[spelling] for spelling in spellings if spelling in node.words), None) or _Node()
    for spelling in spellings:
        node.words[spelling] = there
    return there
