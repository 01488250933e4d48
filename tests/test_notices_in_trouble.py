"""The notices in trouble of their own: a file that is damaged or full, a store that went back, alarms behind others."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate, Severity
from orchestrator.events.to_do import SERVICE_DEAD
from orchestrator.notices.quiet_hours import daily_test_is_due
from orchestrator.notices.routes import levels_of
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Entry, Message, Notice
from orchestrator.notices.wording import body_of, title_of
from orchestrator.rack.lock import lock_path
from orchestrator.runs.request import RunRequest
from orchestrator.serving.service_watch import DEAD_S, Health, look_at, watch_service
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from orchestrator.store.companion_files import notices_path
from protocols.loading import load_cell, parse_recipe, recipe_text
from protocols.resolve import resolve
from tests.notice_servers import endpoint
from tests.storing import add_run
from tests.told_people import PHONE, People, told

RUN = RunUpdate("R000001", "A17", "27-1-3", RunState.RUNNING, "", 60.0, 3600.0, 1, 0.08, 2)
# Neither escalation nor repeat comes to help.
ONCE: dict[str, Any] = {"escalate_after_s": 86_400, "repeat_s": 86_400, "poll_s": 1}
_DIED = '{"pid": 1, "host": "rig", "started_utc": "2026-11-27T12:00:00Z", "url": ""}'


async def test_a_file_that_takes_nothing_sends_the_daily_test_once_all_the_same(store: Store) -> None:
    """A folder in the place of the file, or a full disk: nobody gets a test a second until midnight."""
    notices_path(store.path).mkdir()
    async with told(store, test_at="00:00") as people:
        await asyncio.sleep(600)
        people.happen(EventKind.STORE_DOUBTED)
        await asyncio.sleep(5)
    assert [title for title in people.titles() if "[test]" in title] == people.titles()[:2]
    assert len(people.got) == 3


async def test_a_damaged_file_is_set_aside_and_alarms_can_be_acknowledged(store: Store) -> None:
    """It could take no acknowledgement, and nothing would be remembered, at any later start."""
    path = notices_path(store.path)
    path.write_bytes(b"no database" * 1000)
    async with told(store, poll_s=1) as people:
        people.happen(EventKind.STORE_DOUBTED)
        await asyncio.sleep(5)
        with StateFile(store.path) as other:
            assert other.acknowledge(None, "ada", wall_time()) == ["store doubted"]
    assert path.with_name(f"{path.name}.damaged").is_file()


async def test_a_daily_test_that_reached_nobody_is_over_when_somebody_was_told(store: Store) -> None:
    """A network that is away for a minute at nine is told once, and not every quarter of an hour until the evening."""
    people = People(store, asyncio.get_running_loop().time(), broken={"phone", "boss"}, stores_reports=True)
    store.add_event(None, EventKind.SERVICE_STARTED, "started", 1.8e9)
    async with told(store, people, test_at="00:00", poll_s=1):
        await asyncio.sleep(30)
        people.broken.clear()
        await asyncio.sleep(20 * 3600)
    assert people.titles()[0] == "phone [ALARM] rack-1: notices failed"
    assert len(people.got) <= 3
    assert people.reports[-1][0] is EventKind.NOTICES_WORK


def test_a_test_of_days_to_come_keeps_no_daily_test_from_being_sent() -> None:
    """A clock that once stood in 2030 does not silence the test until then; minutes change nothing."""
    now, at = datetime(2026, 11, 27, 9, 30, tzinfo=UTC), clock(9)
    assert daily_test_is_due(now, at, date(2030, 1, 1))
    assert not daily_test_is_due(now, at, date(2026, 11, 28))


async def test_acknowledged_silence_of_records_is_not_told_again_while_it_lasts(store: Store) -> None:
    """Its cause is still there a second after ``cellrig notices ack``; the next silence is a new alarm."""
    run_id = add_run(store)
    async with told(store, data_stop_s=60, **ONCE) as people:
        people.updates = [RUN]
        await asyncio.sleep(70)
        with StateFile(store.path) as other:
            assert other.acknowledge(run_id, "ada", wall_time()) == [f"data stopped {run_id}"]
        await asyncio.sleep(3600)
        assert len(people.got) == 1
        people.updates = [replace(RUN, samples=3)]
        await asyncio.sleep(20_000)
    assert len(people.got) == 2


async def test_records_that_stop_again_are_told_as_soon_after_a_long_silence(store: Store) -> None:
    """Eight hours without records, and the second time it is told after three quarters of an hour, not after a day."""
    add_run(store)
    async with told(store, data_stop_s=900, **ONCE) as people:
        people.updates = [RUN]
        await asyncio.sleep(8 * 3600)
        assert len(people.got) == 1
        people.updates = [replace(RUN, samples=3)]
        await asyncio.sleep(2800)
    assert len(people.got) == 2


async def test_rest_that_is_recorded_each_hour_is_waited_for(store: Store) -> None:
    """A record may be a quarter of an hour late; the steps that record often are watched as closely behind it."""
    usual = recipe_text("lfp-200mA-g")
    recipe = parse_recipe(usual.replace("until: {time: 10 min}", "until: {time: 12 h}, record: {every: 60 min}"))
    run_id = RunRequest(resolve(recipe, load_cell("bare-lfp")), "27-1-3", "A17").add_to(store)
    rest = replace(RUN, run_id=run_id, step_name="rest 2")
    async with told(store, data_stop_s=900, **ONCE) as people:
        for count in range(1, 4):
            people.updates = [replace(rest, samples=count)]
            await asyncio.sleep(3600)
        people.updates = [replace(rest, samples=5)]
        await asyncio.sleep(4480)
        assert people.got == []
        await asyncio.sleep(40)
        assert "no record has come for 1 h 15 min" in people.got[0][2].text
        people.updates = [replace(rest, samples=6)]
        await asyncio.sleep(60)
        people.updates = [replace(rest, samples=7, step_name="constant_current charge 2")]
        await asyncio.sleep(890)
        assert len(people.got) == 1
        await asyncio.sleep(40)
        assert len(people.got) == 2


async def test_link_that_is_lost_again_and_again_is_told_each_time_as_soon(store: Store) -> None:
    """Each pause allowed three times as long a one: the fifth loss of a month would have been told after a day."""
    add_run(store)
    async with told(store, data_stop_s=900, **ONCE) as people:
        for count in range(1, 6):
            people.updates = [replace(RUN, samples=count)]
            await asyncio.sleep(60)
            people.updates = [replace(RUN, samples=count, state=RunState.UNSEEN, reason="nothing heard")]
            await asyncio.sleep(1000)
            assert len(people.got) == count


async def test_acknowledged_silence_of_the_service_is_not_told_again_while_it_lasts(store: Store) -> None:
    """The same for a service that does not answer."""
    async with told(store, silent_s=60, **ONCE) as people:
        people.updates = None
        await asyncio.sleep(70)
        with StateFile(store.path) as other:
            other.acknowledge(None, "ada", wall_time())
        await asyncio.sleep(600)
        assert len(people.got) == 1
        people.updates = ()
        await asyncio.sleep(10)
        people.updates = None
        await asyncio.sleep(70)
    assert len(people.got) == 2


async def test_a_trip_behind_an_alarm_that_was_told_calls_the_next_level_when_nobody_takes_it(store: Store) -> None:
    """That the alarm of before reached somebody says nothing of this one."""
    run_id = add_run(store)
    async with told(store, **ONCE) as people:
        people.happen(EventKind.EARLY_CUTOFF, run_id)
        await asyncio.sleep(5)
        people.broken.add("phone")
        people.trip(run_id)
        await asyncio.sleep(5)
        assert people.titles()[1:] == [
            "boss [ALARM] rack-1: 27-1-3 bare: what state says (others have not acknowledged it)"
        ]
        people.broken.add("boss")
        people.trip(run_id)
        await asyncio.sleep(30)
    assert [kind for kind, _ in people.reports] == [EventKind.NOTICES_FAILED]


async def test_a_trip_behind_an_alarm_that_was_told_is_told_after_a_kill(store: Store) -> None:
    """The process ends between the commit of the trip and its message; the next one tells it at once."""
    run_id = add_run(store)
    async with told(store, **ONCE) as people:
        people.happen(EventKind.EARLY_CUTOFF, run_id)
        await asyncio.sleep(5)
        people.broken.add("phone")
        people.trip(run_id)
        await asyncio.sleep(1.2)
    people.broken.clear()
    async with told(store, people, **ONCE):
        await asyncio.sleep(5)
    assert "what limit exceeded says" in people.got[-1][2].text


async def test_every_alarm_that_nobody_was_told_is_told_after_a_kill(store: Store) -> None:
    """Not only the newest one of a run: the trip stands before it."""
    run_id = add_run(store)
    async with told(store, targets=[PHONE], **ONCE) as people:
        people.broken.add("phone")
        people.trip(run_id)
        await asyncio.sleep(3)
        people.happen(EventKind.STORE_DOUBTED, run_id)
        await asyncio.sleep(3)
    people.broken.clear()
    async with told(store, people, targets=[PHONE], **ONCE):
        await asyncio.sleep(5)
    ((_, _, letter),) = people.got
    assert "what limit exceeded says" in letter.text
    assert "what store doubted says" in letter.text


async def test_a_trip_is_told_in_a_store_that_was_put_back_from_a_backup(store: Store) -> None:
    """Its event has a number that was read before the store went back, and is another event all the same."""
    run_id = add_run(store)
    async with told(store, **ONCE):
        for number in range(20):
            store.add_event(None, EventKind.BACKUP, "before", 1.7e9 + number)
        await asyncio.sleep(3)
    store.connection.execute("DELETE FROM event WHERE at_unix_s > 1.7e9 + 5")
    store.add_event(None, EventKind.SERVICE_STARTED, "started", 1.75e9)
    store.add_event(run_id, EventKind.HOST_LIMIT, "tripped at the start", 1.75e9)
    for number in range(30):
        store.add_event(None, EventKind.BACKUP, "after", 1.76e9 + number)
    async with told(store, **ONCE) as people:
        await asyncio.sleep(3)
    assert people.titles() == ["phone [ALARM] rack-1: 27-1-3 bare: limit exceeded"]


async def test_a_digest_names_a_trip_before_all_other_alarms(store: Store) -> None:
    """Forty channels with another alarm fill the lines of a message; the trip, which came last, is the first."""
    runs = [add_run(store, channel=f"27-{number // 8 + 1}-{number % 8 + 1}") for number in range(41)]
    async with told(store, **ONCE) as people:
        for run_id in runs[:20]:
            people.happen(EventKind.EARLY_CUTOFF, run_id)
        for run_id in runs[20:40]:
            people.happen(EventKind.LATE_START, run_id)
        people.trip(runs[40])
        await asyncio.sleep(3)
    ((_, _, letter),) = people.got
    assert ": 1 x what state says, " in letter.title
    assert letter.text.splitlines()[0].endswith("27-6-1 bare R000041: what state says")


def test_a_label_does_not_turn_the_words_behind_it() -> None:
    """A mark for writing from right to left in a label would have a phone show the rest of the title backwards."""
    notice = Notice(1, "limit exceeded", Severity.ALARM, "4.2\u202e V", 1e9, "R000001", "27-1-3", "A\u202e17")
    message = Message(1, "ada", ("phone",), (Entry(notice),))
    assert title_of(message, "rack-1") == "[ALARM] rack-1: 27-1-3 A 17: limit exceeded"
    assert body_of(message, "rack-1").isascii()


@pytest.mark.parametrize(("by", "levels"), [("Ada ", (1,)), ("ada", (1,)), ("bob", ()), ("", ())])
def test_own_runs_are_those_of_a_person_however_the_name_is_typed(by: str, levels: tuple[int, ...]) -> None:
    """``--by Ada`` and ``person = "ada"`` are one person, as for the second confirmation."""
    settings = NoticeSettings.model_validate({"targets": [PHONE | {"runs": "own"}]})
    notice = Notice(1, "late records", Severity.WARNING, "what", 1e9, "R000001", "27-1-3", "A17", by)
    assert levels_of(settings, notice) == levels


def served(store: Path, age_s: float) -> None:
    """Leave a store whose service was killed with a run under way."""
    with open_store(store) as opened:
        opened.set_run_state(add_run(opened), RunState.RUNNING.value, "", 1.0)
    lock_path(store).write_text(f" {_DIED}")
    os.utime(lock_path(store), (time.time() - age_s, time.time() - age_s))


@pytest.mark.real_time
async def test_a_service_that_dies_is_told_although_a_lesser_trouble_was_acknowledged(store_path: Path) -> None:
    """Somebody knows that the service tells nobody any more; that it is dead now, nobody knows."""
    served(store_path, DEAD_S + 60)
    async with endpoint() as there:
        target = {"name": "phone", "url": f"json://127.0.0.1:{there.port}/"}
        settings = NoticeSettings.model_validate({"targets": [target]})
        with StateFile(store_path) as state:
            state.outside_incident(SERVICE_DEAD, time.time())
            state.keep_mark("dead service gravity", Health.MUTE.gravity)
            assert state.acknowledge(SERVICE_DEAD, "ada", time.time())
        assert (await watch_service(settings, store_path, "rack-1")).health is Health.DIED
        assert len(there.got) == 1
        await watch_service(settings, store_path, "rack-1")
        assert len(there.got) == 1


def test_a_dead_service_is_seen_by_a_clock_that_was_set_back(store_path: Path) -> None:
    """A machine whose clock has lost its battery comes back in the past: no sign of life of then says that it lives."""
    served(store_path, -86_400)
    with StateFile(store_path) as state:
        state.keep_mark("alive", time.time() + 86_400)
        look = look_at(store_path, state, time.time())
    assert look.health is Health.DIED
    assert "before the clock of this machine was set back" in look.sentence


def test_an_event_is_taken_up_whole_or_not_at_all(store_path: Path) -> None:
    """Killed between the notice and the mark of its event, a process of before would have told it twice."""
    with StateFile(store_path) as state:
        with suppress(KeyboardInterrupt), state.together():
            state.keep_mark("read to", 10)
            raise KeyboardInterrupt
        assert state.mark("read to") is None
        with state.together():
            state.keep_mark("read to", 11)
    with StateFile(store_path) as state:
        assert state.mark("read to") == 11
