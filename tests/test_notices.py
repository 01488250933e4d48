"""The notices of a store that lives: trips reach people, silence is an alarm, and nothing is forgotten by a restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind, RunUpdate, Severity
from orchestrator.events.to_do import DATA_STOPPED, SERVICE_SILENT
from orchestrator.notices.state_file import StateFile
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.store.companion_files import notices_path
from tests.storing import add_run
from tests.told_people import PHONE, told

RUN = RunUpdate("R000001", "A17", "27-1-3", RunState.RUNNING, "", 60.0, 3600.0, 1, 0.08, 2)


async def test_a_trip_reaches_a_person_within_seconds_of_its_commit_also_at_night(store: Store) -> None:
    """One message with the two events of the trip, which says where, what, and how it is acknowledged."""
    run_id = add_run(store)
    async with told(store, quiet_from="00:00", quiet_to="23:59") as people:
        people.trip(run_id)
        committed_s = asyncio.get_running_loop().time() - people.began_s
        await asyncio.sleep(3)
    ((at_s, target, letter),) = people.got
    assert at_s - committed_s < 1.0
    assert target == "phone"
    assert letter.title == "[ALARM] rack-1: 27-1-3 bare: limit exceeded, what state says"
    assert "what limit exceeded says" in letter.text
    assert f"cellrig notices ack {run_id}" in letter.text


async def test_what_happened_before_the_first_start_is_not_told(store: Store) -> None:
    """A store with years of alarms tells none of them when notices are first switched on."""
    store.add_event(None, EventKind.SPACE_HOLD, "the disk is full", 1.8e9)
    async with told(store) as people:
        await asyncio.sleep(60)
        assert people.got == []
        people.happen(EventKind.SPACE_HOLD)
        await asyncio.sleep(2)
    assert people.titles() == ["phone [ALARM] rack-1: disk full"]


async def test_a_trip_after_a_first_start_without_any_event_is_told_by_the_next(store: Store) -> None:
    """Switched on, killed before anything happened: what happens until the next start is new all the same."""
    run = add_run(store)
    async with told(store):
        await asyncio.sleep(1)
    async with told(store) as people:
        assert people.got == []
    people.trip(run)
    async with told(store) as people:
        await asyncio.sleep(2)
        assert len(people.got) == 1


async def test_the_acknowledgement_of_a_trip_ends_its_repeats_and_its_escalation(store: Store) -> None:
    """``cellrig ack`` moves the run out of ``tripped``: what a person does there counts here."""
    run_id = add_run(store)
    async with told(store, poll_s=1, escalate_after_s=60, repeat_s=100) as people:
        people.trip(run_id)
        await asyncio.sleep(110)
        assert [target for _, target, _ in people.got] == ["phone", "boss", "phone", "boss"]
        people.happen(EventKind.COMMAND, run_id)
        await asyncio.sleep(100)
        # Somebody has ordered something, and the run is latched all the same.
        assert len(people.got) == 6
        store.set_run_state(run_id, RunState.STOPPED.value, "", 1.8e9)
        await asyncio.sleep(3600)
    assert len(people.got) == 6


async def test_an_alarm_of_no_latched_run_ends_with_a_persons_order_at_its_channel(store: Store) -> None:
    """Who starts, holds or stops something at the channel has been there."""
    run_id = add_run(store)
    async with told(store, poll_s=1, escalate_after_s=60, repeat_s=100) as people:
        people.happen(EventKind.EARLY_CUTOFF, run_id)
        await asyncio.sleep(2)
        people.happen(EventKind.COMMAND, run_id)
        await asyncio.sleep(3600)
    assert len(people.got) == 1


async def test_an_order_for_the_next_run_of_a_channel_ends_no_alarm(store: Store) -> None:
    """Who queues a run, or switches the lamp on, may sit elsewhere: the alarm goes on to the next level."""
    run_id, other = add_run(store), add_run(store)
    async with told(store, poll_s=1, escalate_after_s=60, repeat_s=100) as people:
        people.happen(EventKind.EARLY_CUTOFF, run_id)
        await asyncio.sleep(2)
        people.happen(EventKind.COMMAND, other)
        await asyncio.sleep(3600)
    assert len(people.got) > 1


async def test_an_acknowledgement_by_command_ends_an_alarm(store: Store) -> None:
    """Another process writes it into the notices' file, as ``cellrig notices ack`` does."""
    async with told(store, poll_s=1, escalate_after_s=60) as people:
        people.happen(EventKind.STORE_DOUBTED)
        await asyncio.sleep(10)
        with StateFile(store.path) as other:
            (row,) = other.open_incidents()
            assert row["told_unix_s"] is not None
            assert other.close_incident(row["number"], "acknowledged by ada", wall_time())
        await asyncio.sleep(3600)
    assert len(people.got) == 1


