"""Judges whether the test that a channel shows is a run's own, by more than its barcode: its begin, and its steps.

Barcodes are unique for ever, but a run of an old store has none of its own, and a person may type any at a tester. So a
test is adopted, or stopped without a person's order of that channel, only if it also began when its start was sent
(``BatteryTesterTraits.start_time_tolerance_s``) and did no step that its program has not. A tester tells the begin in
up to two ways, and one that agrees is enough: its own clock, which may be wrong, in the first record; and how long the
test has run, by this machine's clock, which leaves out pauses. What a tester cannot tell is not demanded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import inf

from drivers.errors import BadReply, DriverError, RecordsLost
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, ExecutedStep, Sample, TestIdentity
from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import wall_time
from orchestrator.store import Store, StoreError, TesterTestRow
from protocols.program import CyclingSegment, Loop

logger = logging.getLogger(__name__)

# Of one clock in two readings of one record: whole seconds.
_SAME_S = 1.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a test: when its start was sent, when it was seen, and its first record as stored."""

    sent_unix_s: float = -inf
    seen_unix_s: float = inf
    first: Sample | None = None


async def mismatch(
    store: Store, tester: BatteryTester, run_id: str, status: ChannelStatus, segment: CyclingSegment | None = None
) -> str:
    """Return why a test with a run's barcode cannot be that run's, in words; empty if nothing contradicts it.

    ``segment`` is the program of a start that nobody has confirmed; a stored test has its own. Raises DriverError.
    """
    if not tester.traits.is_remote:
        return ""
    test = _stored(store, run_id, status)
    expected = _expected(store, run_id, test)
    identity = TestIdentity(status.channel, status.test_id, status.barcode, None)
    began = await _begun(tester, identity, status, expected)
    which = f"test {status.test_id} on {status.channel} has the barcode of {run_id}"
    if problem := wrong_begin(expected, began, tester.traits.start_time_tolerance_s):
        return f"{which}, but {problem}"
    if test is not None:
        segment = CyclingSegment.from_json(test.program_json)
    if segment is not None and (problem := foreign_step(segment, await tester.step_log(identity))):
        return f"{which}, but {problem}"
    return ""


async def objection_to_stop(store: Store, tester: BatteryTester, run_id: str, status: ChannelStatus) -> str:
    """Return why a stop of a run must not stop the test with its barcode; what cannot be read is no reason."""
    try:
        return await mismatch(store, tester, run_id, status)
    except (DriverError, StoreError) as err:
        logger.warning("%s: whose test it is could not be asked: %s", status.channel, err)
        return ""


def _stored(store: Store, run_id: str, status: ChannelStatus) -> TesterTestRow | None:
    shown = (status.test_id, status.barcode)
    return next((test for test in store.tests(run_id) if (test.tester_test_id, test.barcode) == shown), None)


def _expected(store: Store, run_id: str, test: TesterTestRow | None) -> Expected:
    seen_unix_s = test.started_unix_s if test is not None else inf
    sent_unix_s = store.start_sent_unix_s(run_id, seen_unix_s)
    first = next(iter(store.samples(test.id, limit=1)), None) if test is not None else None
    return Expected(-inf if sent_unix_s is None else sent_unix_s, seen_unix_s, first)


async def _begun(
    tester: BatteryTester, identity: TestIdentity, status: ChannelStatus, expected: Expected
) -> list[float]:
    """Return when a test began by the tester's clock and by its length, as far as it tells; none if all is proved."""
    is_timed = status.state is ChannelState.WORKING and status.test_time_s > 0
    began = [wall_time() - status.test_time_s] if is_timed else []
    if status.record_count > 0:
        try:
            records = await tester.records(identity, None, 1)
        except RecordsLost:
            return began
        if not records:
            raise BadReply(
                f"the tester has {status.record_count} records of {identity.barcode!r} and gives no first one"
            )
        first = records[0]
        stored = expected.first
        if stored is not None and _is_same(stored, first):
            # The same record says more than any clock.
            return []
        began.insert(0, first.unix_time_s - first.time_s)
    return began


def _is_same(one: Sample, other: Sample) -> bool:
    return one.sequence == other.sequence and abs(one.unix_time_s - other.unix_time_s) <= _SAME_S


def wrong_begin(expected: Expected, began_unix_s: list[float], tolerance_s: float) -> str:
    """Say when a test began, where no way of telling agrees with the time at which its start was sent, or seen.

    >>> wrong_begin(Expected(sent_unix_s=7200.0), [3600.0], 300.0).startswith("it began at 19")
    True
    >>> wrong_begin(Expected(sent_unix_s=7200.0), [3600.0, 7205.0], 300.0)
    ''
    """
    earliest, latest = expected.sent_unix_s - tolerance_s, expected.seen_unix_s + tolerance_s
    if not began_unix_s or any(earliest <= it <= latest for it in began_unix_s):
        return ""
    # To the minute: the length that a tester shows is seconds old, and two looks must give one sentence.
    told = f"it began at {local_time(began_unix_s[0])}"
    if max(began_unix_s) < earliest:
        return f"{told}, and its start was sent at {local_time(expected.sent_unix_s)}"
    return f"{told}, and its own test was seen to work at {local_time(expected.seen_unix_s)} already"


def foreign_step(segment: CyclingSegment, steps: list[ExecutedStep]) -> str:
    """Name the first executed step that a program has not; empty where all are its own.

    Only the number counts: a step of ours that goes too far must be adopted, so that it is stopped.
    """
    for row in steps:
        if not 1 <= row.step <= len(segment.steps) or isinstance(segment.steps[row.step - 1], Loop):
            return f"it has executed step {row.step}, which is no step of that run's program"
    return ""
