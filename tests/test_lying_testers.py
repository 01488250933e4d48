"""A tester whose replies are garbled or wrong: what is believed, after how many looks, and how a run goes on."""

import asyncio
from dataclasses import replace

import pytest

from drivers.errors import BadReply, NotConfirmed
from drivers.interfaces import ChannelState
from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.tables.run_data import RunData
from protocols.program import Record
from simulators.faults import Fault, Spoil
from tests.rig import CHANNEL, Rig
from tests.service_rig import check_rows, request, serving, state


def lie(rig: Rig, command: str, pattern: bytes, says: bytes, times: int | None) -> None:
    """Let so many replies say something else."""
    rig.bench.wire.spoil(Fault(Spoil.REWRITTEN, command, times, pattern=pattern, filler=says))


def finish_lie(rig: Rig, times: int | None) -> None:
    """Let the tester say that a test in the middle of a step is finished and complete."""
    lie(rig, "inquire", rb'workstatus="working"', rb'workstatus="finish"', times)
    lie(rig, "inquiredf", rb">false<", rb">true<", times)


def busy(rig: Rig) -> bool:
    """Tell whether the channel works."""
    return rig.bench.tester.channel(CHANNEL).busy


def states_of(store: Store, run: Run) -> list[str]:
    """Give the states that a run has gone through."""
    return [event.message.split(":")[0] for event in store.events(run.run_id) if event.kind == EventKind.STATE]


@pytest.mark.parametrize("times", [1, 8])
@pytest.mark.parametrize("command", ["inquire", "inquiredf"])
async def test_garbled_replies_before_the_start_are_asked_again(
    rig: Rig, store: Store, command: str, times: int
) -> None:
    """Nothing has been sent yet: the reads are asked a few times, and the run begins."""
    lie(rig, command, rb"(?s)<list.*</list>", rb"<list/>", times)
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(200)
        assert state(run) is RunState.RUNNING
    assert len(rig.bench.tester.channels[CHANNEL].tests) == 1


@pytest.mark.parametrize("command", ["inquire", "inquiredf"])
async def test_garbled_reply_between_load_and_start_is_asked_again(rig: Rig, store: Store, command: str) -> None:
    """The driver's own last look at the channel, with the step file in its folder, fails no start either."""
    rig.tester.faults.after("load", lambda: lie(rig, command, rb"(?s)<list.*</list>", rb"<list/>", 1))
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(200)
        assert state(run) is RunState.RUNNING
    assert len(rig.bench.tester.channels[CHANNEL].tests) == 1


async def test_one_wrong_status_before_the_start_is_asked_again(rig: Rig, store: Store) -> None:
    """A channel that seems busy once is looked at again; one that is busy twice is refused."""
    lie(rig, "inquire", rb'workstatus="finish"', rb'workstatus="working"', 1)
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(200)
        assert state(run) is RunState.RUNNING
    lie(rig, "inquire", rb'workstatus="finish"', rb'workstatus="working"', None)
    async with serving(rig, store) as service:
        other = service.submit(request("21-1-5"), "ada")
        await asyncio.sleep(200)
        assert state(other) is RunState.FAILED


async def test_step_file_that_reads_back_wrong_once_is_written_again(rig: Rig, store: Store) -> None:
    """The start is not failed by one stale read of the shared folder."""
    loads = 0

    def once(*_: object) -> None:
        nonlocal loads
        loads += 1
        if loads == 1:
            raise NotConfirmed("the step file is not what was intended")

    rig.tester.faults.before("load", once)
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(200)
        assert (state(run), loads) == (RunState.RUNNING, 2)


async def test_refused_start_that_has_begun_all_the_same_is_found(rig: Rig, store: Store) -> None:
    """BTS says false and starts: the channel is looked at before anybody is told that nothing runs."""
    lie(rig, "start", rb">ok<", rb">false<", 1)
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(200)
        assert state(run) is RunState.RUNNING


