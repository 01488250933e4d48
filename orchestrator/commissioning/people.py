"""The operator of a commissioning: asked only what the wire cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Person(Protocol):
    """Somebody at the instrument. Each answer is theirs; None where they cannot tell."""

    name: str

    def tell(self, sentence: str) -> None:
        """Show a sentence."""

    def agrees(self, question: str) -> bool:
        """Ask for a yes before something is done."""

    def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Ask which of some answers is right."""

    def reads(self, question: str, unit: str) -> float | None:
        """Ask what a display shows, in a unit."""
