"""The process that is killed: the service on a bench of one simulated tester, with the clients that give it orders."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from drivers.opening import open_tester
from drivers.settings import NewareSettings, UnitSettings
from orchestrator.diary import RunRequest
from orchestrator.events import RunUpdate
from orchestrator.failpoints import arm
from orchestrator.recovery import Recovery
from orchestrator.scaled_time import run_scaled
from orchestrator.service import Service
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from orchestrator.virtual_time import wall_time
from tests.kill.plan import Life, Order
from tests.rig import li_li_program

POLL_S = 30.0
# Waits for replies are scaled too, and a loaded machine is slow: nobody must give up because of that.
_PATIENCE_S = 50_000.0
_UNDER_WAY = frozenset({RunState.PREFLIGHT, RunState.ARMED, RunState.RUNNING, RunState.UNSEEN})
_BLOCKING = frozenset({RunState.HOLDING, RunState.TRIPPED, RunState.UNKNOWN})


class Exit(IntEnum):
    """How a life ends that nobody ended: every run has ended, or waits for a person; or nothing is started any more."""

    OVER = 0
    OBSERVING = 3


@dataclass(frozen=True, slots=True)
class World:
    """Where a scenario takes place: it outlives the service."""

    folder: Path
    port: int
    speed: float
    origin_s: float
    epoch_unix_s: float

    @property
    def store(self) -> Path:
        """Where the store is."""
        return self.folder / "cellrig.db"

    @property
    def reports(self) -> Path:
        """Where each life says what it has committed."""
        return self.folder / "reports.jsonl"


class Report:
    """Says, line by line, what is committed and how far the recovery is; a line is one write."""

    def __init__(self, store: Store, path: Path, expected: set[str]) -> None:
        self._store = store
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._expected = expected
        self._decided = not expected
        self._good = False

    def say(self, kind: str, **values: object) -> None:
        """Write one line."""
        line = json.dumps({"kind": kind, "at_s": time.monotonic(), "unix_s": wall_time(), **values})
        os.write(self._file, f"{line}\n".encode())

    def update(self, update: RunUpdate) -> None:
        """Take what the supervisor publishes: after each commit and decision."""
        self._expected.discard(update.run_id)
        if not self._decided and not self._expected:
            self._decided = True
            self.say("decided")
        elif self._decided and not self._good and update.state is RunState.RUNNING:
            self._good = True
            self.say("good")
        marks = self._store.connection.execute("SELECT test, max(sequence) FROM sample GROUP BY test").fetchall()
        self.say("committed", marks=dict(marks))


def live(world: World, life: Life, orders: tuple[Order, ...]) -> None:
    """Be the process: serve until everything is over, or death."""
    arm(life.failpoint)
    result = run_scaled(_serve(world, life, orders), world.speed, world.epoch_unix_s, world.origin_s)
    raise SystemExit(int(result))


async def _serve(world: World, life: Life, orders: tuple[Order, ...]) -> Exit:
    settings = NewareSettings(
        port=world.port,
        step_files=world.folder,
        step_files_on_bts_pc=str(world.folder),
        poll_period_s=POLL_S,
        reply_timeout_s=_PATIENCE_S,
        confirm_timeout_s=_PATIENCE_S,
        units=(UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0),),
    )
    with open_store(world.store) as store:
        async with open_tester(settings, wall_time) as tester:
            unfinished = {row.run_id for row in Recovery(store, tester).unfinished()}
            report = Report(store, world.reports, unfinished)
            report.say("begun", unfinished=len(unfinished))
            service = Service(store, [tester], [report.update])
            serving = asyncio.ensure_future(service.run())
            client = asyncio.ensure_future(_client(service, life, orders, report))
            await asyncio.wait({serving, client}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                client.cancel()
                serving.result()
            serving.cancel()
            await asyncio.wait({serving})
            return client.result()


async def _client(service: Service, life: Life, orders: tuple[Order, ...], report: Report) -> Exit:
    """Give the orders that are not in the store yet, and do what a person does meanwhile."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    if service.observe_only:
        report.say("observing")
    else:
        known = {row.label for row in service.store.runs()}
        for order in orders:
            if order.label not in known:
                program = li_li_program(order.cycles, order.half_cycle_s)
                service.submit(RunRequest(program, order.channel, order.label), "ada")
    stop_at_s = None if life.stop_after_s is None else loop.time() + life.stop_after_s
    while True:
        await asyncio.sleep(POLL_S)
        running = [run.run_id for run in service.runs if run.state in {RunState.RUNNING, RunState.UNSEEN}]
        if stop_at_s is not None and loop.time() >= stop_at_s and running:
            stop_at_s = None
            await service.stop(running[0], "ada")
        if life.attended and not service.observe_only and await _attend(service):
            continue
        if (end := _end(service)) is not None:
            return end


async def _attend(service: Service) -> bool:
    """Resume what holds and acknowledge what tripped; True when there was anything to do."""
    for run in service.runs:
        if run.state is RunState.HOLDING:
            await service.resume(run.run_id, "ada")
            return True
        if run.state is RunState.TRIPPED:
            service.acknowledge(run.run_id, "ada")
            return True
    return False


def _end(service: Service) -> Exit | None:
    rows = service.store.runs()
    looked_after = {run.run_id for run in service.runs}
    undecided = [row for row in rows if row.state in _UNDER_WAY | {RunState.QUEUED} and row.run_id not in looked_after]
    busy = [run for run in service.runs if run.state in _UNDER_WAY or run.stop_is_pending]
    if undecided or busy:
        return None
    blocked = {row.channel for row in rows if row.state in _BLOCKING}
    if all(row.channel in blocked for row in rows if row.state is RunState.QUEUED):
        return Exit.OVER if rows else Exit.OBSERVING
    return Exit.OBSERVING if service.observe_only else None
