"""The regulator of a temperature controller: a PID for one heater, called each second, and a set point that ramps."""

from __future__ import annotations

from dataclasses import dataclass

STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class PidParameters:
    """The tuning of a regulator (reference smu-and-ovens, section 23)."""

    band_k: float = 12.0
    integral_s: float = 600.0
    derivative_s: float = 60.0


class Pid:
    """A PID without overshoot of its own: the integral moves only while the output is within its limits."""

    def __init__(self, parameters: PidParameters) -> None:
        """Begin with nothing integrated."""
        self.parameters = parameters
        self._integral = 0.0
        self._before_degc: float | None = None

    def output(self, working_degc: float, measured_degc: float) -> float:
        """Return the output, 0 to 1, a second after the last call."""
        p = self.parameters
        gain = 1.0 / p.band_k
        error_k = working_degc - measured_degc
        slope = 0.0 if self._before_degc is None else (measured_degc - self._before_degc) / STEP_S
        self._before_degc = measured_degc
        straight = gain * (error_k - p.derivative_s * slope)
        step = gain * error_k * STEP_S / p.integral_s
        wanted = straight + self._integral + step
        if 0.0 < wanted < 1.0:
            self._integral += step
        return min(1.0, max(0.0, straight + self._integral))

    def start_over(self) -> None:
        """Forget the past, as at power-on."""
        self._integral, self._before_degc = 0.0, None


def ramped(working_degc: float, target_degc: float, rate_k_per_s: float) -> float:
    """Return the working set point a second later; a rate of 0 is no ramp."""
    if rate_k_per_s <= 0.0:
        return target_degc
    step = rate_k_per_s * STEP_S
    return (
        min(target_degc, working_degc + step) if target_degc > working_degc else max(target_degc, working_degc - step)
    )
