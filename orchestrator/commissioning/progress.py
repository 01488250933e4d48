"""The record of a commissioning while it goes on: a JSON file beside the bench file, written after each question.

An interrupted commissioning continues behind its last answer. A file of another channel, resistor or largest current is
not continued: what it found was found elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.bench.commissioned import commissioned_name
from orchestrator.commissioning.questions import Asked, Found, Outcome, Setting
from protocols.bounded_file import BadFile, read_bounded

_MOST_BYTES = 4 << 20
_VERSION = 1
_EACH_CHANNEL = "smu"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a commissioning is of: the instrument's name and kind, on what it is tried, and the most that may flow."""

    instrument: str
    kind: str
    at: str
    ohm: float
    most_a: float

    @property
    def key(self) -> str:
        """The name under which it is kept: each source meter is an instrument of its own."""
        return commissioned_name(self.instrument, self.at if self.kind == _EACH_CHANNEL else "")

    @property
    def file_part(self) -> str:
        """The same as a part of the name of a file."""
        return self.key.replace("/", "-")

    @property
    def words(self) -> str:
        """Where the instrument was tried, in a few words."""
        return f"{self.at}, a resistor of {self.ohm:g} ohm, at most {self.most_a * 1000:.4g} mA"

    @property
    def must_be_so(self) -> str:
        """What a person has to agree to before anything is asked."""
        return f"Is this resistor on {self.at}, and nothing else?"

    @property
    def is_off(self) -> str:
        """What is to be said once the end of a question is confirmed."""
        return "nothing flows"

    @property
    def not_off(self) -> str:
        """What is to be said where the end of a question could not be confirmed."""
        return "a current may still flow"


class Progress:
    """The answers so far; ``path`` None keeps them in memory alone."""

    def __init__(self, path: Path | None, setup: Setup) -> None:
        self.setup = setup
        self._path = path
        self.asked: list[Asked] = [] if path is None else _read(path, setup)

    def answered(self, question: str) -> Found | None:
        """Return what a question has found, None where it is still to be asked."""
        return next((asked.found for asked in reversed(self.asked) if asked.question == question), None)

    def facts(self) -> dict[str, Any]:
        """Return every fact that was found."""
        return {name: value for asked in self.asked for name, value in asked.found.facts.items()}

    def keep(self, asked: Asked) -> None:
        """Add an answer, in the place of an earlier one to the same question, and write the file."""
        self.asked = [other for other in self.asked if other.question != asked.question] + [asked]
        if self._path is None:
            return
        whole = {"version": _VERSION, "setup": asdict(self.setup), "asked": [asdict(one) for one in self.asked]}
        part = self._path.with_name(f".{self._path.name}.part")
        part.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        part.replace(self._path)

    def forget(self) -> None:
        """Begin anew."""
        self.asked = []
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    done = forget


def _read(path: Path, setup: Setup) -> list[Asked]:
    """Read the answers of an interrupted commissioning of the same setup; none from a file that is no such thing."""
    if not path.exists():
        return []
    try:
        whole = json.loads(read_bounded(path, _MOST_BYTES))
        if whole["version"] != _VERSION or whole["setup"] != asdict(setup):
            return []
        return [_asked(one) for one in whole["asked"]]
    except (OSError, BadFile, ValueError, KeyError, TypeError):
        return []


def _asked(table: Mapping[str, Any]) -> Asked:
    found = table["found"]
    settings = tuple(Setting(tuple(one["path"]), one["value"]) for one in found["settings"])
    there = Found(Outcome(found["outcome"]), found["concluded"], found["evidence"], found["facts"], settings)
    return Asked(**{**table, "found": there})
