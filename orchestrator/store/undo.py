"""Takes back in memory what a transaction did that was not kept."""

from __future__ import annotations

from collections.abc import Callable


def as_before(what: object, *names: str) -> Callable[[], None]:
    """Give what sets attributes back to what they are now: the undo of a transaction that changes them."""
    values = [(name, getattr(what, name)) for name in names]

    def undo() -> None:
        for name, value in values:
            setattr(what, name, value)

    return undo
