"""Publishes the outbox, the live records and the states while a broker is there, and connects again when it is not.

Each connection has a task for each kind of message; the first that fails ends the connection. What was not answered is
sent again in the next one, in its order and marked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket

from orchestrator.feed.broker import BrokerLost, Connect, Link, connected
from orchestrator.feed.broker_report import BrokerReport, stored_by
from orchestrator.feed.discovery import Discovery
from orchestrator.feed.live_samples import LiveSamples
from orchestrator.feed.marks import Marks
from orchestrator.feed.messages import Message, Topics
from orchestrator.feed.outbox import CYCLES, SPECTRA, EventOutbox, RowOutbox, newest_event
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.states import VALID_BEATS, States, StatusMessages
from orchestrator.store import StoreError
from orchestrator.store.companion_files import mqtt_marks_path
from orchestrator.web.control_link import ControlLink, ControlSilent
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.reading import Reading

logger = logging.getLogger(__name__)

# How often the store is asked whether something was committed: microseconds each time, and half of it is waited for.
_LOOK_S = 0.02
# How often rows of cycles and spectra are looked for after a commit, and in runs that nobody follows any more.
_ROWS_S, _ALL_ROWS_S = 1.0, 60.0
# How often at least the list of tests is read anew; each event does it at once.
_TESTS_S = 5.0
# Changes of channels that come together are asked for at once.
_GATHER_S = 0.1
# Events of one note in the file of marks.
_BATCH = 50
# From the loss of a connection to the next, in seconds: doubled each time while connections are short.
_AGAIN_S, _LONGEST_AGAIN_S, _LONG_CONNECTION_S = 0.5, 30.0, 60.0


class _Ended(Exception):
    """The service ends in order."""


class Feed:
    """The feed of one store; ``over`` ends it in order."""

    def __init__(
        self,
        plan: FeedPlan,
        link: ControlLink,
        fan: LiveFan,
        over: asyncio.Event,
        connect: Connect = connected,
        look_s: float = _LOOK_S,
    ) -> None:
        """Read how far was sent before; the store is asked for commits every ``look_s``. Raises StoreError."""
        self._look_s = look_s
        self._settings, self._fan, self._over, self._connect = plan.mqtt, fan, over, connect
        self._reading = Reading(plan.store)
        # Before anything else is opened: it may not be there yet.
        self._reading()
        self._marks = Marks(mqtt_marks_path(plan.store))
        topics = Topics(plan.mqtt.rig_name, secrets.token_hex(6))
        self._client_id = f"cellrig-{socket.gethostname()}-{self._marks.client_id()}"
        is_new = self._marks.events() is None
        self._rows = [RowOutbox(it, self._reading, self._marks, topics, is_new=is_new) for it in (CYCLES, SPECTRA)]
        backlog = plan.mqtt.backlog_samples
        self._samples = LiveSamples(self._reading, self._marks, topics, backlog, is_new=is_new)
        # Last: with its mark the feed is no new one any more.
        self._events = EventOutbox(self._reading, self._marks, topics)
        self._status = StatusMessages(topics, plan.mqtt.keep_alive_s, plan.api)
        self._states = States(link, topics, plan.mqtt.keep_alive_s)
        self._discovery = Discovery(topics, plan.mqtt.discovery_prefix, plan.mqtt.keep_alive_s, self._status.version)
        self._report = BrokerReport(stored_by(link), self._where())
        self._told_of: set[str] | None = None
        self._answered_s = float("-inf")
        self._valid_s = VALID_BEATS * plan.mqtt.keep_alive_s
        self._last_trouble = ""
        # Set when control is lost or back.
        self._turned = asyncio.Event()
        self._told_answers = False
        fan.lost = self._note_lost
        self._committed = [asyncio.Event() for _ in range(2)]

    def close(self) -> None:
        """Close the store and the file of marks."""
        self._reading.close()
        self._marks.close()

    async def run(self) -> None:
        """Publish until ``over`` is set, whatever becomes of the broker."""
        loop = asyncio.get_running_loop()
        delay_s = _AGAIN_S
        while not self._over.is_set():
            began_s = loop.time()
            try:
                async with self._connect(self._settings, self._client_id, self._status.will()) as link:
                    await self._publish(link)
            except (BrokerLost, StoreError) as err:
                self._tell_trouble(str(err))
                if isinstance(err, BrokerLost):
                    await self._report.lost(str(err))
            if loop.time() - began_s > _LONG_CONNECTION_S:
                delay_s = _AGAIN_S
            await _set_within(self._over, delay_s)
            delay_s = min(2 * delay_s, _LONGEST_AGAIN_S)

    async def _publish(self, link: Link) -> None:
        """Publish over one connection until it is lost, which raises BrokerLost, or the service ends."""
        waiting = self._begin_connection()
        logger.info("MQTT: connected to %s; events that wait: %d", self._where(), waiting)
        self._last_trouble = ""
        trouble: BrokerLost | StoreError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for task in (link.lost(), self._until_over(), self._watch(), self._beat(link), self._send_states(link),
                             self._send_stored(link), self._send_samples(link), self._report.back()):  # fmt: skip
                    group.create_task(task)
        except* _Ended:
            pass
        except* (BrokerLost, StoreError) as several:
            trouble = next(it for it in several.exceptions if isinstance(it, BrokerLost | StoreError))
        if self._over.is_set():
            await link.publish(self._status.end())
        elif trouble is not None:
            raise trouble

    def _begin_connection(self) -> int:
        """Mark what waits as late; return how many events do."""
        newest = newest_event(self._reading())
        self._events.is_late_until(newest)
        for rows in self._rows:
            rows.is_late(True)
        self._samples.begin_connection(asyncio.get_running_loop().time())
        self._told_of = None
        return newest - self._events.sent

    async def _until_over(self) -> None:
        await self._over.wait()
        raise _Ended

    async def _watch(self) -> None:
        """Notice commits."""
        version = None
        while True:
            if (now := self._reading.version()) != version:
                version = now
                for committed in self._committed:
                    committed.set()
            await asyncio.sleep(self._look_s)

    async def _beat(self, link: Link) -> None:
        """Publish the heartbeat; its answer confirms the records that left before it."""
        while True:
            newest = newest_event(self._reading())
            answers = self._told_answers = self._control_answers()
            left = self._samples.left_by_now()
            await link.publish(
                self._status.beat(
                    control_answers=answers,
                    newest_event=newest,
                    events_waiting=max(0, newest - self._events.sent),
                    samples_dropped=self._samples.dropped,
                )
            )
            self._samples.confirm(left)
            # At once when control is lost or back, or when what it last said of the channels loses its validity.
            left_s = self._answered_s + self._valid_s - asyncio.get_running_loop().time()
            patience_s = (
                min(self._settings.keep_alive_s, left_s + _GATHER_S) if answers else self._settings.keep_alive_s
            )
            await _set_within(self._turned, patience_s)
            self._turned.clear()

    def _note_lost(self) -> None:
        if self._told_answers:
            self._turned.set()

    def _control_answers(self) -> bool:
        age_s = asyncio.get_running_loop().time() - self._answered_s
        return self._fan.followed.is_set() and age_s <= self._valid_s

    async def _send_states(self, link: Link) -> None:
        """Publish every channel once a heartbeat, and one that has changed at once, while control answers."""
        loop = asyncio.get_running_loop()
        while True:
            await self._fan.followed.wait()
            due_s = float("-inf")
            with self._fan.clients.client() as client:
                self._states.changed(self._fan.runs())
                while True:
                    if loop.time() >= due_s:
                        # Only then: a control that does not answer is not asked without a pause.
                        due_s = loop.time() + self._settings.keep_alive_s
                        await self._send_channels(link, None)
                    updates = await client.take(max(0.0, due_s - loop.time()))
                    if updates is None:
                        break
                    if changed := self._states.changed(updates):
                        await asyncio.sleep(_GATHER_S)
                        changed |= self._states.changed(await client.take(0) or ())
                        await self._send_channels(link, changed)

    async def _send_channels(self, link: Link, channels: set[str] | None) -> None:
        try:
            told = await self._states.ask(channels)
        except ControlSilent:
            return
        if channels is None:
            self._answered_s = asyncio.get_running_loop().time()
            if not self._told_answers:
                self._turned.set()
            await self._tell_home_assistant(link, {str(it["channel"]) for it in told})
        await self._all_of(link, self._states.messages(told))

    async def _tell_home_assistant(self, link: Link, channels: set[str]) -> None:
        """Publish the descriptions of all channels once a connection, and take away those of before."""
        if channels == self._told_of:
            return
        messages = self._discovery.messages(sorted(channels)) if self._settings.home_assistant else []
        topics = {it.topic for it in messages}
        before = self._marks.discovered()
        if topics or before:
            self._marks.note_discovered(before | topics)
            await self._all_of(link, self._discovery.gone(before - topics) + messages)
            self._marks.note_discovered(topics)
        self._told_of = channels

    async def _send_stored(self, link: Link) -> None:
        """Publish events as they are committed, and rows of cycles and spectra once a second."""
        loop = asyncio.get_running_loop()
        committed = self._committed[0]
        await self._send_events(link)
        for rows in self._rows:
            await self._send_rows(link, rows, rows.everything())
            rows.is_late(False)
        rows_s, all_s = loop.time() + _ROWS_S, loop.time() + _ALL_ROWS_S
        is_due = False
        while True:
            # Without a commit there is nothing to look for but what nobody follows any more.
            is_due |= await _set_within(committed, max(0.0, (rows_s if is_due else all_s) - loop.time()))
            committed.clear()
            await self._send_events(link)
            now_s = loop.time()
            if now_s >= all_s:
                for rows in self._rows:
                    await self._send_rows(link, rows, rows.behind())
                all_s = now_s + _ALL_ROWS_S
            if is_due and now_s >= rows_s:
                for rows in self._rows:
                    await self._send_rows(link, rows, sorted(self._samples.runs()))
                rows_s, is_due = now_s + _ROWS_S, False

    async def _send_events(self, link: Link) -> None:
        while events := self._events.pending(_BATCH):
            self._events.trying(events)
            count, trouble = await link.publish_all([message for _, message in events])
            if count:
                self._events.answered(events[:count])
            if trouble is not None:
                raise trouble

    async def _send_rows(self, link: Link, outbox: RowOutbox, run_ids: list[str]) -> None:
        while rows := outbox.pending(run_ids, _BATCH):
            outbox.trying(rows)
            count, trouble = await link.publish_all([row.message for row in rows])
            outbox.answered(rows[:count])
            if trouble is not None:
                raise trouble

    async def _send_samples(self, link: Link) -> None:
        """Publish the records of each channel as they are committed, once a second at most."""
        loop = asyncio.get_running_loop()
        committed = self._committed[1]
        newest, tests_s = -1, 0.0
        patience_s = 0.0
        while True:
            await _set_within(committed, patience_s)
            committed.clear()
            now_s = loop.time()
            if (number := newest_event(self._reading())) != newest or now_s >= tests_s:
                self._samples.look_for_tests(now_s)
                newest, tests_s = number, now_s + _TESTS_S
            for bundle in self._samples.due(now_s):
                await link.publish(bundle.message)
                self._samples.note_sent(bundle, now_s)
            patience_s = min(_TESTS_S, self._samples.next_due_s(loop.time()))

    async def _all_of(self, link: Link, messages: list[Message]) -> None:
        _, trouble = await link.publish_all(messages)
        if trouble is not None:
            raise trouble

    def _tell_trouble(self, words: str) -> None:
        if words != self._last_trouble:
            self._last_trouble = words
            logger.warning(
                "MQTT: %s: %s; nothing is lost, events and cycles wait in the store; it is tried again",
                self._where(),
                words,
            )

    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.broker_port}"


async def _set_within(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event, at most so long; return whether it is set."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
    return event.is_set()
