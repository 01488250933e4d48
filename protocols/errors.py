"""Errors of recipe and cell files, each with file, line and field. All problems of a file are reported together.

::

    InputError
     +-- RecipeError        a recipe or cell file is wrong; carries every problem
     +-- UnknownName        no shipped recipe or cell has this name
     +-- WrongChange        a value cannot be set in a file like this
     +-- ResolveError       this recipe cannot be run with this cell; carries every reason
     +-- Implausible        it can, but hardly anybody means it; carries every reason, and a person may confirm it
          +-- NeedsSecondPerson  a gross outlier that one person alone has confirmed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SECOND_PERSON = "--second-person NAME, by REST the field second_person"


class InputError(Exception):
    """A recipe, a cell or their combination cannot be used. Trying again does not help; changing the input does."""


@dataclass(frozen=True, slots=True, order=True)
class RecipeProblem:
    """One thing wrong in one place; ``line`` counts from 1, ``field`` is a path like ``steps[2].until.voltage``."""

    file: str
    line: int
    field: str
    seen: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: saw {self.seen}; expected {self.expected}"


class RecipeError(InputError):
    """A recipe or cell file is wrong. The message has one line for each of ``problems``."""

    def __init__(self, problems: Sequence[RecipeProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UnknownName(InputError):
    """No recipe or cell of this name is shipped, and no such file exists."""


class WrongChange(InputError):
    """A value cannot be set in the text of a recipe or cell: it is not written as it must be, or has no place."""


class ResolveError(InputError):
    """A recipe cannot be run with a cell. The message has one line, a sentence, for each of ``reasons``."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join(self.reasons))


class Implausible(InputError):
    """A program is implausible for its cell, and nobody has confirmed it; ``reasons``, one a line, then the remedy.

    ``twice``: some of it lies so far outside that two persons confirm it.
    """

    def __init__(self, recipe: str, cell: str, reasons: Sequence[str], *, twice: bool = False) -> None:
        self.reasons = tuple(reasons)
        listed = "\n".join(f"- {reason}" for reason in self.reasons)
        second = f" It is far outside, so that another person confirms it too: {SECOND_PERSON}." if twice else ""
        super().__init__(
            f"{recipe} is implausible with {cell}, and nothing was started:\n{listed}\n"
            "Correct the recipe or the cell. If it is meant, somebody confirms it by name: "
            f"--confirm-implausible NAME, by REST the field confirm_implausible.{second}"
        )


class NeedsSecondPerson(Implausible):
    """A program is far outside of what is usual for its cell, and one person alone has confirmed it."""

    def __init__(self, recipe: str, cell: str, reasons: Sequence[str], by: str) -> None:
        super().__init__(recipe, cell, reasons)
        listed = "\n".join(f"- {reason}" for reason in self.reasons)
        words = (
            f"{recipe} is far outside of what is usual with {cell}, and nothing was started:\n{listed}\n"
            f"{by} has confirmed it; another person does so too, after a look at the cell's mass and area: "
            f"{SECOND_PERSON}."
        )
        self.args = (words,)
