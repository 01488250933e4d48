"""A recipe's or a cell's file as it was read: what people call it, and its text, comments included."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a recipe or cell file; ``file`` is the path or shipped name under which it was given."""

    file: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the text in UTF-8: of every letter of it, other than a recipe's own hash, which is of its values.

        >>> Document("a.yaml", "name: a").sha256[:8]
        '38702603'
        """
        return hashlib.sha256(self.text.encode()).hexdigest()
