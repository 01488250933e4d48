"""What a commissioning of an oven is of: which one, and the temperature above which no set point is ordered."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.commissioning.progress import Setup

USUAL_WARMEST_DEGC = 40.0
"""A step of 5 K above any laboratory lies below it, and no wrong set point up to it burns anything."""


@dataclass(frozen=True, slots=True)
class OvenSetup(Setup):
    """What a commissioning of an oven is of: no set point above ``warmest_degc`` is ordered."""

    warmest_degc: float = 0.0

    @property
    def words(self) -> str:
        """Where and how far the oven was tried, in a few words."""
        return f"{self.at} without cells, no set point above {self.warmest_degc:g} degC"

    @property
    def must_be_so(self) -> str:
        """What a person has to agree to before anything is asked."""
        return f"Is no cell in {self.instrument}, and does an independent limiter guard it?"

    @property
    def is_off(self) -> str:
        """What is to be said once the end of a question is confirmed."""
        return "its set point is a safe one"

    @property
    def not_off(self) -> str:
        """What is to be said where the end of a question could not be confirmed."""
        return "it may not have its safe set point"
