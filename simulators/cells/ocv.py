"""The open-circuit voltage of LiFePO4: a plateau between two steep ends, straight lines beyond full and empty."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlateauOcv:
    """Voltage against lithium over the delithiated fraction of the particles' surface (0 discharged, 1 charged)."""

    plateau_v: float
    slope_v: float
    upper_v: float
    upper_sharpness: float
    lower_v: float
    lower_sharpness: float

    def voltage_v(self, fraction: float) -> float:
        """Return the voltage; beyond 0 and 1 it follows the tangent, so that no input overflows."""
        if 0.0 <= fraction <= 1.0:
            upper = self.upper_v * math.exp((fraction - 1.0) * self.upper_sharpness)
            lower = self.lower_v * math.exp(-fraction * self.lower_sharpness)
            return self.plateau_v + self.slope_v * (fraction - 0.5) + upper - lower
        end = 0.0 if fraction < 0.0 else 1.0
        return self.voltage_v(end) + (fraction - end) * self.slope(end)

    def slope(self, fraction: float) -> float:
        """Return dU/dx in V."""
        inside = min(1.0, max(0.0, fraction))
        upper = self.upper_v * self.upper_sharpness * math.exp((inside - 1.0) * self.upper_sharpness)
        return self.slope_v + upper + self.lower_v * self.lower_sharpness * math.exp(-inside * self.lower_sharpness)
