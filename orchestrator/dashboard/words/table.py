"""The table of everything that a person reads on a page: a code, and its text in each language.

A text names its values in braces: ``"cycle {cycle} of {cycles}"``. Both languages of a code name the same values, so
that an event that was stored as code and values is told in the language that its reader has chosen later.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "zh")
_FOLDER = Path(__file__).resolve().parent


class WordsError(ValueError):
    """A file of words is wrong; the message names the file, the code and what to do."""


def placeholders(text: str) -> frozenset[str]:
    """Return the names of the values of a text. Raises ValueError for braces that are not in pairs."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


class Words:
    """All texts by language and code."""

    def __init__(self, table: Mapping[str, Mapping[str, str]]) -> None:
        self._table = {lang: {code: texts[lang] for code, texts in table.items()} for lang in LANGUAGES}

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> Words:
        """Return the words of the files of this package, read once. Raises WordsError."""
        return cls.of(sorted(_FOLDER.glob("*.toml")))

    @classmethod
    def of(cls, files: Iterable[Path]) -> Words:
        """Return the words of these files. Raises WordsError for a code that is wrong, or is there twice."""
        table: dict[str, dict[str, str]] = {}
        found_in: dict[str, str] = {}
        for file in files:
            for code, texts in tomllib.loads(file.read_text("utf-8")).items():
                if code in table:
                    raise WordsError(f"{file.name}: {code} is in {found_in[code]} already; use that, or another code")
                table[code], found_in[code] = _checked(file.name, code, texts), file.name
        return cls(table)

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, sorted."""
        return tuple(sorted(self._table[LANGUAGES[0]]))

    def has(self, code: str) -> bool:
        """Return whether there is a text for a code."""
        return code in self._table[LANGUAGES[0]]

    def text(self, lang: str, code: str) -> str:
        """Return the text of a code with its braces. Raises KeyError for a code that is not in the table."""
        return self._table[lang if lang in self._table else LANGUAGES[0]][code]

    def texts(self, lang: str) -> dict[str, str]:
        """Return all texts of a language by code, for the scripts of the pages."""
        return dict(self._table[lang])

    def say(self, lang: str, code: str, /, **values: object) -> str:
        """Return a text with its values. Raises KeyError for a code, or a value, that is not there."""
        return self.text(lang, code).format_map({name: _apart(value) for name, value in values.items()})


# Signs by which a name turns the direction of what stands behind it.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def _apart(value: object) -> object:
    """Return a value whose signs of direction end with it."""
    return f"\u2068{value}\u2069" if isinstance(value, str) and _TURNING.search(value) else value


def _checked(file: str, code: str, texts: object) -> dict[str, str]:
    if not isinstance(texts, dict) or set(texts) != set(LANGUAGES):
        raise WordsError(f"{file}: {code} needs en and zh, and nothing else")
    if not all(isinstance(text, str) and text.strip() for text in texts.values()):
        raise WordsError(f"{file}: {code} has an empty text")
    try:
        named = [placeholders(texts[lang]) for lang in LANGUAGES]
    except ValueError as err:
        raise WordsError(f"{file}: {code}: {err}") from None
    if len(set(named)) > 1:
        raise WordsError(f"{file}: {code} names other values in en than in zh: {sorted(named[0] ^ named[1])}")
    return {lang: str(texts[lang]) for lang in LANGUAGES}
