"""What a run's data lack is told once, whole and with its true times, although the store fails while it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from drivers.interfaces import Sample
from orchestrator.events import EventKind
from orchestrator.judging.clock_drift import DAY_S
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, Store, StoreError, WriteFailed, open_store
from simulators.neware.settings import Quirks
from tests.rig import CHANNEL, Rig, short_segment
from tests.service_rig import OTHER, request, serving, state

_POLL_S = 60.0


class ForgetfulStore(Store):
    """A store whose disk fails at the next so many events, and at deviations, of which the words hold these."""

    fails_at: dict[str, int]

    def _fail(self, text: str) -> None:
        for words, left in self.fails_at.items():
            if words in text and left:
                self.fails_at[words] -= 1
                raise WriteFailed("the disk is full")

    def add_event(
        self, run_id: str | None, kind: EventKind, message: str, at_unix_s: float, data_json: str | None = None
    ) -> int:
        """Fail as told."""
        self._fail(kind)
        return super().add_event(run_id, kind, message, at_unix_s, data_json)

    def add_deviation(
        self, run_id: str, category: DeviationCategory, started_unix_s: float, ended_unix_s: float | None, effect: str
    ) -> int:
        """Fail as told."""
        self._fail(effect)
        return super().add_deviation(run_id, category, started_unix_s, ended_unix_s, effect)


@pytest.fixture
def store(store_path: Path) -> Iterator[ForgetfulStore]:
    """Give a store that loses writes when the test says so."""
    with open_store(store_path) as whole:
        forgetful = ForgetfulStore(whole.path, Database(whole.connection), read_only=False)
        forgetful.fails_at = {}
        yield forgetful


async def be_silent(rig: Rig, lasts_s: float) -> None:
    """Let the tester answer nobody for a while."""
    rig.tester.faults.silence()
    await asyncio.sleep(lasts_s)
    rig.tester.faults.mend()


def kinds(store: Store, run: Run) -> list[str]:
    """Give what kinds of events a run has."""
    return [event.kind for event in store.events(run.run_id)]


def lasting_s(store: Store, run: Run) -> list[float]:
    """Give how long each communication loss of a run is said to have lasted."""
    losses = [deviation for deviation in store.deviations(run.run_id) if deviation.category == "communication_loss"]
    return [(loss.ended_unix_s or 0.0) - loss.started_unix_s for loss in losses]


@pytest.mark.parametrize("words", ["records lost", "no value stands for them"])
@pytest.mark.rig(quirks=Quirks(ring_rows=60))
async def test_records_that_the_tester_forgot_are_told_although_the_first_word_of_it_is_lost(
    rig: Rig, store: ForgetfulStore, words: str
) -> None:
    """Event and deviation come together, once, and hold every record that the store has not (faults B05)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=20), "ada")
        await asyncio.sleep(500.0)
        await be_silent(rig, 8000.0)
        store.fails_at[words] = 3
        await asyncio.sleep(1000.0)
        assert store.fails_at[words] == 0
        (test,) = store.tests(run.run_id)
        stored = {sample.sequence for sample in store.samples(test.id)}
        assert sorted(_told(store, run)) == sorted(set(range(1, run.stored)) - stored)


def _told(store: Store, run: Run) -> list[int]:
    """Give the numbers of the records that are told as lost, which events and deviations do alike."""
    told = [event for event in store.events(run.run_id) if event.kind == "records lost"]
    effects = [deviation.effect for deviation in store.deviations(run.run_id)]
    assert [effect for effect in effects if "no value" in effect] == [
        f"{event.message}; no value stands for them" for event in told
    ]
    ranges = [json.loads(event.data_json or "{}") for event in told]
    return [number for lost in ranges for number in range(lost["first"], lost["last"] + 1)]