async def test_a_cause_that_is_gone_ends_its_alarm(store: Store) -> None:
    """Nobody has to acknowledge a full disk that has room again."""
    async with told(store, poll_s=1, escalate_after_s=60) as people:
        people.happen(EventKind.SPACE_HOLD)
        await asyncio.sleep(10)
        people.happen(EventKind.SPACE_OK)
        await asyncio.sleep(3600)
    assert len(people.got) == 1


async def test_records_that_stop_are_an_alarm_until_they_come_again(store: Store) -> None:
    """The run is said to be running all the while; a measurement at the potentiostat gives no records, and no alarm."""
    add_run(store)
    async with told(store, poll_s=5, data_stop_s=900, repeat_s=3000) as people:
        for samples in range(10):
            people.updates = [replace(RUN, samples=samples)]
            await asyncio.sleep(60)
        people.updates = [replace(RUN, samples=9, step_name="eis")]
        await asyncio.sleep(7200)
        people.updates = [replace(RUN, samples=9)]
        await asyncio.sleep(890)
        assert people.got == []
        await asyncio.sleep(40)
        assert people.titles() == [f"phone [ALARM] rack-1: 27-1-3 A17: {DATA_STOPPED}"]
        assert "no record has come for 15 min" in people.got[0][2].text
        people.updates = [replace(RUN, samples=10)]
        await asyncio.sleep(800)
        with StateFile(store.path) as state:
            assert state.open_incidents() == []


async def test_records_that_always_come_seldom_are_no_alarm(store: Store) -> None:
    """Of a run whose records came twenty minutes apart, fifteen minutes of silence say nothing."""
    async with told(store, poll_s=5, data_stop_s=900) as people:
        people.updates = [RUN]
        await asyncio.sleep(850)
        people.updates = [replace(RUN, samples=3)]
        await asyncio.sleep(2400)
        assert people.got == []
        await asyncio.sleep(300)
    assert len(people.got) == 1


async def test_a_service_that_does_not_answer_is_an_alarm(store: Store) -> None:
    """After a minute without an answer, not at each restart of control; and it ends when it answers."""
    async with told(store, poll_s=1, silent_s=60, escalate_after_s=3600) as people:
        people.updates = None
        await asyncio.sleep(50)
        people.updates = ()
        await asyncio.sleep(5)
        people.updates = None
        await asyncio.sleep(55)
        assert people.got == []
        await asyncio.sleep(10)
        assert people.titles() == [f"phone [ALARM] rack-1: {SERVICE_SILENT}"]
        people.updates = ()
        await asyncio.sleep(2)
        with StateFile(store.path) as state:
            assert state.open_incidents() == []


async def test_a_service_that_hangs_is_an_alarm_by_the_time_at_which_it_was_heard(store: Store) -> None:
    """Its connection stands, so that it seems to answer: silence counts from its last word, not from its loss."""
    async with told(store, poll_s=1, silent_s=60, escalate_after_s=3600) as people:
        people.heard_s = people.began_s
        await asyncio.sleep(58)
        assert people.got == []
        await asyncio.sleep(5)
        ((_, _, letter),) = people.got
        assert "has not answered for 1 min" in letter.text
        people.heard_s = people.began_s + 63
        await asyncio.sleep(2)
        with StateFile(store.path) as state:
            assert state.open_incidents() == []


async def test_an_alarm_that_no_target_takes_is_stored_and_tried_until_one_does(store: Store) -> None:
    """Control stores it once, for the page and the message feed, and again when somebody was told at last.

    Faults H07.
    """
    async with told(store, poll_s=1) as people:
        people.broken = {"phone", "boss"}
        people.happen(EventKind.SPACE_HOLD)
        await asyncio.sleep(600)
        ((kind, sentence),) = people.reports
        assert kind is EventKind.NOTICES_FAILED
        assert "nobody was told" in sentence
        people.broken = {"phone"}
        await asyncio.sleep(125)
    assert people.titles()[0] == "boss [ALARM] rack-1: disk full (others have not acknowledged it)"
    assert [kind for kind, _ in people.reports] == [EventKind.NOTICES_FAILED, EventKind.NOTICES_WORK]


