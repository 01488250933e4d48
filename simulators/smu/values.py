"""The values in program messages: numbers, words and texts as a client may write them, and as a unit answers them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum

from simulators.smu.command_tree import split_outside_quotes
from simulators.smu.status import Complaint

_NUMBER_BASES = {"#H": 16, "#Q": 8, "#B": 2}


class Special(Enum):
    """What may stand in the place of a number."""

    MIN = "MIN"
    MAX = "MAX"
    DEFAULT = "DEF"
    UP = "UP"
    DOWN = "DOWN"


_SPECIALS = {
    "MIN": Special.MIN, "MINIMUM": Special.MIN, "MAX": Special.MAX, "MAXIMUM": Special.MAX, "DEF": Special.DEFAULT,
    "DEFAULT": Special.DEFAULT, "UP": Special.UP, "DOWN": Special.DOWN,
}  # fmt: skip
_INFINITE = ("INF", "INFINITE", "INFINITY")


class Arguments:
    """The values behind a header, in their order. Wrong ones raise Complaint with SCPI's number."""

    def __init__(self, text: str) -> None:
        text = text.strip()
        self.items = [item.strip() for item in split_outside_quotes(text, ",")] if text else []

    def only(self) -> str:
        """Return the one value that there is."""
        if not self.items or not self.items[0]:
            raise Complaint(-109)
        if len(self.items) > 1:
            raise Complaint(-108)
        return self.items[0]

    def number(self) -> float | Special:
        """Return the one value as a number, or what may stand in its place."""
        return number_of(self.only())

    def plain_number(self, low: float, high: float, default: float | None = None) -> float:
        """Return the one value as a number between two bounds; MIN, MAX and DEF are known. Beyond them: -222."""
        value = self.number()
        value = _resolved(value, low, high, default)
        if not low <= value <= high:
            raise Complaint(-222)
        return value

    def flag(self) -> bool:
        """Return the one value as ON or OFF."""
        word = self.only().upper()
        if word in ("ON", "OFF"):
            return word == "ON"
        number = number_of(word)
        if isinstance(number, Special):
            raise Complaint(-224)
        return number != 0.0

    def word(self, meanings: Mapping[str, str]) -> str:
        """Return what the one value, a word in its short or whole form (``NORMal``), means."""
        return word_of(self.only(), meanings)

    def texts(self) -> list[str]:
        """Return all values, each of which stands in quotes."""
        if not self.items:
            raise Complaint(-109)
        return [text_of(item) for item in self.items]

    def nothing(self) -> None:
        """Accept no value at all."""
        if self.items:
            raise Complaint(-108)


def _resolved(value: float | Special, low: float, high: float, default: float | None) -> float:
    if not isinstance(value, Special):
        return value
    known = {Special.MIN: low, Special.MAX: high} | ({} if default is None else {Special.DEFAULT: default})
    if value not in known:
        raise Complaint(-224)
    return known[value]


def number_of(text: str) -> float | Special:
    """Read one number (decimal, exponent, ``#H1F``) or what may stand in its place."""
    word = text.upper()
    if word in _SPECIALS:
        return _SPECIALS[word]
    if word in _INFINITE:
        return math.inf
    try:
        if word[:2] in _NUMBER_BASES:
            return float(int(word[2:], _NUMBER_BASES[word[:2]]))
        # Python's own reader takes more than SCPI does: underscores, "nan", digits of other scripts.
        if not word.isascii() or "_" in word or word.strip("+-").isalpha():
            raise ValueError
        return float(word)
    except ValueError:
        raise Complaint(-104 if word and not word[0].isdigit() else -102) from None


def word_of(text: str, meanings: Mapping[str, str]) -> str:
    """Return what a word means; ``meanings`` has the header form (``NORMal``) of each."""
    word = text.upper()
    for form, meaning in meanings.items():
        if word in (form.upper(), "".join(letter for letter in form if not letter.islower())):
            return meaning
    raise Complaint(-224 if word[:1].isalpha() else -104)


def text_of(item: str) -> str:
    """Return the text between two quotes of one kind."""
    if len(item) < 2 or item[0] not in "'\"" or item[-1] != item[0]:
        raise Complaint(-104)
    return item[1:-1]


def setting(value: float) -> str:
    """Write a number as a Keithley answers a setting: ``1.050000E-04``."""
    return f"{value:.6E}"


def reading(value: float) -> str:
    """Write a number with its sign, as a 2400 answers a reading: ``+1.470096E-08``."""
    return f"{value:+.6E}"
