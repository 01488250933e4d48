"""Restores objects in memory when a transaction fails."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy


def as_before(what: object, *names: str) -> Callable[[], None]:
    """Return a function that restores attributes to their present objects: for transactions that assign new objects."""
    values = [(name, getattr(what, name)) for name in names]

    def undo() -> None:
        for name, value in values:
            setattr(what, name, value)

    return undo


def as_it_was(what: object, *names: str) -> Callable[[], None]:
    """Return a function that restores attributes from copies made now: for objects that are changed in place."""
    values = [(name, deepcopy(getattr(what, name))) for name in names]

    def undo() -> None:
        for name, value in values:
            setattr(what, name, value)

    return undo
