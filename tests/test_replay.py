"""After a restart the judges of a test say exactly what they would say without one, whatever the samples were."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from math import nan

import pytest

from drivers.interfaces import Sample, TestIdentity
from orchestrator.events import EventKind
from orchestrator.judging.limits import Action
from orchestrator.runs import replaying
from orchestrator.runs.journal import RunJournal
from orchestrator.runs.progress import Progress
from orchestrator.runs.records import RecordPipeline
from orchestrator.runs.replaying import Replay
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run_guards import RunGuards
from orchestrator.store import Store, stored_test
from protocols.execution_order import flow
from protocols.program import ConstantCurrent, Loop, Program
from tests.rig import CHANNEL, Rig, li_li_program

PROGRAM = li_li_program(12, 300.0)
(SEGMENT,) = PROGRAM.cycling


def made(seed: int, gaps: bool) -> list[Sample]:
    """Give a test's samples with spikes, wrong currents, missing values and, if asked for, lost records."""
    draw = random.Random(seed)
    samples: list[Sample] = []
    sequence, before_s, trouble, left = 0, 0.0, "", 0
    for count, place in enumerate(flow(SEGMENT.steps), 1):
        step = SEGMENT.steps[place.step - 1]
        assert not isinstance(step, Loop)
        set_a = step.current_a if isinstance(step, ConstantCurrent) else 0.0
        length_s = step.until.time_s or 0.0
        length_s *= draw.choice((1.0, 1.0, 1.0, 0.01))
        ohm = draw.choice((300.0, 300.0, 300.0, 60.0))
        for in_step_s in (0.0, *(30.0 * n for n in range(1, int(length_s // 30))), length_s):
            sequence += 1
            if gaps and draw.random() < 0.004:
                continue
            if not left and draw.random() < 0.08:
                trouble, left = draw.choice(("high", "wrong", "none", "late")), draw.randint(1, 2)
            voltage_v, current_a, passed_ah = set_a * ohm, set_a, abs(set_a) * in_step_s / 3600
            if left:
                left -= 1
                voltage_v = {"high": 0.55, "none": nan}.get(trouble, voltage_v)
                current_a = set_a * 1.1 if trouble == "wrong" else current_a
                passed_ah = nan if trouble == "late" else passed_ah
            time_s = before_s + in_step_s
            samples.append(
                Sample(sequence, time_s, in_step_s, place.step, count, place.cycle, "cc", voltage_v, current_a,
                       passed_ah, 0.0, time_s)
            )  # fmt: skip
        before_s += length_s
    return samples


def pipeline(store: Store, rig: Rig, run_id: str, test: int, program: Program = PROGRAM) -> RecordPipeline:
    """Give the judges of a process that has just begun."""
    progress = Progress.at_start(program).with_test()
    journal = RunJournal(store, RunRequest(program, CHANNEL, "a"), run_id)
    identity = TestIdentity(CHANNEL, 1, run_id, len(SEGMENT.steps) + 1)
    envelope = rig.tester.envelope(CHANNEL)
    guards = RunGuards(program, "")
    guards.enter(progress.segment, 0.0)
    return RecordPipeline(store, rig.tester, journal, identity, test, progress, guards, envelope)


def state(it: object) -> object:
    """Give all that an object of ours keeps in mind, through those that it holds."""
    if not type(it).__module__.startswith("orchestrator."):
        return it
    names = [*getattr(it, "__dict__", ()), *getattr(type(it), "__slots__", ())]
    return type(it).__name__, [(name, state(getattr(it, name))) for name in names if name != "_segment"]


def judges(records: RecordPipeline) -> str:
    """Give all that the judges of a pipeline keep in mind, and where it stands."""
    limits, guards, cycles = records._limits, records._guards, records._cycles  # noqa: SLF001 - all of it must be equal
    opened = records._steps._open  # noqa: SLF001 - as above
    parts = [state(it) for it in (limits, guards, cycles)]
    where = (records.last, records.stored, records.samples, opened and vars(opened))
    findings = sorted(repr(it) for it in records._findings if it.action is not Action.MARK)  # noqa: SLF001 - as above
    return repr((parts, where, findings))


def live(store: Store, records: RecordPipeline, samples: list[Sample], draw: random.Random) -> None:
    """Store and judge samples in blocks of any size, as polls do; the last block may be stored and not judged."""
    at = 0
    while at < len(samples):
        size = draw.randint(1, 40)
        block = samples[at : at + size]
        with store.transaction():
            store.tick({records.test: block})
            records.save()
        at += size
        if at < len(samples) or draw.random() < 0.5:
            records.accept(block)


async def test_watch_for_shorts_is_fed_head_and_tail_of_a_long_test(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tail begins with a step where one does; a short test is read whole."""
    samples = made(1, gaps=False)
    run_id = RunRequest(PROGRAM, CHANNEL, "a").add_to(store)
    test = store.add_test(
        run_id=run_id, segment=0, instrument="made", channel=CHANNEL, tester_test_id=1, barcode=run_id,
        started_unix_s=0.0,
    )  # fmt: skip
    live(store, pipeline(store, rig, run_id, test), samples, random.Random(1))
    with stored_test.reading(store.path, test) as stored:
        assert [it async for page in Replay(stored).watched_samples() for it in page] == samples
        monkeypatch.setattr(replaying, "HEAD_SAMPLES", 20)
        monkeypatch.setattr(replaying, "TAIL_SAMPLES", 100)
        seen = [it async for page in Replay(stored).watched_samples() for it in page]
    head, tail = seen[:20], seen[20:]
    assert (head, tail) == (samples[:20], samples[-len(tail) :])
    assert 50 < len(tail) <= 100
    assert tail[0].step_time_s == 0.0


@pytest.mark.parametrize("seed", range(8))
async def test_judges_after_a_restart_are_those_without_one(
    seed: int, rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any moment, in pages of any size, after a hold or a defect of a stored step, with lost records."""
    for name, rows in (("STEP_ROWS", 5), ("SCANNED_ROWS", 37), ("_MANY", 9)):
        monkeypatch.setattr(stored_test, name, rows)
    draw = random.Random(seed)
    samples = made(seed, gaps=seed % 2 == 1)
    cut = draw.randint(len(samples) // 2, len(samples))
    run_id = RunRequest(PROGRAM, CHANNEL, "a").add_to(store)
    test = store.add_test(
        run_id=run_id, segment=0, instrument="made", channel=CHANNEL, tester_test_id=1, barcode=run_id,
        started_unix_s=0.0,
    )  # fmt: skip
    dead = pipeline(store, rig, run_id, test)
    live(store, dead, samples[:cut], draw)
    if seed % 4 == 2:
        dead.finish()
    if seed % 4 == 3:
        store.connection.execute("UPDATE step SET capacity_ah = capacity_ah * 1.001 WHERE step_count = 7")
    before = pipeline(store, rig, run_id, test)
    before.accept(samples[:cut])
    after = pipeline(store, rig, run_id, test)
    await after.replay()
    assert judges(after) == judges(before)
    told = [event for event in store.events(run_id) if event.kind == EventKind.STORE_DOUBTED]
    assert bool(told) is (seed % 4 == 3)
    for it in (before, after):
        it.accept(samples[cut:])
        it.finish()
    assert judges(after) == judges(before)
    whole = store.steps(test), store.cycles(test)
    for table in ("step", "cycle"):
        store.connection.execute(f"DELETE FROM {table} WHERE test = ?", (test,))  # noqa: S608 - two names
    anew = pipeline(store, rig, run_id, test)
    anew.accept(samples)
    anew.finish()
    assert whole == (store.steps(test), store.cycles(test))


def long_samples(program: Program, each: int, last: int) -> list[Sample]:
    """Give ``each`` samples of each step of a healthy cell, and so many of the last one, which goes on."""
    (segment,) = program.cycling
    samples: list[Sample] = []
    places = list(flow(segment.steps))
    for count, place in enumerate(places, 1):
        step = segment.steps[place.step - 1]
        assert not isinstance(step, Loop)
        set_a, length_s = step.current_a if isinstance(step, ConstantCurrent) else 0.0, step.until.time_s or 0.0
        rows, began_s = last if count == len(places) else each, samples[-1].time_s if samples else 0.0
        for row in range(rows):
            in_step_s, sequence = length_s * row / rows, len(samples) + 1
            passed_ah, time_s = abs(set_a) * in_step_s / 3600, began_s + in_step_s
            samples.append(
                Sample(sequence, time_s, in_step_s, place.step, count, place.cycle, "cc", set_a * 300.0, set_a,
                       passed_ah, 0.0, time_s)
            )  # fmt: skip
    return samples


async def test_a_long_test_is_replayed_in_slices_of_bounded_size(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other channels have their turns between two pages of each kind, and few pages are in memory at a time."""
    monkeypatch.setattr(stored_test, "SCANNED_ROWS", 500)
    program = li_li_program(130, 300.0)
    samples = long_samples(program, 20, 6000)
    run_id = RunRequest(program, CHANNEL, "a").add_to(store)
    test = store.add_test(
        run_id=run_id, segment=0, instrument="made", channel=CHANNEL, tester_test_id=1, barcode=run_id,
        started_unix_s=0.0,
    )  # fmt: skip
    records = pipeline(store, rig, run_id, test, program)
    with store.transaction():
        store.tick({test: samples})
        records.accept(samples)
        records.save()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.ensure_future(others())
    await asyncio.sleep(0)
    found: list[int] = []
    with stored_test.reading(store.path, test) as stored:
        tracemalloc.start()
        replay = Replay(stored)
        for pages in (replay.steps(), replay.samples(), replay.findings(records._limits)):  # noqa: SLF001 - of a healthy cell
            before = turns
            async for _ in pages:
                pass
            found.append(turns - before)
        most_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    beside.cancel()
    assert (replay.count, len(store.steps(test))) == (len(samples), 262)
    assert found == [1, 6, -(-len(samples) // 500)]
    assert most_bytes < 2**21
