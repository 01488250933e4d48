"""Small pictures of the voltages of all channels: sixty records each of the last cycles, out of the store.

They are read by their numbers, without what lies between, and are kept for a minute: a page adds what comes live.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from orchestrator.api import models
from orchestrator.api.parameters import TheStore
from orchestrator.api.tags import Tag
from orchestrator.clock.scaled import in_loop_time
from orchestrator.store import Mountings, Store
from orchestrator.store.errors import explained

router = APIRouter()

POINTS = 60
CYCLES = 3
_KEPT_S = 60.0
_CHANNELS = "SELECT DISTINCT channel FROM mounting ORDER BY channel"
_LAST_TEST = (
    "SELECT id, started_unix_s FROM test WHERE run_id = ? AND tester_test_id IS NOT NULL ORDER BY id DESC LIMIT 1"
)
_ENDS = """
    SELECT (SELECT sequence FROM sample WHERE test = ?1 ORDER BY sequence LIMIT 1),
        (SELECT sequence FROM sample WHERE test = ?1 ORDER BY sequence DESC LIMIT 1)
"""
# Where the cycle begins before which so many are left out: the present one is not among those that are whole.
_BEGIN = """
    SELECT first_sequence FROM step WHERE test = ?1 AND start_s > -0.5 +
        (SELECT start_s FROM cycle WHERE test = ?1 ORDER BY cycle DESC LIMIT 1 OFFSET ?2)
    ORDER BY step_count LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class _Kept:
    trace: models.Trace | None
    read_s: float


class Traces:
    """The traces of the channels of one store, each read again after a minute."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._reading = asyncio.Lock()

    async def of(self, store: Store) -> list[models.Trace]:
        """Return the traces of all channels with a cell in them. Raises StoreError."""
        loop = asyncio.get_running_loop()
        async with self._reading:
            with explained(store.path):
                channels = [channel for (channel,) in store.connection.execute(_CHANNELS).fetchall()]
            for channel in channels:
                kept = self._kept.get(channel)
                if kept is None or loop.time() - kept.read_s >= in_loop_time(_KEPT_S):
                    self._kept[channel] = _Kept(read_trace(store, channel), loop.time())
                    await asyncio.sleep(0)
            traces = (self._kept[channel].trace for channel in channels)
            return [trace for trace in traces if trace is not None]


def read_trace(store: Store, channel: str) -> models.Trace | None:
    """Return the voltage of the last cycles of the run whose cell is in a channel; None without. Raises StoreError."""
    use = Mountings(store).last_use(channel)
    if use is None or use.run_id is None:
        return None
    with explained(store.path):
        test = store.connection.execute(_LAST_TEST, (use.run_id,)).fetchone()
        if test is None:
            return None
        number, began_unix_s = test
        first, last = store.connection.execute(_ENDS, (number,)).fetchone()
        if last is None:
            return None
        begin = store.connection.execute(_BEGIN, (number, CYCLES - 2)).fetchone()
        first = first if begin is None else max(first, begin[0])
        step = max(1.0, (last - first) / (POINTS - 1))
        wanted = sorted({round(first + n * step) for n in range(POINTS) if first + n * step <= last + 0.5})
        marks = ", ".join("?" * len(wanted))
        sql = f"SELECT time_s, voltage_v FROM sample WHERE test = ? AND sequence IN ({marks}) ORDER BY sequence"  # noqa: S608 - marks only
        rows = store.connection.execute(sql, (number, *wanted)).fetchall()
    return models.Trace(
        channel=channel,
        run_id=use.run_id,
        times_at=[round(began_unix_s + time_s, 1) for time_s, _ in rows],
        voltages=[round(volt, 5) if volt is not None and isfinite(volt) else None for _, volt in rows],
    )


async def the_traces(request: Request) -> Traces:
    """Return the traces that are kept."""
    traces: Traces = request.app.state.channel_traces
    return traces


@router.get("/channels/traces", tags=[Tag.CHANNELS])
async def traces(store: TheStore, kept: Annotated[Traces, Depends(the_traces)]) -> list[models.Trace]:
    """Return a small picture of the voltage of each channel with a cell: at most 60 records of the last cycles."""
    return await kept.of(store)
