"""Stops a channel without the service: through the driver alone, with no supervisor and no queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from drivers.errors import SettingsError
from drivers.interfaces import BatteryTester, ChannelStatus, TestIdentity
from orchestrator.bench.opening import open_tester_of
from orchestrator.bench.settings import BenchSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.channel_watch import StopOutcome
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.lock import owner_of, owning
from orchestrator.runs.ownership import objection_to_stop
from orchestrator.store import StoreError, TesterTestRow, open_store
from protocols.program import CyclingSegment

logger = logging.getLogger(__name__)


def service_answers(url: str) -> bool:
    """Return whether a service answers at an address."""
    import httpx

    with contextlib.suppress(httpx.HTTPError), httpx.Client(trust_env=False, timeout=5.0) as client:
        return client.get(f"{url}/health").status_code == 200
    return False


async def stop_directly(bench: BenchSettings, store: Path, channel: str, by: str) -> StopOutcome:
    """Stop a channel, whatever works there. Raises SettingsError if another process cannot stop this channel."""
    if reason := bench.tester_of(channel).direct_stop_problem():
        raise SettingsError(reason)
    async with contextlib.AsyncExitStack() as stack:
        alone = await asyncio.to_thread(lambda: owner_of(store) is None and store.exists())
        if alone:
            await stack.enter_async_context(owning(store))
        tester = await stack.enter_async_context(open_tester_of(bench, channel))
        status = (await tester.status([channel]))[channel]
        if status.state.is_at_rest:
            return _at_rest(store, status, arrives_within_s=tester.traits.start_arrives_within_s)
        test = await _known_test(store, tester, status)
        if test is not None and alone:
            _commit_intent(store, test, by)
        await _stop(tester, status, test)
    what = f"{status.barcode or 'a test without barcode'}, test {status.test_id}"
    return StopOutcome(True, f"channel {channel} is stopped: {what}")


def _at_rest(store: Path, status: ChannelStatus, arrives_within_s: float) -> StopOutcome:
    """Report on a channel that is off; a start that may still arrive there, as far as the store tells, is told of."""
    channel, at_rest = status.channel, f"channel {status.channel} is {status.state.value} already"
    if not store.exists():
        return StopOutcome(True, at_rest)
    late = ""
    try:
        with open_store(store, read_only=True) as opened:
            for intent in opened.open_intents():
                is_young = wall_time() < intent.opened_unix_s + arrives_within_s
                if intent.channel == channel and intent.command == "start" and is_young:
                    late = f"a start of {intent.run_id} was sent there and may still arrive"
    except StoreError as err:
        late = f"whether a start was sent there that may still arrive is not known ({err})"
    return StopOutcome(
        not late, f"{at_rest}, but {late}: look at it again, or switch it off by hand" if late else at_rest
    )


def refuse_while_served(store: Path) -> None:
    """Raise CommandRefused when a service owns the store's instruments and answers."""
    owner = owner_of(store)
    if owner is not None and service_answers(owner.url):
        raise CommandRefused(
            f"the service is alive ({owner}): stop without --direct, so that it knows what becomes of its run"
        )


def _commit_intent(store: Path, test: TesterTestRow, by: str) -> None:
    """Commit the intent of the stop and leave it open: the service that starts next asks the tester and ends the run.

    A store that takes nothing keeps no cell under current.
    """
    now = wall_time()
    try:
        with open_store(store) as opened:
            sha256 = opened.run(test.run_id).program_sha256
            key = f"{test.run_id}-stop-directly-{now:.3f}"
            opened.open_intent(test.run_id, test.channel, "stop", sha256, key, now)
            message = f"stopped at the tester by {by}, without the service"
            opened.add_event(test.run_id, EventKind.COMMAND, message, now)
    except StoreError:
        logger.exception("the stop of %s is not written down", test.run_id)


async def _stop(tester: BatteryTester, status: ChannelStatus, test: TesterTestRow | None) -> None:
    end_step = len(CyclingSegment.from_json(test.program_json).steps) + 1 if test else None
    await tester.stop(TestIdentity(status.channel, status.test_id, status.barcode, end_step))


async def _known_test(store: Path, tester: BatteryTester, status: ChannelStatus) -> TesterTestRow | None:
    """Find the test on a channel in the store, if there is one that can be read and that nothing contradicts."""
    # A test that no store tells of is stopped as one by hand is.
    with contextlib.suppress(StoreError), open_store(store, read_only=True) as opened:
        for run in opened.runs():
            for test in opened.tests(run.run_id) if run.channel == status.channel else ():
                if (test.barcode, test.tester_test_id) == (status.barcode, status.test_id):
                    return None if await objection_to_stop(opened, tester, run.run_id, status) else test
    return None