@pytest.mark.parametrize("says", [b"stop", b"pause", b"protect", b"finish"])
async def test_one_wrong_work_status_gives_up_no_run(rig: Rig, store: Store, says: bytes) -> None:
    """Our program goes on under current: asked again, watched all the time, run to its end."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(900)
        lie(rig, "inquire", rb'workstatus="working"', b'workstatus="' + says + b'"', 1)
        lie(rig, "inquiredf", rb">false<", rb">true<", 1)
        await asyncio.sleep(300)
        assert state(run) is RunState.RUNNING
        await asyncio.sleep(6000)
        assert state(run) is RunState.COMPLETED
    assert states_of(store, run) == ["preflight", "armed", "running", "completed"]
    check_rows(rig, store, run.run_id)


@pytest.mark.parametrize(
    ("command", "pattern", "says"),
    [
        ("inquire", rb'barcode="R[^"]+"', rb'barcode="theirs"'),
        ("inquiredf", rb'testid="\d+"', rb'testid="99"'),
        ("inquiredf", rb'count="\d\d+"', rb'count="3"'),
        ("inquiredf", rb'count="(\d\d+)"', rb'count="9\1"'),
        ("inquiredf", rb'count="(\d\d+)"', rb'count="4000000000"'),
        ("inquiredf", rb'count="(\d\d+)"', rb'count="9,\1"'),
        ("inquire", rb'totaltime="[^"]*"', rb'totaltime="nan"'),
        ("inquire", rb'totaltime="[^"]*"', rb'totaltime="1_000"'),
        ("inquire", rb'step_id="\d+"', rb'step_id="77"'),
        ("inquire", rb'workstatus="working"', rb'workstatus="dreaming"'),
        ("download", rb'stepid="\d+"', rb'stepid="77"'),
        ("download", rb'testtime="', rb'testtime="-'),
        ("inquire", rb'voltage="0\.', rb'voltage="0,'),
    ],
    ids=[
        *("barcode", "test id", "fewer records", "more records", "endless records", "comma in a count", "no test time"),
        *("underscore", "step", "status", "record's step", "time", "comma"),
    ],
)
@pytest.mark.parametrize("times", [1, 30])
async def test_wrong_field_is_told_within_five_polls_and_forgotten_when_all_agree(
    rig: Rig, store: Store, command: str, pattern: bytes, says: bytes, times: int
) -> None:
    """A lie of one reply changes nothing; one that stays makes the run unseen, or holds it, never silently running."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=3), "ada")
        await asyncio.sleep(900)
        lie(rig, command, pattern, says, times)
        await asyncio.sleep(330)
        if times == 1:
            assert state(run) is RunState.RUNNING
        else:
            assert state(run) in {RunState.UNSEEN, RunState.HOLDING}
            assert run.reason
        rig.bench.wire.mend()
        await asyncio.sleep(300)
        # What was held is taken up again when the tester shows our own test at work.
        now = next(it for it in service.runs if it.run_id == run.run_id)
        assert state(now) is RunState.RUNNING
        await asyncio.sleep(9000)
        assert state(now) is RunState.COMPLETED
    if times == 1:
        assert states_of(store, run) == ["preflight", "armed", "running", "completed"]
    check_rows(rig, store, run.run_id)


async def test_number_of_records_that_no_test_has_is_refused_before_any_is_asked_for(rig: Rig, store: Store) -> None:
    """Nobody would come to an end of fetching them, whatever the tester sends."""
    asked: list[object] = []
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(300)
        assert run.records is not None
        rig.tester.faults.before("records", lambda *args: asked.append(args))
        with pytest.raises(BadReply, match="has 4000000000 records, and no test has so many"):
            await run.records.fetch(4_000_000_000)
    assert asked == []


