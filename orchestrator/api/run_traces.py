"""The records of runs as pictures ask for them, window by window: kept thinned, read whole where few are asked for.

What is kept of a run is bounded, and so is what is kept of all; only new records are read. They are read by short
statements with pauses, each over before the next: no snapshot of the store stays open meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator.store.archives import refuse_archived
from orchestrator.store.errors import explained

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.analysis.trace_buckets import Trace, TraceBuckets
    from orchestrator.store import Store

# Records that are read by one statement: about a millisecond, in which nothing else is answered.
_READ_AT_ONCE = 1000
# So many pages are put into buckets at once.
_JOINED = 16
# Records of all runs that are kept, 72 bytes each.
_MOST_KEPT = 400_000
# Windows of so few records are read from the store, whatever is kept.
_READ_WHOLE, _READ_RATHER = 8_000, 40_000
# The lowest double stands for what was not measured on the way from SQLite.
_MISSING = -sys.float_info.max
_COLUMNS = (
    f"sequence, step_count, time_s, unix_time_s, ifnull(voltage_v, {_MISSING!r}), ifnull(current_a, {_MISSING!r})"
)
_SQL = f"SELECT {_COLUMNS} FROM sample WHERE test = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"  # noqa: S608 names of ours
_TESTS = (
    "SELECT id, (SELECT max(sequence) FROM sample WHERE test = test.id), (SELECT time_s FROM sample "
    "WHERE sample.test = test.id ORDER BY sequence DESC LIMIT 1) FROM test WHERE run_id = ? ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class _Test:
    """A test of a run that has records: its last number, and the run time at its begin."""

    id: int
    last: int
    start_s: float


@dataclass(slots=True)
class _Run:
    """What is kept of one run."""

    buckets: TraceBuckets
    tests: list[_Test] = field(default_factory=list)
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """The records of a window, one more on each side of it, how many the run has, and its newest one.

    ``is_whole``: no record of the window is left out. ``first_s`` and ``newest_s`` are run time and moment of the
    run's first and newest record.
    """

    trace: Trace
    records: int
    is_whole: bool
    last: tuple[int, int]
    first_s: tuple[float, float] | None = None
    newest_s: tuple[float, float] | None = None


class RunTraces:
    """The traces of the runs of one store that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Run] = OrderedDict()
        self._store: Store | None = None
        self._reading = asyncio.Lock()

    async def window(
        self,
        store: Store,
        run_id: str,
        points: int,
        *,
        by_clock: bool = False,
        begin: float | None = None,
        end: float | None = None,
    ) -> Window:
        """Return the records of a run between two run times (s), or moments (unix), thinned to ``points`` or so.

        Raises StoreError.
        """
        import numpy as np

        from orchestrator.analysis.trace_buckets import thinned

        async with self._reading:
            run = await self._now(store, run_id)
            kept = run.buckets.trace()
            records, last = run.buckets.records, run.buckets.last
            if not len(kept):
                return Window(kept, 0, is_whole=True, last=last)
            x = kept.unix_s if by_clock else kept.time_s
            low = 0 if begin is None else max(0, int(np.searchsorted(x, begin, "left")) - 1)
            high = len(kept) - 1 if end is None else min(len(kept) - 1, int(np.searchsorted(x, end, "right")))
            high = max(low, high)
            count = self._count(run, kept, low, high)
            shown = kept.take(slice(low, high + 1))
            if count <= _READ_WHOLE or (2 * len(shown) < points and count <= _READ_RATHER):
                shown = await self._read_between(store, run, kept, low, high)
                x = shown.unix_s if by_clock else shown.time_s
                low = 0 if begin is None else max(0, int(np.searchsorted(x, begin, "left")) - 1)
                high = len(shown) - 1 if end is None else min(len(shown) - 1, int(np.searchsorted(x, end, "right")))
                shown = shown.take(slice(low, max(low, high) + 1))
                count = len(shown)
        chosen = thinned(shown, points)
        ends = [(float(kept.time_s[n]), float(kept.unix_s[n])) for n in (0, -1)]
        return Window(shown.take(chosen), records, len(chosen) >= count, last, ends[0], ends[1])

    async def _now(self, store: Store, run_id: str) -> _Run:
        """Return what is kept of a run, with what was recorded since."""
        from orchestrator.analysis.trace_buckets import TraceBuckets

        if store is not self._store:
            # It was opened anew: another file may stand in its place.
            self._kept.clear()
            self._store = store
        with explained(store.path):
            rows = store.connection.execute(_TESTS, (run_id,)).fetchall()
        tests, time_s = [], 0.0
        for test, last, last_time_s in rows:
            if last is None:
                refuse_archived(store.connection, test, 0)
            else:
                tests.append(_Test(test, last, time_s))
                time_s += last_time_s
        run = self._kept.pop(run_id, None)
        known = len(run.tests) if run is not None else 0
        if run is None or run.tests[: known - 1] != tests[: known - 1] or (known and not _goes_on(run.tests, tests)):
            run = _Run(TraceBuckets())
        for test in tests[max(0, len(run.tests) - 1) :]:
            await self._read_on(store, run, test)
        run.tests = tests
        self._kept[run_id] = run
        while len(self._kept) > 1 and sum(len(one.buckets) for one in self._kept.values()) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return run

    async def _read_on(self, store: Store, run: _Run, test: _Test) -> None:
        from orchestrator.analysis.trace_buckets import Trace

        begun, after = run.buckets.last
        after = after if begun == test.id else -1
        is_new = begun != test.id
        new: list[Trace] = []
        while after < test.last:
            page = _page(store, test.id, after, test.last)
            if not page.size:
                break
            trace, run.gaps = _trace(page, test, run.gaps + int(is_new and begun > 0), after)
            is_new = False
            new.append(trace)
            after = int(page[0, -1])
            if len(new) == _JOINED:
                run.buckets.extend(Trace.joined(new))
                new.clear()
            await asyncio.sleep(0)
        run.buckets.extend(Trace.joined(new))

    async def _read_between(self, store: Store, run: _Run, kept: Trace, low: int, high: int) -> Trace:
        """Read all records between two that are kept."""
        from orchestrator.analysis.trace_buckets import Trace

        first, last = int(kept.test[low]), int(kept.test[high])
        found: list[Trace] = []
        gaps = 0
        for test in run.tests:
            if not first <= test.id <= last:
                continue
            after = int(kept.sequence[low]) - 1 if test.id == first else -1
            until = int(kept.sequence[high]) if test.id == last else test.last
            before, gaps = after if test.id == first else -1, gaps + bool(found)
            while after < until:
                page = _page(store, test.id, after, until)
                if not page.size:
                    break
                trace, gaps = _trace(page, test, gaps, before)
                found.append(trace)
                after = before = int(page[0, -1])
                await asyncio.sleep(0)
        return Trace.joined(found)

    @staticmethod
    def _count(run: _Run, kept: Trace, low: int, high: int) -> int:
        """Return how many records lie between two that are kept, by their numbers."""
        first, last = int(kept.test[low]), int(kept.test[high])
        if first == last:
            return int(kept.sequence[high] - kept.sequence[low]) + 1
        between = sum(test.last for test in run.tests if first <= test.id < last)
        return between - int(kept.sequence[low]) + int(kept.sequence[high]) + 1


