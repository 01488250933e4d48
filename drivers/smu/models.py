"""The models of source meters that the driver knows: ranges, corners of the envelope and times of a conversion.

Every number is of the reference smu-and-ovens, section 2 (ranges) and 12 (times).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class SmuModel(StrEnum):
    """The models, as a bench file names them."""

    KEITHLEY_2400 = "keithley-2400"
    KEITHLEY_2450 = "keithley-2450"
    KEITHLEY_2460 = "keithley-2460"
    KEYSIGHT_B2901A = "keysight-b2901a"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The abilities of one model.

    ``type_name`` is the second field of its identity. ``corners`` are pairs of the largest voltage and the largest
    current up to that voltage. ``high_impedance_a`` is the largest current range with which the output can be switched
    off to high impedance. ``functions`` is the number of conversions of one reading, each ``overhead_s`` longer than
    its integration; autozero multiplies them by ``autozero_factor``; a reading takes ``reading_s`` beside them.
    """

    type_name: str
    voltage_ranges_v: tuple[float, ...]
    current_ranges_a: tuple[float, ...]
    corners: tuple[tuple[float, float], ...]
    high_impedance_a: float
    functions: int
    overhead_s: float
    autozero_factor: int
    reading_s: float
    shortest_plc: float = 0.01

    @property
    def largest_a(self) -> float:
        """The largest current at any voltage, at which the output can still be switched off to high impedance."""
        return min(self.high_impedance_a, max(current_a for _, current_a in self.corners))

    def allows(self, voltage_v: float, current_a: float) -> bool:
        """Return whether magnitudes of voltage and current lie inside a corner of the envelope together."""
        return any(voltage_v <= corner_v and current_a <= corner_a for corner_v, corner_a in self.corners)


_MICRO = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1)

MODELS: Mapping[SmuModel, ModelFacts] = MappingProxyType(
    {
        SmuModel.KEITHLEY_2400: ModelFacts(
            type_name="2400",
            voltage_ranges_v=(0.2, 2.0, 20.0, 200.0),
            current_ranges_a=(*_MICRO, 1.0),
            corners=((21.0, 1.05), (210.0, 0.105)),
            high_impedance_a=1.05,
            functions=2,
            overhead_s=185e-6,
            autozero_factor=3,
            # 28 readings a second at one cycle of 50 Hz without autozero (section 12).
            reading_s=0.0155,
        ),
        SmuModel.KEITHLEY_2450: ModelFacts(
            type_name="2450",
            voltage_ranges_v=(0.02, 0.2, 2.0, 20.0, 200.0),
            current_ranges_a=(1e-8, 1e-7, *_MICRO, 1.0),
            corners=((21.0, 1.05), (210.0, 0.105)),
            high_impedance_a=1.05,
            functions=1,
            overhead_s=1e-3,
            autozero_factor=3,
            reading_s=0.005,
        ),
        SmuModel.KEITHLEY_2460: ModelFacts(
            type_name="2460",
            # Section 2.2 has no table for it: what its sources name, and the smaller of two corners. A bench file may
            # say otherwise.
            voltage_ranges_v=(0.2, 2.0, 20.0, 100.0),
            current_ranges_a=(*_MICRO, 1.0, 4.0, 7.0),
            corners=((10.0, 7.0), (20.0, 4.0), (100.0, 1.0)),
            high_impedance_a=7.0,
            functions=1,
            overhead_s=1e-3,
            autozero_factor=3,
            reading_s=0.005,
        ),
        SmuModel.KEYSIGHT_B2901A: ModelFacts(
            type_name="B2901A",
            voltage_ranges_v=(0.2, 2.0, 20.0, 200.0),
            current_ranges_a=(1e-7, *_MICRO, 1.0, 1.5, 3.0),
            corners=((6.0, 3.03), (21.0, 1.515), (210.0, 0.105)),
            # Its high impedance is for ranges up to 100 mA (section 9).
            high_impedance_a=0.1,
            functions=2,
            overhead_s=1e-3,
            autozero_factor=1,
            reading_s=0.005,
        ),
    }
)
