"""A recipe's or a cell's file as it was read: what people call it, and its text, comments included."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a recipe or cell file; ``file`` is the path or shipped name under which it was given.

    Of a recipe also the files of steps that it includes, ``included``, as pairs of name and text, and what was set of
    its parameters, ``values``, as pairs of name and value.
    """

    file: str
    text: str
    included: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of the text in UTF-8: of every letter of it, other than a recipe's own hash, which is of its values.

        >>> Document("a.yaml", "name: a").sha256[:8]
        '38702603'
        """
        return hashlib.sha256(self.text.encode()).hexdigest()

    def with_values(self, values: Mapping[str, str]) -> Document:
        """Return the recipe with more of its parameters set; one that was set before has the new value."""
        return replace(self, values=tuple({**dict(self.values), **values}.items()))
