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
        """Give the voltage; beyond 0 and 1 it goes on along the tangent, so that no input overflows."""
        inside = min(1.0, max(0.0, fraction))
        upper = self.upper_v * math.exp((inside - 1.0) * self.upper_sharpness)
        lower = self.lower_v * math.exp(-inside * self.lower_sharpness)
        voltage = self.plateau_v + self.slope_v * (fraction - 0.5) + upper - lower
        if inside != fraction:
            voltage += (fraction - inside) * (upper * self.upper_sharpness + lower * self.lower_sharpness)
        return voltage

    def slope(self, fraction: float) -> float:
        """Give dU/dx in V."""
        inside = min(1.0, max(0.0, fraction))
        upper = self.upper_v * self.upper_sharpness * math.exp((inside - 1.0) * self.upper_sharpness)
        return self.slope_v + upper + self.lower_v * self.lower_sharpness * math.exp(-inside * self.lower_sharpness)
