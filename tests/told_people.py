"""The notices of a store in virtual time, with people of the test at the other end of their targets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.events import EventKind, RunUpdate, Severity
from orchestrator.notices.courier import Surroundings
from orchestrator.notices.delivery_status import Status
from orchestrator.notices.dispatcher import Dispatcher
from orchestrator.notices.event_reader import EventReader
from orchestrator.notices.sending import Letter
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Outcome
from orchestrator.states import RunState
from orchestrator.store import SpaceGuard, Store

PHONE = {"name": "phone", "person": "ada", "url": "json://127.0.0.1/a", "severity": "warning"}
BOSS = {"name": "boss", "url": "json://127.0.0.1/b", "severity": "alarm", "level": 2}


@dataclass
class People:
    """What they got, in order, and what they do: targets in ``broken`` refuse.

    Control answers with ``updates``, and was heard at ``heard_s``. ``free_bytes`` is what is free on the disk of the
    store.
    """

    store: Store
    began_s: float
    got: list[tuple[float, str, Letter]] = field(default_factory=list)
    reports: list[tuple[EventKind, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    updates: Sequence[RunUpdate] | None = ()
    stores_reports: bool = False
    heard_s: float = float("inf")
    free_bytes: int = 10**12

    async def deliver(self, target: str, letter: Letter) -> Outcome:
        """Take a letter, unless the target is broken."""
        await asyncio.sleep(0.5)
        if target in self.broken:
            return Outcome(target, Status.FAILED, 0.5, "it is broken")
        self.got.append((asyncio.get_running_loop().time() - self.began_s, target, letter))
        return Outcome(target, Status.DELIVERED, 0.5)

    def quiet_s(self) -> float:
        """Give the time since control was heard."""
        return max(0.0, asyncio.get_running_loop().time() - self.heard_s)

    async def report(self, kind: EventKind, sentence: str, data: Mapping[str, Any]) -> None:
        """Store an event, as control does."""
        self.reports.append((kind, sentence))
        if self.stores_reports:
            self.store.add_event(None, kind, sentence, 1.8e9, json.dumps(dict(data)))

    def titles(self) -> list[str]:
        """Give the targets and titles of all that they got."""
        return [f"{target} {letter.title}" for _, target, letter in self.got]

    def happen(self, kind: EventKind, run_id: str | None = None, severity: Severity | None = None) -> None:
        """Store an event of now."""
        data = None if severity is None else f'{{"severity": "{severity.value}"}}'
        self.store.add_event(run_id, kind, f"what {kind.value} says", 1.8e9, data)

    def trip(self, run_id: str) -> None:
        """Store that a run has exceeded a limit and has tripped, in one commit."""
        with self.store.transaction():
            self.happen(EventKind.HOST_LIMIT, run_id)
            self.store.set_run_state(run_id, RunState.TRIPPED.value, "4.112 V, limit 4.1 V", 1.8e9)
            self.happen(EventKind.STATE, run_id, Severity.ALARM)


@asynccontextmanager
async def told(
    store: Store,
    people: People | None = None,
    poll_s: float = 0.2,
    **settings: Any,  # noqa: ANN401 - settings of the table
) -> AsyncIterator[People]:
    """Run the notices of a store; leaving the block ends them in the middle of whatever they do."""
    document = {"rig": "rack-1", "targets": [PHONE, BOSS], "test_at": "never"} | settings
    rules = NoticeSettings.model_validate(document)
    there = people or People(store, asyncio.get_running_loop().time())
    with StateFile(store.path) as state:
        disk = partial(SpaceGuard(store.path, reserve_bytes=0, free=lambda _: there.free_bytes).look, 0)
        around = Surroundings(
            EventReader(lambda: store), lambda: there.updates, there.report, there.deliver, disk, there.quiet_s
        )
        task = asyncio.ensure_future(Dispatcher(rules, "rack-1", state, around, poll_s).run())
        await asyncio.sleep(0.5)
        try:
            yield there
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