async def test_count_that_shrinks_is_told_at_the_second_look(rig: Rig, store: Store) -> None:
    """Fewer records than have come cannot be: nobody waits until a record is overdue, and the run is seen again."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=3), "ada")
        await asyncio.sleep(900)
        lie(rig, "inquiredf", rb'count="\d\d+"', b'count="3"', None)
        await asyncio.sleep(70)
        assert state(run) is RunState.UNSEEN
        assert "has fewer records (3) than it has sent" in run.reason
        rig.bench.wire.mend()
        await asyncio.sleep(130)
        assert state(run) is RunState.RUNNING


async def test_records_that_do_not_come_are_told_also_where_none_is_due_by_time(rig: Rig, store: Store) -> None:
    """A program that records by voltage alone may be silent, but not while the tester says that there are records."""
    ordered = request(cycles=3)
    (segment,) = ordered.program.cycling
    by_voltage = replace(segment, record=Record(voltage_change_v=0.005))
    async with serving(rig, store) as service:
        run = service.submit(replace(ordered, program=replace(ordered.program, segments=(by_voltage,))), "ada")
        await asyncio.sleep(900)
        assert state(run) is RunState.RUNNING
        lie(rig, "inquiredf", rb'count="\d+"', b'count="' + str(run.stored + 7).encode() + b'"', None)
        await asyncio.sleep(330)
        assert state(run) is RunState.UNSEEN
        assert "BTS says that test 1 has" in run.reason


@pytest.mark.parametrize("lasts", [2, 40])
async def test_finish_in_the_middle_of_a_step_is_not_believed(rig: Rig, store: Store, lasts: int) -> None:
    """Finished and complete, says the tester, and its step log says otherwise: watched until it is true."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(900)
        finish_lie(rig, lasts)
        await asyncio.sleep(400)
        assert state(run) in {RunState.RUNNING, RunState.UNSEEN}
        assert busy(rig)
        await asyncio.sleep(6000)
        assert state(run) is RunState.COMPLETED
    check_rows(rig, store, run.run_id)


async def until_over(rig: Rig) -> None:
    """Wait until the tester has come to the end of its program, which no poll has shown yet."""
    for _ in range(9000):
        if not busy(rig):
            return
        await asyncio.sleep(1)
    raise AssertionError("it never ended")


async def test_records_that_only_the_step_log_tells_of_are_fetched_at_the_end(rig: Rig, store: Store) -> None:
    """The tester finishes and counts only what had come: nothing is called ended early, and complete when all agree."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(900)
        await until_over(rig)
        lie(rig, "inquiredf", rb'count="\d+"', b'count="' + str(run.stored).encode() + b'"', None)
        await asyncio.sleep(300)
        assert state(run) is RunState.UNSEEN
        check_rows(rig, store, run.run_id)
        rig.bench.wire.mend()
        await asyncio.sleep(300)
        assert state(run) is RunState.COMPLETED
    check_rows(rig, store, run.run_id)


async def test_step_log_that_ends_before_the_records_ends_no_run(rig: Rig, store: Store) -> None:
    """Status and records say that it is over, and the step log does not: told, and complete when all agree."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(900)
        rig.tester.faults.change(
            "step_log", lambda steps: [*steps[:-1], replace(steps[-1], last_sequence=steps[-1].last_sequence - 3)]
        )
        await until_over(rig)
        await asyncio.sleep(300)
        assert state(run) is RunState.UNSEEN
        assert "is finished, and its step log ends at record" in run.reason
        rig.tester.faults.mend()
        await asyncio.sleep(300)
        assert state(run) is RunState.COMPLETED
    check_rows(rig, store, run.run_id)


async def test_finish_with_a_count_that_stands_still_ends_no_watch(rig: Rig, store: Store) -> None:
    """Also its record count agrees with what is stored, and all replies repeat it: the step log alone goes on."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(900)
        lie(rig, "inquire", rb'workstatus="working"', rb'workstatus="finish"', None)
        still = b'count="' + str(run.stored).encode() + rb'"\1>true<'
        lie(rig, "inquiredf", rb'count="\d+"([^>]*)>false<', still, None)
        for _ in range(30):
            await asyncio.sleep(20)
            assert state(run) in {RunState.RUNNING, RunState.UNSEEN}, run.reason
        assert busy(rig)
        rig.bench.wire.mend()
        await asyncio.sleep(6000)
        assert state(run) is RunState.COMPLETED
    check_rows(rig, store, run.run_id)


async def test_program_that_somebody_ends_early_is_held_and_never_completed(rig: Rig, store: Store) -> None:
    """A jump to the end step at the tester: records, status and step log agree, the planned passes do not."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=3), "ada")
        await asyncio.sleep(1500)
        end_step = len(run.segment.steps) + 1
        assert rig.bench.tester.goto(CHANNEL, end_step)
        await asyncio.sleep(200)
        assert state(run) is RunState.HOLDING
        assert "ended early" in run.reason
        assert "by whom is not known" in run.reason
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(9000)
        assert state(run) is RunState.COMPLETED
    assert EventKind.EXTERNAL_ACTION in {event.kind for event in store.events(run.run_id)}
    check_rows(rig, store, run.run_id)


