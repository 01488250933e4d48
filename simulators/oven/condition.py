"""The condition of a simulated oven: what prints leave open of its controller, its memory, and its faults."""

from __future__ import annotations

from dataclasses import dataclass


class NotAccepted(Exception):
    """The controller does not take a value."""


@dataclass(slots=True)
class OvenQuirks:
    """What prints leave open of a controller (reference smu-and-ovens, section 28), and its settings at the panel.

    ``pv_on_sensor_break``: "rail" or "stale"; ``tells_sensor_break``: whether its status says so. ``memory_writes``: so
    often its memory may be written. A remote set point that is not refreshed for ``remote_timeout_s`` falls back to the
    local one; None never does, and with ``reads_refresh_remote`` each request refreshes it. A controller that hears
    nothing for ``stands_by_after_s`` goes to standby. ``power_on_degc`` is set at each power-on; None: what is in its
    memory. ``alarm_is_told``: whether its alarm stands in its status.
    """

    decimals: int = 1
    low_degc: float = 0.0
    high_degc: float = 300.0
    noise_k: float = 0.05
    pv_on_sensor_break: str = "rail"
    output_on_sensor_break: float = 0.0
    memory_writes: int = 100_000
    tells_sensor_break: bool = True
    alarm_is_told: bool = True
    power_on_degc: float | None = None
    remote_timeout_s: float | None = None
    reads_refresh_remote: bool = False
    stands_by_after_s: float | None = None
    loop_break_s: float = 600.0
    boots_for_s: float = 5.0
    limiter_degc: float = 200.0
    alarm_high_degc: float | None = None
    writing_needs_enabling: bool = False
    begins_volatile: bool = False


@dataclass(slots=True)
class Memory:
    """What survives a power cut, and how often it was written."""

    set_point_degc: float = 25.0
    ramp_k_per_min: float = 0.0
    writes: int = 0
    most_writes: int = 100_000

    def write(self) -> bool:
        """Count a write; False where the memory is worn out and keeps what it had."""
        self.writes += 1
        return self.writes <= self.most_writes


@dataclass(slots=True)
class Faults:
    """What is wrong with an oven now."""

    sensor_open: bool = False
    sensor_frozen_degc: float | None = None
    drift_k_per_s: float = 0.0
    drifted_k: float = 0.0
    heater_open: bool = False
    heater_stuck: bool = False
    limiter_tripped: bool = False
