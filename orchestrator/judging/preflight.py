"""The checks before a channel may carry current; each reason against a start is a sentence."""

from __future__ import annotations

from drivers.interfaces import ChannelState, ChannelStatus
from protocols.program import Program, VoltageBand


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
    window = segment.limits.host if resumed else segment.guards.open_circuit
    if window is None or window.low_v <= status.voltage_v <= window.high_v:
        return []
    return [_implausible(channel, status.voltage_v, window)]


def _implausible(channel: str, seen_v: float, window: VoltageBand) -> str:
    expected = f"{window.low_v:g} to {window.high_v:g} V expected"
    if window.low_v > 0 and window.low_v <= -seen_v <= window.high_v:
        return f"channel {channel} shows {seen_v:.4f} V, {expected}: the cell is in with reversed polarity"
    if window.low_v > 0 and abs(seen_v) < 0.001:
        return f"channel {channel} shows {seen_v:.4f} V, {expected}: no cell, or a short"
    return f"channel {channel} shows {seen_v:.4f} V at open circuit, {expected}: is it the right cell?"
