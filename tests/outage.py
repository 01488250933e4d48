"""A store whose disk fails for a while, at any of its writes: ``python -m tests.outage`` tries every one.

Four runs of one service meet the outage: one that completes, one queued behind it, one whose tester does not end its
steps, and one that a person stops. Afterwards everything must be as if the disk had never failed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from sqlite3 import Connection

from sqlite_utils import Database

from drivers.interfaces import Sample
from orchestrator.clock.virtual import run_virtual
from orchestrator.judging.steps import StepBuilder
from orchestrator.rack.mounted_cells import NO_TERMS
from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import Refused, Store, StoreError, TesterTestRow, TickResult, WriteFailed, open_store
from protocols.program import CyclingSegment
from simulators.neware.settings import Trouble
from tests.rig import Rig, open_rig, same_rows
from tests.service_rig import NEXT, request

POLL_S = 30.0
_WELL_S = 3000.0
_CHANNELS = {"whole": "21-1-3", "queued": "21-1-3", "overdue": "21-1-5", "unwanted": "21-1-7"}
_ENDS = {
    "whole": RunState.COMPLETED,
    "queued": RunState.COMPLETED,
    "overdue": RunState.TRIPPED,
    "unwanted": RunState.STOPPED,
}


@dataclass
class Outage:
    """From transaction ``first`` on and for ``lasts_s`` none is kept; ``at_commit``: it fails with its last word."""

    first: float = inf
    lasts_s: float = 0.0
    at_commit: bool = False
    seen: int = 0
    failed: int = 0
    _until_s: float = field(default=-inf, init=False)

    def hits(self) -> bool:
        """Count a transaction, and tell whether it fails."""
        now_s = asyncio.get_running_loop().time()
        self.seen += 1
        if self.seen == self.first:
            self._until_s = now_s + self.lasts_s
        hit = self.seen >= self.first and now_s <= self._until_s
        self.failed += hit
        return hit


class FailingStore(Store):
    """A store with an outage."""

    outage: Outage

    @contextmanager
    def transaction(self, *undo: Callable[[], None]) -> Iterator[Connection]:
        """Fail before anything is written, or when all is written and nothing committed."""
        hit = not self.connection.in_transaction and self.outage.hits()
        if hit and not self.outage.at_commit:
            raise WriteFailed("the disk is full")
        with super().transaction(*undo) as connection:
            yield connection
            if hit:
                raise WriteFailed("the disk is full")


@contextmanager
def open_failing_store(path: Path, outage: Outage) -> Iterator[FailingStore]:
    """Open a store that fails as told; use it inside a running loop."""
    with open_store(path) as whole:
        store = FailingStore(whole.path, Database(whole.connection), read_only=False)
        store.outage = outage
        yield store


def fail_for(store: FailingStore, lasts_s: float) -> None:
    """Let the disk take nothing from now on."""
    store.outage.first, store.outage.lasts_s = store.outage.seen + 1, lasts_s
    store.outage.hits()


def live_through(outage: Outage) -> list[str]:
    """Let four runs live through an outage, and give what is wrong afterwards."""

    async def main() -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            async with open_rig(poll_period_s=POLL_S) as rig:
                with open_failing_store(Path(folder) / "cellrig.db", outage) as store:
                    return await _live(rig, store)

    return run_virtual(main())


async def insist(order: Callable[[], Awaitable[object]]) -> None:
    """Give an order as a person does who is told that the disk is full: again, a little later."""
    while True:
        try:
            await order()
        except StoreError:
            await asyncio.sleep(POLL_S / 2)
        else:
            return


async def _live(rig: Rig, store: FailingStore) -> list[str]:
    # The service's own start is written first: without it no service begins.
    service = Service(store, [rig.tester])
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(0)
    ids: dict[str, str] = {}

    async def submit(name: str) -> None:
        order = request(_CHANNELS[name], 1 if name in {"whole", "queued"} else 3, 300.0)
        ids[name] = service.submit(order, f"ada, {name}", NEXT if name == "queued" else NO_TERMS).run_id

    async def stop() -> None:
        await service.stop(ids["unwanted"], "ada")

    for name in _CHANNELS:
        await insist(lambda name=name: submit(name))  # type: ignore[misc]  # mypy infers no type of a default
    await asyncio.sleep(500)
    rig.bench.tester.make_trouble(_CHANNELS["overdue"], Trouble(ignore_end_conditions=True))
    await asyncio.sleep(200)
    await insist(stop)
    await asyncio.sleep(_WELL_S + min(store.outage.lasts_s, _WELL_S))
    if task.done():
        return [f"the service ended: {task.exception()!r}"]
    wrong = [problem for name, run_id in ids.items() for problem in _check_run(rig, service, store, name, run_id)]
    wrong += [f"{intent.command} of {intent.run_id} is open" for intent in store.open_intents()]
    wrong += service.troubles
    for channel in dict.fromkeys(_CHANNELS.values()):
        there = len(rig.bench.tester.channels[channel].tests)
        stored = sum(test.channel == channel for run_id in ids.values() for test in store.tests(run_id))
        wrong += [f"{channel} has {there} tests, the store {stored}"] if there != stored else []
        wrong += [f"{channel} still works"] if rig.bench.tester.channel(channel).busy else []
    task.cancel()
    await asyncio.wait({task})
    return wrong


def _check_run(rig: Rig, service: Service, store: Store, name: str, run_id: str) -> Iterator[str]:
    row, tests = store.run(run_id), store.tests(run_id)
    never_began = row.state is RunState.FAILED and not tests
    # A cell whose start stays unwritten for three polls is stopped, and held: nobody would judge it.
    unwritten = row.state is RunState.HOLDING and "nobody could judge it" in row.reason
    # Behind a run that is held or failed it waits for a person.
    is_behind = any(run.state in {RunState.HOLDING, RunState.FAILED} for run in store.runs())
    waits = row.state is RunState.QUEUED and is_behind
    if row.state is not _ENDS[name] and not (never_began or unwritten or waits):
        yield f"{name} is {row.state.value}: {row.reason}"
    known = {run.run_id: run.state for run in service.runs}
    if known.get(run_id, row.state) is not row.state:
        yield f"{name} is {row.state.value} in the store and {known[run_id].value} in memory"
    if (
        name == "overdue"
        and row.state is RunState.TRIPPED
        and "step did not end" not in {event.kind for event in store.events(run_id)}
    ):
        yield f"{name}: what was found is not written"
    for test in tests:
        yield from _check_test(rig, store, test)


def _check_test(rig: Rig, store: Store, test: TesterTestRow) -> Iterator[str]:
    samples = list(store.samples(test.id))
    try:
        same_rows(rig.bench, samples, test.tester_test_id or 0, test.channel)
    except AssertionError as err:
        yield f"{test.barcode}: not the tester's rows: {err}"
    steps = StepBuilder(CyclingSegment.from_json(test.program_json))
    if store.steps(test.id) != steps.feed(samples) + steps.finish():
        yield f"{test.barcode}: steps are missing"


def sweep(every: int, lasts_s: Sequence[float], first: int = 2) -> Iterator[tuple[Outage, list[str]]]:
    """Let the disk fail at every write, or at each ``every``-th, and give what is wrong after each."""
    count = Outage()
    yield count, live_through(count)
    for number in range(first, count.seen + 1, every):
        for length_s in lasts_s:
            outage = Outage(number, length_s, at_commit=number // every % 2 == 0)
            yield outage, live_through(outage)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try every write; give 1 when anything is wrong afterwards."""
    parser = argparse.ArgumentParser(prog="python -m tests.outage", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="try each so-manieth write (default: 1)")
    chosen = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    tried = failed = 0
    for outage, wrong in sweep(chosen.every, (0.0, 300.0, 3000.0)):
        tried, failed = tried + 1, failed + bool(wrong)
        for problem in wrong:
            sys.stdout.write(f"{outage}: {problem}\n")
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{tried} outages, {failed} with something wrong")
    sys.stdout.write(f"{tried} outages of the store's disk, {failed} with something wrong\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())


class PickyStore(Store):
    """A store that refuses the records of one test."""

    refused = 1

    def tick(self, batches: dict[int, Sequence[Sample]], events: Sequence[object] = ()) -> TickResult:  # type: ignore[override]  # never called with ``changes``
        """Refuse the whole commit when the test is in it."""
        if self.refused in batches:
            raise Refused("these values are wrong")
        return super().tick(batches)