async def test_every_target_gets_one_test_message_a_day(store: Store) -> None:
    """Over three days and a restart of the notices; a target that does not take it is told of."""
    async with told(store, poll_s=300, test_at="09:00") as people:
        await asyncio.sleep(86_400)
    people.broken = {"boss"}
    async with told(store, people, poll_s=300, test_at="09:00"):
        await asyncio.sleep(2 * 86_400)
    tested = [line.split()[0] for line in people.titles() if "[test]" in line]
    assert sorted(tested) == ["boss", "phone", "phone", "phone"]
    kinds = [kind for kind, _ in people.reports]
    assert kinds.count(EventKind.NOTICES_TESTED) == 3
    assert kinds.count(EventKind.NOTICES_FAILED) == 2
    assert "boss (failed: it is broken)" in people.reports[-1][1]


async def test_a_restart_forgets_no_notice_and_repeats_none_that_was_told(store: Store) -> None:
    """What was told stays told; an alarm and a warning that nobody had taken are told at once; all counts go on."""
    run_id = add_run(store)
    async with told(store, escalate_after_s=3600, repeat_s=3600) as people:
        people.trip(run_id)
        people.happen(EventKind.CLOCK_JUMPED)
        await asyncio.sleep(15)
        people.broken = {"phone", "boss"}
        people.happen(EventKind.SPACE_HOLD)
        people.happen(EventKind.LOG_GROWS)
        await asyncio.sleep(20)
    assert len(people.got) == 2
    people.broken = set()
    people.happen(EventKind.BACKUP_FAILED)
    async with told(store, people, escalate_after_s=3600, repeat_s=3600):
        await asyncio.sleep(60)
    titles = people.titles()[2:]
    assert sorted(title.split()[0] for title in titles if "disk full" in title) == ["boss", "phone"]
    assert not any("limit exceeded" in title or "clock" in title for title in titles)
    assert "phone [warning] rack-1: 2 warnings: 1 x log grows, 1 x backup failed" in titles


async def test_an_alarm_whose_cause_goes_while_it_is_on_its_way_is_told_after_a_kill(store: Store) -> None:
    """That the disk has space again does not keep from people that the runs were held."""
    async with told(store) as people:
        people.happen(EventKind.SPACE_HOLD)
        # It is taken in, and the target has not answered yet.
        await asyncio.sleep(0.3)
    people.happen(EventKind.SPACE_OK)
    assert people.got == []
    async with told(store, people):
        await asyncio.sleep(60)
    assert people.titles() == ["phone [ALARM] rack-1: disk full"]


async def test_a_state_file_that_cannot_be_written_keeps_no_alarm_from_being_sent(store: Store) -> None:
    """On a full or broken disk people are told, and called again; only a restart forgets."""
    notices_path(store.path).mkdir()
    async with told(store, repeat_s=60) as people:
        people.happen(EventKind.SPACE_HOLD)
        await asyncio.sleep(70)
    assert len(people.got) == 2


async def test_a_thousand_events_in_a_minute_become_a_digest_and_a_trip_among_them_is_told_at_once(
    store: Store,
) -> None:
    """A flood of warnings is told in a few messages that count them, and holds up no alarm."""
    run_id, tripped_s = add_run(store), 0.0
    async with told(store, targets=[PHONE], repeat_s=86_400) as people:
        for number in range(1000):
            people.happen(EventKind.CEILING, run_id, Severity.WARNING)
            await asyncio.sleep(0.06)
            if number == 700:
                people.trip(run_id)
                tripped_s = asyncio.get_running_loop().time() - people.began_s
        await asyncio.sleep(130)
    alarms = [at_s for at_s, _, letter in people.got if "ALARM" in letter.title]
    assert len(alarms) == 1
    assert alarms[0] - tripped_s < 2.0
    assert len(people.got) <= 5
    assert any(" 1 x " not in letter.title and "warnings on 27-1-3" in letter.title for _, _, letter in people.got)
