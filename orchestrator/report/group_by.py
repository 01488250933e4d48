"""What runs have in common that are replicates of each other; nothing heavy is imported for the command line's help."""

from __future__ import annotations

from enum import StrEnum


class GroupBy(StrEnum):
    """What runs have in common that are replicates: their cell's file and recipe, or their label but its number."""

    CELL = "cell"
    LABEL = "label"
