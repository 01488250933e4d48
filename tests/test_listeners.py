"""Listeners that raise, hang, block or are slow: polls, commits and stops go on as without them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.clock.virtual import run_virtual
from orchestrator.events import QUEUE_LENGTH, Bus, EventKind, Listener, RunUpdate, Told
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import NewEvent, open_store
from tests.rig import CHANNEL, li_li_program, open_rig

# 200 polls, under the load of other tests, take more than the five seconds of most tests.
BURST = 10_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What 20 minutes under current and a stop left."""

    ticks: int
    stop_s: float
    state: RunState
    samples: int
    events: tuple[tuple[str, str, float], ...]


async def raising(_: Told) -> None:
    """Raise what no handler of errors is for."""
    raise SystemExit("the listener is broken")


async def hanging(_: Told) -> None:
    """Never return."""
    await asyncio.Event().wait()


async def slow(_: Told) -> None:
    """Take ten polls for each call, within what a call may take."""
    await asyncio.sleep(59.0)


class Blocking:
    """A function that blocks its thread until it is released."""

    def __init__(self) -> None:
        self._released = threading.Event()

    def __call__(self, _: Told) -> None:
        """Wait, whatever is told."""
        self._released.wait()

    def release(self) -> None:
        """Let it return, now and at every later call."""
        self._released.set()


def run_and_stop(path: Path, bus: Bus, burst: int = 0, at_end: Callable[[], None] = lambda: None) -> Outcome:
    """Run a cell for 20 minutes at a poll every six seconds, with so many events at once on the way, and stop it."""

    async def main() -> Outcome:
        async with open_rig(poll_period_s=6.0) as rig:
            with open_store(path) as store:
                service = Service(store, [rig.tester], bus)
                serving = asyncio.ensure_future(service.run())
                await asyncio.sleep(0)
                run = service.submit(RunRequest(li_li_program(3, 7200.0), CHANNEL, "x"), "ada")
                await asyncio.sleep(600)
                store.tick({}, [NewEvent(None, EventKind.LOG_GROWS, f"event {n}", 0.0) for n in range(burst)])
                await asyncio.sleep(600)
                began_s = asyncio.get_running_loop().time()
                await service.stop(run.run_id, "ada")
                stop_s = asyncio.get_running_loop().time() - began_s
                assert not rig.bench.tester.channel(CHANNEL).busy
                ticks = service.supervisors[0].ticks
                at_end()
                serving.cancel()
                await asyncio.wait({serving})
                events = tuple((row.kind, row.message, row.at_unix_s) for row in store.events())
                return Outcome(ticks, stop_s, run.state, store.sample_count(run.test), events)

    return run_virtual(main())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Give the outcome without any listener."""
    found = run_and_stop(tmp_path_factory.mktemp("alone") / "cellrig.db", Bus())
    assert (found.state, found.ticks > 190, found.samples > 30) == (RunState.STOPPED, True, True)
    return found


@pytest.mark.parametrize("listener", [raising, hanging, slow])
def test_bad_listener_changes_nothing_of_polls_commits_and_stops(
    tmp_path: Path, undisturbed: Outcome, listener: Listener
) -> None:
    """Every poll, sample and event comes at the same time, and the stop takes as long as without it."""
    assert run_and_stop(tmp_path / "cellrig.db", Bus([listener])) == undisturbed


def test_function_that_blocks_for_ever_changes_nothing(tmp_path: Path, undisturbed: Outcome) -> None:
    """A terminal that takes no more (Ctrl-S), a disk that hangs: its thread waits, nobody else does."""
    bus, block = Bus(), Blocking()
    stuck = bus.subscribe(block, "stuck", length=100)
    assert run_and_stop(tmp_path / "cellrig.db", bus, at_end=block.release) == undisturbed
    assert stuck.inbox.dropped_updates > 100
    assert stuck.inbox.dropped_events == 0


def test_burst_of_events_is_dropped_and_counted_where_it_is_too_much(tmp_path: Path) -> None:
    """10,000 events in one commit: a listener that keeps up gets all, one that is slow the newest; polls go on."""
    heard: list[Told] = []

    async def hear(told: Told) -> None:
        heard.append(told)

    alone = run_and_stop(tmp_path / "alone.db", Bus(), BURST)
    bus = Bus()
    quick = bus.subscribe(hear, length=2 * BURST)
    late = bus.subscribe(slow)
    assert run_and_stop(tmp_path / "cellrig.db", bus, BURST) == alone
    assert quick.inbox.dropped == 0
    burst = [told for told in heard if not isinstance(told, RunUpdate) and told.kind is EventKind.LOG_GROWS]
    assert [told.sentence for told in burst] == [f"event {n}" for n in range(BURST)]
    assert [told.id for told in burst] == sorted({told.id for told in burst})
    # Each call took 59 s of 20 minutes; what waits at the end is a full queue of events, and all else was dropped.
    calls = 1200 // 59
    assert len(late.inbox) == QUEUE_LENGTH
    events = len(alone.events)
    assert events - QUEUE_LENGTH - calls <= late.inbox.dropped_events <= events - QUEUE_LENGTH
    assert late.inbox.dropped_updates > 0


def test_other_listeners_hear_everything_beside_a_bad_one(tmp_path: Path) -> None:
    """What one does costs the others nothing."""
    heard: list[Told] = []

    async def hear(told: Told) -> None:
        heard.append(told)

    block = Blocking()
    found = run_and_stop(tmp_path / "cellrig.db", Bus([raising, hanging, block, hear]), at_end=block.release)
    told = [(one.kind, one.sentence) for one in heard if not isinstance(one, RunUpdate)]
    assert told == [(kind, message) for kind, message, _ in found.events]
    assert [one.state for one in heard if isinstance(one, RunUpdate)][-1] is RunState.STOPPED


async def test_last_state_is_shown_before_a_command_ends(tmp_path: Path) -> None:
    """A progress display on its thread has heard of the end when ``run`` returns."""
    shown: list[RunState] = []

    def show(told: Told) -> None:
        if isinstance(told, RunUpdate):
            shown.append(told.state)

    async with open_rig(poll_period_s=60.0) as rig:
        with open_store(tmp_path / "cellrig.db") as store:
            request = RunRequest(li_li_program(1, 600.0), CHANNEL, "x")
            await Supervisor(store, rig.tester, Bus([show])).run([request])
            assert shown[-1] is RunState.COMPLETED


def test_listener_that_was_told_off_is_a_trouble_of_the_service(tmp_path: Path) -> None:
    """Who looks at the service reads which listener is told nothing any more, and why."""

    async def main() -> list[str]:
        async with open_rig(poll_period_s=60.0) as rig:
            with open_store(tmp_path / "cellrig.db") as store:
                service = Service(store, [rig.tester], Bus([raising]))
                serving = asyncio.ensure_future(service.run())
                await asyncio.sleep(1)
                for n in range(3):
                    store.add_event(None, EventKind.BACKUP, str(n), 0.0)
                await asyncio.sleep(1)
                troubles = service.troubles
                serving.cancel()
                await asyncio.wait({serving})
                return troubles

    assert run_virtual(main()) == ["listener raising failed 3 times in a row and is told nothing any more"]
