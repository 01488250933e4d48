"""The loop of the notices: reads what has happened, asks the policy who is told, and sends it, each by its own process.

It reads the store itself, and so tells a trip also while control does not answer. All that it waits for is real time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Event, EventKind, RunUpdate, Severity
from orchestrator.events.run_words import NOT_STORED
from orchestrator.events.to_do import DATA_STOPPED, SERVICE_DEAD, SERVICE_SILENT
from orchestrator.notices.courier import Courier, Surroundings
from orchestrator.notices.event_reader import RunEvent
from orchestrator.notices.incidents import SEEN_BY, Incident, ended_by, is_said_by_state, key_of
from orchestrator.notices.policy import Policy
from orchestrator.notices.quiet_hours import daily_test_is_due, is_quiet
from orchestrator.notices.record_watch import AnswerWatch, RecordWatch
from orchestrator.notices.routes import levels_of
from orchestrator.notices.space_watch import SpaceWatch
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Notice
from orchestrator.store.errors import StoreError

logger = logging.getLogger(__name__)

# A trip is told within seconds of its commit: the store is asked so often, which costs some microseconds.
_POLL_S = 0.2
# States, acknowledgements, the watches and the daily test are looked at so often.
_LOOK_S = 1.0
# The notices' own sign of life in their file, for the watcher of a dead service.
BEAT_S = 10.0
# The marks in the state file.
READ_TO, READ_TO_AT, TESTED, BEAT = "read to event", "read to event of", "tested on day", "alive"
# What no target had taken when the process before ended is told if it is no older than this.
_UNTOLD_S = 2 * 86_400.0
# What the notices find themselves, and find again a moment after a person has acknowledged it.
_LASTING = frozenset({DATA_STOPPED, SERVICE_SILENT, EventKind.SPACE_HOLD.value})


class Dispatcher:
    """Tells people what happens, until it is cancelled."""

    def __init__(
        self, settings: NoticeSettings, rig: str, state: StateFile, around: Surroundings, poll_s: float = _POLL_S
    ) -> None:
        """Take who is told what, and what to see and act by; the store is read every ``poll_s``."""
        self._poll_s = poll_s
        self._settings = settings
        self._state = state
        self._around = around
        self._policy = Policy(settings)
        self._courier = Courier(self._policy, rig, state, around)
        now_s = asyncio.get_running_loop().time()
        self._records = RecordWatch(settings.data_stop_s, around.reader.record_interval_s)
        self._answers = AnswerWatch(settings.silent_s, now_s)
        self._space = SpaceWatch(around.space)
        self._number = state.newest_notice()
        self._read_to: int | None = None
        # The event that was read last.
        self._before: Event | None = None
        self._look_s = self._beat_s = now_s
        self._is_told_of_store = False
        # The day of the last daily test; kept here too: a file that takes nothing would have it sent without end.
        self._tested: date | None = None
        if (tested := state.mark(TESTED)) is not None:
            self._tested = date.fromordinal(int(tested))
        # The keys of what the notices have found themselves and a person has acknowledged, until its cause is gone.
        self._acknowledged: set[str] = set()
        self._take_up(now_s)

    async def run(self) -> None:
        """Read, tell and send, until cancelled; what is being sent is then given up."""
        async with asyncio.TaskGroup() as group:
            while True:
                now_s = asyncio.get_running_loop().time()
                self._read(now_s)
                if now_s >= self._look_s:
                    self._look_s = now_s + _LOOK_S
                    self._look(now_s, group)
                for message in self._policy.due(now_s, quiet=self._is_quiet()):
                    group.create_task(self._courier.send(message), name=f"notice to {message.person}")
                if (report := self._courier.undelivered_report()) is not None:
                    group.create_task(report, name="report of notices")
                await asyncio.sleep(self._poll_s)

    # What has happened

    def _read(self, now_s: float) -> None:
        """Take in the events that are new. A store that cannot be read is logged, and read when it can."""
        try:
            if self._read_to is None:
                self._read_to = self._start()
            for told in self._around.reader.after(self._read_to):
                with self._state.together():
                    self._take(told, now_s)
                    self._state.keep_mark(READ_TO, told.event.id)
                    self._state.keep_mark(READ_TO_AT, told.event.at_unix_s)
                self._read_to = told.event.id
        except StoreError as err:
            if not self._is_told_of_store:
                logger.warning("the store cannot be read: %s", err)
            self._is_told_of_store = True
        else:
            self._is_told_of_store = False

    def _start(self) -> int:
        """Return the event to read on after: where the process before was; at the first start nothing old is told."""
        if (kept := self._state.mark(READ_TO)) is not None:
            return self._around.reader.before_it_went_back(int(kept), self._state.mark(READ_TO_AT))
        # Kept at once: a process that dies before anything happens must leave what happens next to be told.
        newest = self._around.reader.newest()
        self._state.keep_mark(READ_TO, newest)
        return newest

    def _take(self, told: RunEvent, now_s: float) -> None:
        event = told.event
        channel = event.channel or (str(event.data["channel"]) if "channel" in event.data else None)
        if gone := ended_by(event.kind):
            self._close(lambda it: it.key in gone, f"{event.kind}: {event.sentence}")
        if event.kind in SEEN_BY and channel is not None:
            self._look_at_acknowledgements()
            # An order for another run, which waits for the channel, or for its lamp shows nobody at this cell.
            is_order = event.kind == EventKind.COMMAND
            self._close(
                lambda it: (
                    it.first.channel == channel
                    and it.ends_by_an_order
                    and (not is_order or it.first.run_id == event.run_id)
                ),
                event.sentence,
            )
        before, self._before = self._before, event
        if is_said_by_state(event, before):
            return
        if event.kind == EventKind.SPACE_HOLD and self._space.is_full and self._is_known(EventKind.SPACE_HOLD):
            # Found before the event could be stored.
            return
        notice = Notice(
            self._number + 1,
            str(event.kind),
            event.severity,
            event.sentence,
            event.at_unix_s,
            event.run_id,
            channel,
            told.label,
            told.person,
            event.id,
            told.simulated,
        )
        self._tell(notice, now_s)

    def _tell(self, notice: Notice, now_s: float) -> None:
        if not levels_of(self._settings, notice):
            return
        self._number = notice.number
        incident = self._policy.tell(notice, now_s)
        if incident is not None:
            self._state.keep_incident(incident, wall_time())
        self._state.keep_notice(notice, incident.number if incident is not None else None)

    def _own(self, kind: str, sentence: str, update: RunUpdate | None = None) -> Notice:
        """Return a notice of what the notices have found themselves."""
        of_rig = Notice(self._number + 1, kind, Severity.ALARM, sentence, wall_time())
        if update is None:
            return of_rig
        return replace(
            of_rig, run_id=update.run_id, channel=update.channel, label=update.label, simulated=update.simulated
        )

    # What is to be looked at now and then

    def _look(self, now_s: float, group: asyncio.TaskGroup) -> None:
        updates = self._around.updates()
        self._look_at_answers(updates, now_s)
        if updates is not None:
            self._look_at_records(updates, now_s)
        self._look_at_space(now_s)
        self._look_at_acknowledgements()
        if now_s >= self._beat_s:
            self._beat_s = now_s + BEAT_S
            self._state.keep_mark(BEAT, wall_time())
            self._state.note_late()
        today = _local_now()
        at = self._settings.test_at if isinstance(self._settings.test_at, time) else None
        if daily_test_is_due(today, at, self._tested):
            self._tested = today.date()
            self._state.keep_mark(TESTED, self._tested.toordinal())
            group.create_task(self._courier.test(), name="daily test of notices")

    def _look_at_answers(self, updates: Sequence[RunUpdate] | None, now_s: float) -> None:
        silent_s = self._answers.look(answers=updates is not None, now_s=now_s, quiet_s=self._around.quiet_s())
        if silent_s is None:
            self._close(lambda it: it.key == SERVICE_SILENT, "the service answers again")
            self._acknowledged.discard(SERVICE_SILENT)
        elif not self._is_known(SERVICE_SILENT):
            sentence = (
                f"the process that owns the instruments has not answered for {duration_words(silent_s)}: nothing is "
                "watched or stopped by cellrig, the testers go on under their own limits"
            )
            self._tell(self._own(SERVICE_SILENT, sentence), now_s)

    def _look_at_records(self, updates: Sequence[RunUpdate], now_s: float) -> None:
        stopped = self._records.look(updates, now_s)
        self._close(lambda it: it.first.kind == DATA_STOPPED and it.first.run_id not in stopped, "records come again")
        there = set()
        for found in stopped.values():
            is_kept_out = found.update.reason.startswith(NOT_STORED)
            if is_kept_out and self._space.is_full:
                # The full disk is one alarm, and not one for each run.
                continue
            what = "been stored" if is_kept_out else "come"
            sentence = f"no record has {what} for {duration_words(found.silent_s)}, and the run is {found.update.state}"
            sentence += f": {found.update.reason}" if found.update.reason else ""
            notice = self._own(DATA_STOPPED, sentence, found.update)
            there.add(key_of(notice))
            if not self._is_known(key_of(notice)):
                self._tell(notice, now_s)
        self._acknowledged &= there | {SERVICE_SILENT, EventKind.SPACE_HOLD}

    def _look_at_space(self, now_s: float) -> None:
        """Tell of a full disk although its event cannot be stored there, as one alarm with that event."""
        was_full = self._space.is_full
        report = self._space.look(now_s)
        if report is None:
            return
        key = str(EventKind.SPACE_HOLD)
        if not self._space.is_full:
            # An alarm that was found by the process before has no event that ends it.
            self._close(lambda it: it.key == key and (was_full or it.first.event is None), "the disk has room again")
            self._acknowledged.discard(key)
        elif not self._is_known(key):
            self._tell(self._own(key, report.sentence), now_s)

    def _look_at_acknowledgements(self) -> None:
        """End what a person has acknowledged: by ``cellrig notices ack``, or a latched run by ``cellrig ack``."""
        acknowledged = self._state.closed(it.number for it in self._policy.incidents)
        seen = self._policy.close(lambda it: it.number in acknowledged)
        self._acknowledged |= {it.key for it in seen if it.first.kind in _LASTING}
        left = set()
        for incident in self._policy.incidents:
            if (run_id := incident.first.run_id) is None or incident.first.kind == DATA_STOPPED:
                continue
            try:
                state = self._around.reader.state_of(run_id)
            except StoreError:
                return
            if state is not None and state.is_latched:
                incident.is_latched = True
            elif incident.is_latched:
                left.add(incident.number)
        self._close(lambda it: it.number in left, "its run was acknowledged, or goes on")

    def _is_known(self, key: str) -> bool:
        """Return whether people are told of it now, or one has acknowledged it and its cause lasts."""
        return key in self._acknowledged or any(incident.key == key for incident in self._policy.incidents)

    def _close(self, is_over: Callable[[Incident], bool], why: str) -> None:
        for incident in self._policy.close(is_over):
            self._state.close_incident(incident.number, why, wall_time())
            logger.info("alarm %d (%s) is over: %s", incident.number, incident.key, why)

    def _is_quiet(self) -> bool:
        return is_quiet(_local_now(), self._settings.quiet_from, self._settings.quiet_to)

    # What an earlier process has left

    def _take_up(self, now_s: float) -> None:
        """Take up the open incidents and the notices that nobody was told."""
        # The watcher of a dead service has opened it, and this process lives.
        self._state.close_key(SERVICE_DEAD, "the service lives again", wall_time())
        for row in self._state.open_incidents():
            if (kept := self._state.first_and_last(row["number"])) is None:
                continue
            first, last, count = kept
            levels = tuple(level for level in levels_of(self._settings, last) if level > row["level"])
            repeats_s, escalates_s = now_s + self._settings.repeat_s, now_s + self._settings.escalate_after_s
            incident = Incident(
                row["number"], row["key"], first, last, now_s, row["level"], levels, escalates_s, repeats_s, count
            )
            incident.notices = {first.number, last.number}
            # What nobody was told is told at once: not only the newest, which may be the less grave.
            untold = self._state.untold_of(row["number"])
            incident.is_told = all(notice.number != last.number for notice in untold)
            self._policy.restore(incident, untold, now_s)
        self._policy.number_after(self._state.newest_incident())
        for notice in self._state.untold(wall_time() - _UNTOLD_S):
            self._policy.tell(notice, now_s)


def _local_now() -> datetime:
    return datetime.fromtimestamp(wall_time(), UTC).astimezone()
