"""Sends the start of a loaded program, and writes down what became of it whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import PureWindowsPath

from drivers.errors import DriverError, OutcomeUnknown
from drivers.interfaces import BatteryTester, LoadedProgram, TestIdentity
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.failpoints import failpoint
from orchestrator.runs.journal import Diary
from orchestrator.store import Store


async def send_start(
    store: Store,
    tester: BatteryTester,
    diary: Diary,
    order: tuple[LoadedProgram, str],
    started: Callable[[TestIdentity], None],
) -> None:
    """Start a loaded program under a barcode, once; ``started`` is called in the commit of its outcome.

    Raises what the tester raises. After OutcomeUnknown the intent stays open: that is what asks the tester later.
    """
    loaded, barcode = order
    failpoint("start not intended")
    intent = diary.intend("start")
    failpoint("start intended")
    starting = asyncio.ensure_future(tester.start(loaded, barcode))
    try:
        await asyncio.wait({starting})
    finally:
        # Also when cancelled: what a start did must be known before anything else happens to the channel.
        await asyncio.wait({starting})
        _know(store, intent, starting, started)
    diary.note(EventKind.LOADED, f"step file {PureWindowsPath(loaded.location).name}, sha256 {loaded.sha256}")


def _know(
    store: Store, intent: int, starting: asyncio.Future[TestIdentity], started: Callable[[TestIdentity], None]
) -> None:
    """Write down what a start did. Raises what it raised."""
    try:
        identity = starting.result()
    except OutcomeUnknown:
        raise
    except DriverError as err:
        store.close_intent(intent, f"{type(err).__name__}: {err}", wall_time())
        raise
    failpoint("start confirmed")
    with store.transaction():
        store.close_intent(intent, "confirmed", wall_time())
        started(identity)
    failpoint("start stored")
