"""Runs that decide by what is measured: their recipes on shipped cells, and what is told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from orchestrator.events import EventKind
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.store import Store
from protocols import load_cell, resolve
from protocols.loading import parse_recipe
from tests.rig import CHANNEL

HEAD = """
name: decided
title: decided
for: [KIND]
record: {every: 60 s, on_voltage_change: 5 mV}
steps:
"""
CHARGED = "guards: {open_circuit: {low: 2.8 V, high: 4.0 V}}\n"


def request(steps: str, cell: str = "bare-lfp", more: str = CHARGED) -> RunRequest:
    """Give a run of steps on a shipped cell."""
    head = HEAD.replace("KIND", "lfp" if cell.endswith("lfp") else "li-li").replace("steps:", f"{more}steps:")
    return RunRequest(resolve(parse_recipe(head + steps), load_cell(cell)), CHANNEL, "decided")


async def until(done: Callable[[], bool], within_s: float = 400_000.0, step_s: float = 20.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while True:
            if done():
                return
            await asyncio.sleep(step_s)


def told(store: Store, run: Run, kind: EventKind) -> list[dict[str, Any]]:
    """Give the data of a run's events of a kind."""
    return [json.loads(it.data_json or "{}") for it in store.events(run.run_id) if it.kind == kind]
