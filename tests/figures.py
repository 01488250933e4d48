"""Figures that tests of faults measure: printed by ``make faults`` beside the test's result, asserted nowhere else."""

from __future__ import annotations

from typing import Protocol


class Figure(Protocol):
    """Keeps a measured value of a fault with the test's report."""

    def __call__(self, fault: str, name: str, value: float, unit: str) -> None:
        """Keep the value of a figure, such as how long it took until something was told."""
