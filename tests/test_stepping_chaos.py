"""Whatever happens to a stepped tester, in any order: an output is on only while its channel says that it may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from math import isfinite

from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import ConnectionFailed, DriverError, NotConfirmed, Refused
from drivers.interfaces import TestIdentity
from orchestrator.clock.virtual import run_virtual
from protocols.program import ConstantCurrent, Loop, Rest, Until
from tests.memory_source import MemorySource
from tests.stepped_rig import CEILING, SteppedRig, open_stepped_rig, segment

_ORDERS = st.sampled_from(["read", "read", "adjust", "prepare", "on", "off", "open"])
_TROUBLE: st.SearchStrategy[DriverError | float] = st.one_of(
    st.sampled_from([ConnectionFailed("gone"), NotConfirmed("differs"), Refused("no")]),
    st.floats(0.0, 15.0),
)
_HANDS: list[Callable[[MemorySource], None]] = [
    MemorySource.press_output,
    MemorySource.unplug,
    lambda source: setattr(source.wire, "without_value", 2),
    lambda source: setattr(source.wire, "without_value", 4),
    lambda source: setattr(source.wire, "reply_s", 0.4),
    lambda source: setattr(source.wire, "offset_v", 0.7),
]
_EVENTS = st.lists(
    st.tuples(
        st.floats(0.0, 20.0),
        st.one_of(
            st.tuples(_ORDERS, _TROUBLE),
            st.sampled_from(_HANDS),
            st.sampled_from(["stop", "start", "reopen", "status"]),
        ),
    ),
    max_size=8,
)
_MADE = segment(
    Rest(Until(time_s=5.0)),
    ConstantCurrent(1.5e-4, Until(time_s=10.0, voltage_v=0.5), CEILING),
    ConstantCurrent(-1.5e-4, Until(time_s=10.0, voltage_v=-0.5), CEILING),
    Loop(1, 5),
)


async def _happens(rig: SteppedRig, event: object, identities: list[TestIdentity]) -> None:
    source, tester = rig.source, rig.tester
    try:
        if isinstance(event, tuple):
            order, trouble = event
            source.wire.next.setdefault(order, []).append(trouble)
        elif callable(event):
            event(source)
        elif event == "stop" and identities:
            await tester.stop(identities[-1])
        elif event == "start":
            identities.append(await rig.start(_MADE, f"R{len(identities):06d}"))
        elif event == "reopen":
            await tester.close()
            await tester.open()
        else:
            await rig.status()
    except DriverError:
        pass


async def _is_told(rig: SteppedRig) -> None:
    """Claim that a channel at rest has its output off."""
    try:
        status = await rig.status()
    except ConnectionFailed:
        return
    assert status.state.is_busy or not rig.source.is_on, status


@given(_EVENTS)
def test_output_is_on_only_while_the_channel_says_so(events: list[tuple[float, object]]) -> None:
    """After any faults, hands, stops and starts the channel is off, or says that it may not be; records are whole."""

    async def main() -> None:
        async with open_stepped_rig(open_circuit_age_s=1e9) as rig:
            identities = list[TestIdentity]()
            await _happens(rig, "start", identities)
            for pause_s, event in events:
                await asyncio.sleep(pause_s)
                await _happens(rig, event, identities)
                await _is_told(rig)
            await asyncio.sleep(400.0)
            await _is_told(rig)
            rig.source.wire.next.clear()
            if identities:
                await rig.tester.stop(identities[-1])
                assert not rig.source.is_on
                records = await rig.records(identities[-1])
                assert [it.sequence for it in records] == list(range(1, len(records) + 1))
                assert all(b.time_s >= a.time_s for a, b in pairwise(records))
                assert all(isfinite(it.voltage_v + it.current_a + it.capacity_ah) for it in records)

    run_virtual(main())
