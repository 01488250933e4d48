"""What one tester channel can do, and every reason why it cannot run a given program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CurrentRange:
    """One current range: magnitudes from ``low_a`` to full scale ``high_a`` can be set, in amperes."""

    low_a: float
    high_a: float


@dataclass(frozen=True, slots=True)
class ChannelEnvelope:
    """What one channel can do. Defaults are those of the CT-4000 family (reference neware-ct4008, section 1.2)."""

    voltage_low_v: float
    voltage_high_v: float
    current_ranges: tuple[CurrentRange, ...]
    record_every_min_s: float = 0.1
    steps_max: int = 254
    loop_times_max: int = 65535
    loop_depth_max: int = 3
    step_time_max_s: float = 365 * 86400.0
    discharge_voltage_min_v: float | None = None
    holds_voltage_on_discharge: bool = True

    @property
    def negative_voltage(self) -> bool:
        """Whether the channel can drive a cell below zero volts."""
        return self.voltage_low_v < 0
