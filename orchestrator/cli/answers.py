"""What a person types at a prompt of a commissioning: one of some words, or a number with its unit.

Anything else is asked again; ``?`` alone says that they do not know.

>>> chosen(" No", ("yes", "no")), number("30,3 °C", "degC"), number("?", "degC")
('no', 30.3, None)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

UNKNOWN = "?"
_NUMBER = re.compile(r"([+-]?[0-9]{1,9}(?:[.,][0-9]{1,9})?)\s*(.*)")
_SPELLED = {"degC": ("degc", "°c", "c")}


def chosen(said: str, choices: Sequence[str]) -> str | None:
    """Return the word that was typed, in any capitals; None for ``?``. Raises ValueError for anything else."""
    word = said.strip()
    if word == UNKNOWN:
        return None
    for choice in choices:
        if word.lower() == choice.lower():
            return choice
    raise ValueError(f"{word!r} is no answer here: type {_either(choices)}, or {UNKNOWN} where you do not know")


def number(said: str, unit: str) -> float | None:
    """Return the number that was typed, with point or comma, with the unit or without; None for ``?``.

    Raises ValueError for anything else, another unit too.
    """
    word = said.strip()
    if word == UNKNOWN:
        return None
    match = _NUMBER.fullmatch(word)
    if match is not None and (match[2] in ("", unit) or match[2].lower() in _SPELLED.get(unit, ())):
        return float(match[1].replace(",", "."))
    raise ValueError(f"{word!r} is no number in {unit}: type one such as 30.3, or {UNKNOWN} where you do not know")


def _either(choices: Sequence[str]) -> str:
    return " or ".join(choices) if len(choices) < 3 else f"{', '.join(choices[:-1])} or {choices[-1]}"
