"""A rack in virtual time with runs of every kind and fate, for pictures of what commands print of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from orchestrator.clock.virtual import run_virtual
from orchestrator.rack.service import Service
from orchestrator.store import open_store
from tests.api_client import client_of
from tests.rig import Rig, open_rig

LI_LI = """\
name: li-li-short
title: Three short cycles
for: [li-li]
record: {every: 60 s, on_voltage_change: 5 mV}
steps:
  - step: repeat
    times: 3
    steps:
      - {step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 20 min, voltage: 0.5 V}}
      - {step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {time: 20 min, voltage: -0.5 V}}
"""
LFP = """\
name: lfp-short
title: Five cycles of an LFP cell
for: [lfp]
record: {every: 60 s, on_voltage_change: 20 mV}
steps:
  - step: repeat
    times: 5
    steps:
      - {step: constant_current, direction: charge, current: 1000 mA/g, until: {voltage: 4.0 V, time: 4 h}}
      - {step: constant_current, direction: discharge, current: 1000 mA/g, until: {voltage: 2.8 V, time: 4 h}}
"""
LI_CU = """\
name: li-cu-reservoir-short
title: A small reservoir
for: [li-cu]
record: {every: 60 s}
limits: {host: {low: -0.5 V, high: 3.3 V}, tester: {low: -0.6 V, high: 3.4 V}, absolute: {low: -1 V, high: 3.5 V}}
steps:
  - {step: constant_current, direction: discharge, current: 1 mA/cm2, until: {capacity: 0.06 mAh/cm2}}
  - {step: constant_current, direction: charge, current: 1 mA/cm2, until: {voltage: 1 V, time: 1 h}}
  - {step: constant_current, direction: discharge, current: 1 mA/cm2, until: {capacity: 0.06 mAh/cm2}}
  - step: repeat
    times: 3
    steps:
      - {step: constant_current, direction: charge, current: 1 mA/cm2, until: {capacity: 0.02 mAh/cm2, voltage: 1 V}}
      - {step: constant_current, direction: discharge, current: 1 mA/cm2, until: {capacity: 0.02 mAh/cm2}}
  - {step: constant_current, direction: charge, current: 1 mA/cm2, until: {voltage: 1 V, time: 1 h}}
"""
# A label of Chinese letters, each of two columns; a long one; none.
ORDERS = (
    {"recipe_yaml": LI_LI, "cell": "coated-li-li", "channel": "21-1-1", "label": "A17 对称电池"},
    {"recipe_yaml": LFP, "cell": "coated-lfp", "channel": "21-1-2", "label": "LFP-2026-11-batch-3-cell-04"},
    {"recipe_yaml": LI_CU, "cell": "conditioned-li-cu", "channel": "21-1-3"},
    {"recipe_yaml": LI_LI, "cell": "bare-li-li", "channel": "21-1-4", "label": "B2"},
    {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-5", "label": "A18"},
    {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-6", "label": "A19"},
    {"recipe_yaml": LI_LI, "cell": "coated-li-li", "channel": "21-1-5", "label": "A20", "queue": True},
)
CELLS = {"21-1-2": "coated-lfp", "21-1-3": "conditioned-li-cu", "21-1-4": "bare-li-li"}


@dataclass(frozen=True, slots=True)
class Rack:
    """A store, and what the service of it answered; ``answers`` are those to orders, by the command that gives them."""

    store: Path
    status: Mapping[str, Any]
    instruments: list[dict[str, Any]]
    answers: Mapping[str, Any]


def make_rack(folder: Path) -> Rack:
    """Order the runs, let them meet their fates, kill the service, and start another that looks at what was left."""
    return run_virtual(_made(folder / "lab.db"))


async def _made(path: Path) -> Rack:
    async with open_rig(cells=CELLS, poll_period_s=300.0) as rig:
        with open_store(path) as store:
            async with client_of(Service(store, [rig.tester])) as (http, _):
                await _ordered(rig, http)
        await asyncio.sleep(300.0)
        with open_store(path) as store:
            async with client_of(Service(store, [rig.tester]), 900.0) as (http, _):
                status, instruments = await _got(http, "status"), await _got(http, "instruments")
        with open_store(path) as store, store.transaction() as connection:
            # What the machine adds: pictures are the same on every one.
            connection.execute("UPDATE origin SET host = 'bench-pc', login = 'lab', version = '0.1.0'")
        orders = path.with_name("orders.db")
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(orders)) as copy:
            source.backup(copy)
        with open_store(orders) as store:
            async with client_of(Service(store, [rig.tester]), 900.0) as (http, _):
                answers = await _answers(rig, http)
    return Rack(path, status, instruments, answers)


async def _ordered(rig: Rig, http: httpx.AsyncClient) -> None:
    for order in ORDERS:
        reply = await http.post("/api/v1/runs", json={**order, "by": "ada"})
        assert reply.status_code == 201, reply.text
        await asyncio.sleep(60.0)
    await asyncio.sleep(2400.0)
    rig.bench.tester.short_cell("21-1-4")
    await asyncio.sleep(1200.0)
    rig.bench.tester.put_back_cell("21-1-4")  # its run has ended; a short takes the simulator long
    await asyncio.sleep(2400.0)
    reply = await http.post("/api/v1/runs/R000006/hold", json={"by": "Grace Hopper"})
    assert reply.status_code == 200, reply.text
    await asyncio.sleep(3600.0)


async def _answers(rig: Rig, http: httpx.AsyncClient) -> dict[str, Any]:
    """Give the daily orders, one after another; a stop's answer is the one after its confirmation."""
    answers: dict[str, Any] = {}
    answers["hold"] = [await _stopped(http, "runs/R000005/hold")]
    answers["resume"] = await _posted(http, "runs/R000005/resume")
    await asyncio.sleep(1500.0)  # its contact check is over
    rig.bench.tester.pull_out_cell("21-1-5")
    await asyncio.sleep(1500.0)
    answers["ack"] = await _posted(http, "runs/R000005/acknowledge")
    answers["mounted"] = await _posted(http, "runs/R000007/mounted")
    answers["empty"] = await _posted(http, "channels/21-1-2/empty")
    answers["stop"] = [await _stopped(http, "runs/R000006/stop")]
    return answers


async def _stopped(http: httpx.AsyncClient, what: str) -> Any:  # noqa: ANN401 - JSON
    row = await _posted(http, what)
    while row["pending"]:
        await asyncio.sleep(1.0)
        row = {**row, **(await _got(http, f"channels/{row['channel']}"))["stop"]}
    return row


async def _posted(http: httpx.AsyncClient, what: str) -> Any:  # noqa: ANN401 - JSON
    reply = await http.post(f"/api/v1/{what}", json={"by": "ada"})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def _got(http: httpx.AsyncClient, what: str) -> Any:  # noqa: ANN401 - JSON
    reply = await http.get(f"/api/v1/{what}")
    assert reply.status_code == 200, reply.text
    return reply.json()
