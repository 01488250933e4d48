"""Takes messages to their targets, one target after the other until one takes it, and tells the policy what became."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate, Severity
from orchestrator.notices.event_reader import EventReader
from orchestrator.notices.incidents import TEST
from orchestrator.notices.policy import Policy
from orchestrator.notices.sending import Letter
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Message, Notice, Outcome
from orchestrator.notices.wording import body_of, title_of
from orchestrator.states import RunState
from orchestrator.store.disk_space import SpaceReport
from orchestrator.store.errors import StoreError

logger = logging.getLogger(__name__)

# The mark in the state file.
_UNDELIVERED = "undelivered since"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the notices see and act by.

    ``updates`` gives all runs as control tells them now, None while control does not answer; ``report`` has an event
    stored by control; ``deliver`` sends a letter to a target; ``space`` checks the store's disk, and may raise OSError;
    ``quiet_s`` is the time since control was last heard.
    """

    reader: EventReader
    updates: Callable[[], Sequence[RunUpdate] | None]
    report: Callable[[EventKind, str, Mapping[str, Any]], Coroutine[Any, Any, None]]
    deliver: Callable[[str, Letter], Awaitable[Outcome]]
    space: Callable[[], SpaceReport]
    quiet_s: Callable[[], float] = float


class Courier:
    """Sends what the policy gives; ``rig`` is the name by which people know the rig."""

    def __init__(self, policy: Policy, rig: str, state: StateFile, around: Surroundings) -> None:
        self._policy = policy
        self._rig = rig
        self._state = state
        self._around = around
        self._is_undelivered = state.mark(_UNDELIVERED) is not None
        # The alarms that notices had failed of which it was reported that they work again.
        self._over: set[int] = set()

    async def send(self, message: Message) -> None:
        """Send a message to the targets of its route, one after the other, until one has taken it."""
        for target in message.route:
            if (await self._tried(message, target)).is_delivered:
                self._policy.delivered(message)
                self._state.note_told(message, wall_time())
                for incident in self._policy.incidents:
                    if incident.is_told:
                        self._state.note_incident_told(incident.number, wall_time())
                return
        self._policy.failed(message, asyncio.get_running_loop().time())
        for incident in self._policy.incidents:
            self._state.keep_incident(incident, wall_time())

    async def test(self) -> None:
        """Send the daily test message to every target, and have its result stored."""
        messages = self._policy.test_messages(Notice(0, TEST, Severity.INFO, "daily test", wall_time()))
        outcomes = await asyncio.gather(*(self._tried(message, message.route[0]) for message in messages))
        delivered = [outcome.target for outcome in outcomes if outcome.is_delivered]
        failed = {it.target: f"{it.status}: {it.detail}".rstrip(": ") for it in outcomes if not it.is_delivered}
        words = f"the daily test was taken by {', '.join(delivered) or 'no target'}"
        await self._around.report(EventKind.NOTICES_TESTED, words, {"delivered": delivered, "failed": failed})
        if failed:
            told = "; ".join(f"{target} ({why})" for target, why in failed.items())
            severity = Severity.WARNING if delivered else Severity.ALARM
            sentence = f"the daily test was not taken by {told}; see 'cellrig notices test'"
            await self._around.report(EventKind.NOTICES_FAILED, sentence, {"severity": severity.value})

    def undelivered_report(self) -> Coroutine[Any, Any, None] | None:
        """Return what is to be stored when no target has taken an alarm, or one takes notices again; else None."""
        undelivered = [it for it in self._policy.undelivered if it.first.kind != EventKind.NOTICES_FAILED]
        # Whoever was told that a daily test reached nobody shows that notices work again.
        failed = {
            it.number for it in self._policy.incidents if it.first.kind == EventKind.NOTICES_FAILED and it.is_told
        }
        if bool(undelivered) == self._is_undelivered and (undelivered or failed <= self._over):
            return None
        self._is_undelivered = bool(undelivered)
        self._over = failed
        if not undelivered:
            self._state.drop_mark(_UNDELIVERED)
            words = "a target takes notices again, or what nobody was told is over"
            return self._around.report(EventKind.NOTICES_WORK, words, {})
        self._state.keep_mark(_UNDELIVERED, wall_time())
        what = ", ".join(sorted({it.first.channel or it.first.kind for it in undelivered}))
        sentence = f"no target has taken the alarm of {what}: nobody was told; it is tried again until one does"
        logger.error("%s", sentence)
        return self._around.report(EventKind.NOTICES_FAILED, sentence, {})

    async def _tried(self, message: Message, target: str) -> Outcome:
        title = title_of(message, self._rig)
        body = body_of(message, self._rig, self._state.store, self._present(message))
        outcome = await self._around.deliver(target, Letter(title, body))
        self._policy.note(outcome, asyncio.get_running_loop().time())
        self._state.keep_delivery(message, title, outcome, wall_time())
        if not outcome.is_delivered:
            logger.warning("notice to %s: %s: %s", outcome.target, outcome.status, outcome.detail)
        return outcome

    def _present(self, message: Message) -> dict[str, RunState]:
        """Return the states of the message's runs as they are now, of those that the store tells."""
        found = {}
        with suppress(StoreError):
            for run_id in {entry.notice.run_id for entry in message.entries}:
                if run_id is not None and (state := self._around.reader.state_of(run_id)) is not None:
                    found[run_id] = state
        return found
