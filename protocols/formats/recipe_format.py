"""What a format of recipes is: a writer of plans, a reader of files, or both.

``FormatError``, ``Note``, ``ReadRecipe`` and ``Written`` are here as well, for formats of other packages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocols.formats.file_contents import FormatError, Note, ReadRecipe, Written
from protocols.formats.plan import Plan

__all__ = ["FormatError", "Note", "ReadRecipe", "Reader", "RecipeFormat", "Writer", "Written"]

Writer = Callable[[Plan, float], Written]
Reader = Callable[[bytes], ReadRecipe]


@dataclass(frozen=True, slots=True)
class RecipeFormat:
    """One format of recipes.

    ``ending`` is that of its usual file names; ``about`` says in one sentence what it is and who reads it. ``write``
    makes a file of a plan and a time (s since 1970); ``read`` takes a file apart and raises FormatError; either may be
    None. ``knows`` tells from a file's bytes whether it may be of this format.
    """

    name: str
    ending: str
    about: str
    write: Writer | None = None
    read: Reader | None = None
    knows: Callable[[bytes], bool] = lambda data: False
