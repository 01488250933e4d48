"""The checks of what a channel shows before it may carry current: whether it is free, and its open-circuit voltage."""

from __future__ import annotations

from drivers.interfaces import ChannelState, ChannelStatus
from orchestrator.checks import Check, CheckName, failed, not_asked, passed, postponed
from protocols.cell import SYMMETRIC
from protocols.program import Program, VoltageBand

# Below this voltage a channel shows nothing: an empty holder drifts, and testers resolve 0.1 mV.
NOTHING_V = 0.001
# A cell that was held at the end of a window shows that end a few millivolts off: calibration and relaxation.
READING_V = 0.01
NO_WINDOW = "neither the recipe nor the kind of cell has a window for it"
_LOOK = "Look at the holder, put the right cell in, and order the run again"
REMEDY = (
    "If it is, and is charged or discharged as this test wants it, order it again with --accept-voltage REASON (REST: "
    "accept_voltage), which is kept with the run; a recipe for such cells says guards.open_circuit"
)


def channel_checks(program: Program, status: ChannelStatus, *, resumed: bool = False) -> tuple[Check, ...]:
    """Judge whether a channel is free for a program, and whether its voltage can be that of the program's cell.

    A ``resumed`` cell is somewhere in its cycle: its voltage may be anywhere within the host's limits.
    """
    free = _free(status)
    if free.is_failed:
        return free, postponed(CheckName.VOLTAGE, "the voltage of a channel that is not free says nothing of this cell")
    return free, _voltage(program, status, resumed=resumed)


def _free(status: ChannelStatus) -> Check:
    channel = status.channel
    if status.state is ChannelState.ABSENT:
        missing = f"channel {channel} does not exist on the tester"
        return failed(CheckName.CHANNEL, missing, "check the middle machine, or take another channel")
    if not status.state.is_at_rest:
        owner = f" with {status.barcode!r} on it" if status.barcode else ""
        works = f"channel {channel} is already {status.state.value}{owner}"
        return failed(CheckName.CHANNEL, works, "stop that test or take another channel")
    return passed(CheckName.CHANNEL, f"channel {channel} is free: the tester shows it {status.state.value}")


def _voltage(program: Program, status: ChannelStatus, *, resumed: bool) -> Check:
    segment = program.cycling[0]
    host = segment.limits.host
    window = host if resumed else segment.guards.open_circuit
    if window is None:
        shown = f"channel {status.channel} shows {status.voltage_v:z.4f} V"
        return not_asked(CheckName.VOLTAGE, f"{shown}; {NO_WINDOW}")
    if window.low_v - READING_V <= status.voltage_v <= window.high_v + READING_V:
        expected = f"{window.low_v:g} to {window.high_v:g} V expected"
        return passed(CheckName.VOLTAGE, f"{status.voltage_v:z.4f} V on channel {status.channel}, {expected}")
    symmetric = program.cell.kind in SYMMETRIC
    return _outside(status.channel, status.voltage_v, window, host, is_symmetric=symmetric)


def _outside(channel: str, seen_v: float, window: VoltageBand, host: VoltageBand, *, is_symmetric: bool) -> Check:
    """Say which cell may be there, and how a person starts it nevertheless where no limit forbids it."""
    seen = f"channel {channel} shows {seen_v:z.4f} V"
    expected = f"{window.low_v:g} to {window.high_v:g} V expected"
    if not is_symmetric and seen_v < window.low_v and window.low_v <= -seen_v <= window.high_v:
        reversed_ = f"{seen}, {expected}: the cell is in with reversed polarity"
        return failed(CheckName.VOLTAGE, reversed_, "turn the cell, or exchange its leads, and order the run again")
    allowed = host.low_v <= seen_v <= host.high_v
    if window.low_v > 0 and abs(seen_v) < NOTHING_V:
        nothing = f"{seen}, {expected}: no cell, or a short, or a cell of another kind?"
        return failed(CheckName.VOLTAGE, nothing, f"Look at the holder. {REMEDY}" if allowed else _LOOK)
    if allowed:
        return failed(CheckName.VOLTAGE, f"{seen} at open circuit, {expected}: is it the right cell?", REMEDY)
    beyond = f"Beyond the host's limits, {host.low_v:g} to {host.high_v:g} V, it would be stopped at once"
    return failed(CheckName.VOLTAGE, f"{seen} at open circuit, {expected}: is it the right cell?", beyond)