@pytest.mark.rig(quirks=Quirks(ring_rows=60))
async def test_records_behind_lost_ones_are_judged_before_that_is_told_but_not_given_to_be_stored(
    rig: Rig, store: ForgetfulStore
) -> None:
    """While the store takes nothing a cell is watched all the same; what is lost is told once it takes it."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=20), "ada")
        await asyncio.sleep(500.0)
    await asyncio.sleep(6000.0)
    records = run.records
    assert records is not None
    count = await rig.tester.record_count(records.identity)
    told, judged = _told(store, run), list[Sample]()
    store.fails_at["records lost"] = 2
    for _ in range(2):
        with pytest.raises(StoreError):
            await records.fetch(count)
        judged = await records.fetch_for(records.scout(), count)
        assert judged[0].sequence > run.stored + 1
    assert _told(store, run) == told
    assert await records.fetch(count) == judged
    assert _told(store, run) == [*told, *range(run.stored + 1, judged[0].sequence)]


@pytest.mark.parametrize("failures", [1, 7])
async def test_gap_in_what_was_heard_keeps_its_times_until_it_is_written(
    rig: Rig, store: ForgetfulStore, failures: int
) -> None:
    """An hour without a word from the tester is an hour in the store, of every run, however late it is written."""
    async with serving(rig, store) as service:
        runs = [service.submit(request(cycles=20), "ada"), service.submit(request(OTHER, 20), "ada")]
        await asyncio.sleep(500.0)
        await be_silent(rig, 3600.0)
        store.fails_at["link back"] = failures
        await asyncio.sleep(600.0)
        for run in runs:
            assert state(run) is RunState.RUNNING
            assert lasting_s(store, run) == [pytest.approx(3600.0, abs=2 * _POLL_S)]
            assert kinds(store, run).count("link back") == 1


async def test_silence_that_could_not_be_written_while_it_lasted_is_written_afterwards(
    rig: Rig, store: ForgetfulStore
) -> None:
    """A disk that fills before the link is lost, and has room again after it is back, hides no gap."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=20), "ada")
        await asyncio.sleep(500.0)
        store.fails_at["link lost"] = 1000
        await be_silent(rig, 3600.0)
        await asyncio.sleep(600.0)
        assert state(run) is RunState.RUNNING
        assert lasting_s(store, run) == [pytest.approx(3600.0, abs=2 * _POLL_S)]


async def test_second_silence_before_the_first_is_written_makes_one_gap(rig: Rig, store: ForgetfulStore) -> None:
    """It lasts from the first word that was missed to the last time that the tester came back."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=20), "ada")
        await asyncio.sleep(500.0)
        store.fails_at["link back"] = 4
        await be_silent(rig, 1200.0)
        await asyncio.sleep(120.0)
        await be_silent(rig, 1200.0)
        await asyncio.sleep(600.0)
        assert lasting_s(store, run) == [pytest.approx(2520.0, abs=3 * _POLL_S)]


async def test_channel_whose_records_did_not_come_keeps_the_gap_until_it_is_written(
    rig: Rig, store: ForgetfulStore
) -> None:
    """The tester answers, only this channel's records stay away for an hour, and the word of their return is lost."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=20), "ada")
        await asyncio.sleep(500.0)
        rig.tester.faults.answer("records", [])
        await asyncio.sleep(3600.0)
        assert state(run) is RunState.UNSEEN
        store.fails_at["link back"] = 3
        rig.tester.faults.mend()
        await asyncio.sleep(600.0)
        assert state(run) is RunState.RUNNING
        assert lasting_s(store, run) == [pytest.approx(3600.0, abs=3 * _POLL_S)]


@pytest.mark.parametrize("words", ["tester clock", "set it, or let it be set"])
@pytest.mark.rig(quirks=Quirks(clock_drift=600 / DAY_S), poll_period_s=600.0)
async def test_drift_that_could_not_be_written_is_written_of_every_run(
    rig: Rig, store: ForgetfulStore, words: str
) -> None:
    """The judge tells it once a day: all runs are marked together, at a later poll where that fails (faults B04)."""
    async with serving(rig, store) as service:
        runs = [service.submit(request(cycles=99), "ada"), service.submit(request(OTHER, 99), "ada")]
        store.fails_at[words] = 2
        await asyncio.sleep(1.6 * DAY_S)
        assert store.fails_at[words] == 0
        for run in runs:
            (event,) = [event for event in store.events(run.run_id) if event.kind == EventKind.TESTER_CLOCK]
            (mark,) = [mark for mark in store.deviations(run.run_id) if mark.effect == event.message]
            assert event.at_unix_s - mark.started_unix_s == pytest.approx(1200.0, abs=60.0)


@pytest.mark.parametrize("somebody", ["stops it", "takes the channel"])
async def test_end_at_the_tester_is_told_once_however_often_the_hold_is_refused(
    rig: Rig, store: ForgetfulStore, somebody: str
) -> None:
    """The disk takes what was seen and not the hold that follows: both are written at the poll that can write both."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=9), "ada")
        await asyncio.sleep(1000)
        rig.bench.tester.stop(CHANNEL)
        if somebody == "takes the channel":
            await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(9000.0), "x"), "by-hand")
        store.fails_at = {"state": 4}
        await asyncio.sleep(900)
        assert (state(run), store.fails_at) == (RunState.HOLDING, {"state": 0})
        assert kinds(store, run).count("external action") == 1