async def test_jump_back_at_the_tester_is_recorded_and_ends_no_watch(rig: Rig, store: Store) -> None:
    """Somebody lets a step run again: more executions than the program has, and each channel goes on being watched."""
    async with serving(rig, store) as service:
        first, second = (service.submit(request(channel, cycles=1), "ada") for channel in (CHANNEL, "21-1-5"))
        await asyncio.sleep(2500)
        assert rig.bench.tester.goto(CHANNEL, 4)
        await asyncio.sleep(6000)
        assert (state(first), state(second)) == (RunState.COMPLETED, RunState.COMPLETED)
    (last,) = list(store.samples(first.test))[-1:]
    assert last.step_count == 7
    check_rows(rig, store, first.run_id)
    assert [step.place.count for step in RunData(store, first.run_id).steps] == [1, 2, 3, 4, 5, 0, 0]


@pytest.mark.parametrize("seen", [ChannelState.STOPPED, ChannelState.FINISHED])
async def test_wrong_status_at_a_restart_does_not_give_up_a_run(rig: Rig, store: Store, seen: ChannelState) -> None:
    """The first reply of the tester after a restart shows somebody else's test: asked again, and adopted."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(900)
    shown = (await rig.tester.status([CHANNEL]))[CHANNEL]
    wrong = {CHANNEL: replace(shown, barcode="theirs", test_id=99, state=seen)}
    rig.tester.faults.answer("status", wrong)
    asyncio.get_running_loop().call_later(2.0, rig.tester.faults.mend)
    async with serving(rig, store):
        await asyncio.sleep(120)
        assert store.run(run.run_id).state in {RunState.RUNNING, RunState.UNSEEN}
        await asyncio.sleep(6000)
    assert store.run(run.run_id).state is RunState.COMPLETED
    assert "holding" not in states_of(store, run)
    check_rows(rig, store, run.run_id)


async def test_held_run_whose_own_program_works_is_watched_again(rig: Rig, store: Store) -> None:
    """Paused at the tester and continued there, also after a restart: no current of ours goes unjudged."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=1), "ada")
        await asyncio.sleep(900)
        rig.bench.tester.reboot(keep_program=True)
        await asyncio.sleep(200)
        assert state(run) is RunState.HOLDING
    async with serving(rig, store):
        await asyncio.sleep(100)
        assert rig.bench.tester.resume(CHANNEL)
        await asyncio.sleep(300)
        assert store.run(run.run_id).state is RunState.RUNNING
        await asyncio.sleep(6000)
    assert store.run(run.run_id).state is RunState.COMPLETED
    # A pause is in the tester's own times and not in a test's: the rows are compared by their numbers.
    (test,) = store.tests(run.run_id)
    rows = rig.bench.tester.records(CHANNEL, test.tester_test_id or 0)
    assert [sample.sequence for sample in store.samples(test.id)] == [row.seq for row in rows]


async def test_defect_at_one_run_does_not_blind_the_others(rig: Rig, store: Store) -> None:
    """What nobody foresaw in one channel's answer makes that run unseen; another goes on as if nothing were."""
    async with serving(rig, store) as service:
        first, second = (service.submit(request(channel, cycles=2), "ada") for channel in (CHANNEL, "21-1-5"))
        await asyncio.sleep(900)
        rig.tester.faults.fail("step_log", KeyError("a defect"), lambda identity: identity.channel == CHANNEL)
        rig.bench.tester.goto(CHANNEL, len(first.segment.steps) + 1)
        await asyncio.sleep(400)
        assert (state(first), state(second)) == (RunState.UNSEEN, RunState.RUNNING)
        assert "KeyError" in first.reason
