"""Where the steps of a plain recipe are written: for messages, which name the line of the file that a person has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """What messages call each step of an expanded recipe, by its path; empty for a recipe as it is written.

    All of them are equal: where something is written is no part of what it says.
    """

    by_path: Mapping[Path, str] = field(default_factory=dict, compare=False, hash=False)
