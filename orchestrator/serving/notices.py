"""Runs the process of the notices, which reads the store, follows control, and owns only a small file of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.api.logs import Redaction, redact_logs
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.api.report_path import NOTICE_REPORTS_PATH
from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.events import EventKind, RunUpdate
from orchestrator.notices.addresses import secrets_of
from orchestrator.notices.courier import Surroundings
from orchestrator.notices.dispatcher import Dispatcher
from orchestrator.notices.event_reader import EventReader
from orchestrator.notices.sending import Letter, deliver
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Outcome
from orchestrator.notices.warm_program import WarmProgram
from orchestrator.notices.wording import rig_name
from orchestrator.store.disk_space import SpaceGuard
from orchestrator.store.place import real_path
from orchestrator.web.child_life import ChildLife
from orchestrator.web.control_link import ControlLink, ControlSilent
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.reading import Reading

logger = logging.getLogger(__name__)


async def serve_notices(settings: NoticeSettings, service: ServiceSettings, store: Path, parent: ParentLink) -> None:
    """Tell people what happens until the parent says END. Raises SettingsError without a token."""
    life = ChildLife(parent)
    link = await life.link(service, store)
    if link is None:
        return
    redact_logs(Redaction(set(secrets_of(settings))))
    fan = LiveFan(link)
    with closing(Reading(store)) as reading, StateFile(store) as state, life.ended_by_parent():
        async with WarmProgram() as program, asyncio.TaskGroup() as group:
            around = surroundings(link, fan, reading, partial(deliver, settings, ask=program.ask), store)
            dispatcher = Dispatcher(settings, rig_name(settings), state, around)
            tasks = [
                group.create_task(it, name=name) for it, name in ((fan.run(), "live"), (dispatcher.run(), "notices"))
            ]
            gc.freeze()
            parent.tell(Word.READY)
            await life.is_over.wait()
            for task in tasks:
                task.cancel()


def surroundings(
    link: ControlLink, fan: LiveFan, reading: Reading, send: Callable[[str, Letter], Awaitable[Outcome]], store: Path
) -> Surroundings:
    """Return what the notices see and act by: control, the store and its disk; ``send`` brings a letter to a target."""
    space = partial(SpaceGuard(real_path(store), reserve_bytes=0).look, 0)
    report = partial(_report, link)
    return Surroundings(EventReader(reading), partial(_now, fan), report, send, space, lambda: fan.quiet_s)


def _now(fan: LiveFan) -> Sequence[RunUpdate] | None:
    try:
        return fan.now()
    except ControlSilent:
        return None


async def _report(link: ControlLink, kind: EventKind, sentence: str, data: Mapping[str, Any]) -> None:
    """Have control store an event; where it does not answer, the log has it."""
    body = json.dumps({"kind": kind.value, "sentence": sentence, "data": data}).encode()
    try:
        await link.ask("POST", NOTICE_REPORTS_PATH, [(b"content-type", b"application/json")], body)
    except ControlSilent:
        logger.warning("control does not answer; not stored: %s: %s", kind.value, sentence)
