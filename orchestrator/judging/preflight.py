"""The checks before a channel may carry current; each reason against a start is a sentence."""

from __future__ import annotations

from drivers.interfaces import ChannelState, ChannelStatus
from protocols.cell import SYMMETRIC
from protocols.program import Program, VoltageBand

# Below this voltage a channel shows nothing: an empty holder drifts, and testers resolve 0.1 mV.
NOTHING_V = 0.001
# A cell that was held at the end of a window shows that end a few millivolts off: calibration and relaxation.
READING_V = 0.01
REMEDY = (
    "If it is, and is charged or discharged as this test wants it, order it again with --accept-voltage REASON (REST: "
    "accept_voltage), which is kept with the run; a recipe for such cells says guards.open_circuit"
)


def reasons_not_to_start(program: Program, status: ChannelStatus, *, resumed: bool = False) -> list[str]:
    """Return the reasons why this program must not start on a channel in this state; empty if there are none.

    A ``resumed`` cell is somewhere in its cycle: its voltage may be anywhere within the host's limits.
    """
    channel = status.channel
    if status.state is ChannelState.ABSENT:
        return [f"channel {channel} does not exist on the tester"]
    if not status.state.is_at_rest:
        owner = f" with {status.barcode!r} on it" if status.barcode else ""
        return [f"channel {channel} is already {status.state.value}{owner}; stop that test or take another channel"]
    segment = program.cycling[0]
    host = segment.limits.host
    window = host if resumed else segment.guards.open_circuit
    if window is None or window.low_v - READING_V <= status.voltage_v <= window.high_v + READING_V:
        return []
    return [_outside(channel, status.voltage_v, window, host, is_symmetric=program.cell.kind in SYMMETRIC)]


def _outside(channel: str, seen_v: float, window: VoltageBand, host: VoltageBand, *, is_symmetric: bool) -> str:
    """Say which cell may be there, and how a person starts it nevertheless where no limit forbids it."""
    seen = f"channel {channel} shows {seen_v:z.4f} V"
    expected = f"{window.low_v:g} to {window.high_v:g} V expected"
    if not is_symmetric and seen_v < window.low_v and window.low_v <= -seen_v <= window.high_v:
        return f"{seen}, {expected}: the cell is in with reversed polarity"
    allowed = host.low_v <= seen_v <= host.high_v
    if window.low_v > 0 and abs(seen_v) < NOTHING_V:
        return f"{seen}, {expected}: no cell, or a short" + (f"? {REMEDY}" if allowed else "")
    if allowed:
        return f"{seen} at open circuit, {expected}: is it the right cell? {REMEDY}"
    limits = f"the host's limits, {host.low_v:g} to {host.high_v:g} V"
    return f"{seen} at open circuit, {expected}: is it the right cell? Beyond {limits}, it would be stopped at once"
