"""Takes back in memory what a transaction did that was not kept."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy


def as_before(what: object, *names: str) -> Callable[[], None]:
    """Give what sets attributes back to the objects that they are now: the undo of a transaction that rebinds them."""
    values = [(name, getattr(what, name)) for name in names]

    def undo() -> None:
        for name, value in values:
            setattr(what, name, value)

    return undo


def as_it_was(what: object, *names: str) -> Callable[[], None]:
    """Like ``as_before``, for attributes that are changed in place: they are copied."""
    values = [(name, deepcopy(getattr(what, name))) for name in names]

    def undo() -> None:
        for name, value in values:
            setattr(what, name, value)

    return undo