def _goes_on(known: list[_Test], now: list[_Test]) -> bool:
    """Return whether the newest test that was known is still there, with as many records or more."""
    at = len(known) - 1
    if len(now) <= at or now[at].id != known[at].id:
        return False
    return now[at].last >= known[at].last and now[at].start_s == known[at].start_s


def _page(store: Store, test: int, after: int, last: int) -> NDArray[np.float64]:
    """Return the columns of the next records of a test, as rows of a table."""
    import numpy as np

    with explained(store.path):
        refuse_archived(store.connection, test, after)
        rows = store.connection.execute(_SQL, (test, after, last, _READ_AT_ONCE))
        page = np.fromiter(chain.from_iterable(rows), np.float64).reshape(-1, 6).T
        refuse_archived(store.connection, test, after)
    return page


def _trace(page: NDArray[np.float64], test: _Test, gaps: int, before: int) -> tuple[Trace, int]:
    """Return records in run time, and how many gaps there were up to their last; ``before`` -1: nothing was before."""
    import numpy as np

    from orchestrator.analysis.trace_buckets import Trace

    sequence, count, time_s, unix_s, *values = page
    number = sequence.astype(np.int64)
    jump = np.ones(len(number), dtype=bool)
    jump[1:] = np.diff(number) > 1
    jump[0] = before >= 0 and number[0] > before + 1
    counted = gaps + np.cumsum(jump)
    same = np.full(len(number), test.id, np.int64)
    step = (same << 32) + count.astype(np.int64)
    voltage_v, current_a = (np.where(column == _MISSING, np.nan, column) for column in values)
    none = np.zeros(len(number), np.int64)
    trace = Trace(same, number, step, counted, none, time_s + test.start_s, unix_s.copy(), voltage_v, current_a)
    return trace, int(counted[-1])
