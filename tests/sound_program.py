"""A small sound program of a full cell on a small channel, for tests that spoil one value of it."""

from __future__ import annotations

from dataclasses import replace

from protocols.channel_envelope import ChannelEnvelope, CurrentRange
from protocols.program import (
    Ceiling,
    CellFacts,
    ConstantCurrent,
    CyclingSegment,
    Limits,
    Program,
    Record,
    Rest,
    Step,
    Until,
    VoltageBand,
)

SMALL = ChannelEnvelope(-5.0, 5.0, (CurrentRange(0.0, 0.0001), CurrentRange(0.0, 0.001), CurrentRange(0.0, 0.01)))
LIMITS = Limits(VoltageBand(2.7, 4.1), VoltageBand(2.5, 4.2), VoltageBand(2.0, 4.3), 0.00105, 0.0011, 0.0012)
LI_LI_LIMITS = replace(
    LIMITS, host=VoltageBand(-0.55, 0.55), tester=VoltageBand(-0.6, 0.6), absolute=VoltageBand(-1.0, 1.0)
)
RECORD = Record(every_s=30.0)
BOUNDS = Ceiling(time_s=7200.0, capacity_ah=0.0012)
CHARGE = ConstantCurrent(0.001, Until(voltage_v=4.0), BOUNDS)
DISCHARGE = ConstantCurrent(-0.001, Until(voltage_v=2.8), BOUNDS)
REST = Rest(Until(time_s=60.0))


def program_of(*steps: Step, limits: Limits | None = None, record: Record = RECORD, kind: str = "lfp") -> Program:
    """Give a program of one segment with these steps, inside the usual limits of its kind of cell."""
    limits = limits or (LI_LI_LIMITS if kind == "li-li" else LIMITS)
    return Program("mine", "0" * 64, CellFacts("mine", kind), (CyclingSegment(steps, record, limits),))
