"""Detects silence: no good reply of a tester for three polls, or a channel that sends no new records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from drivers.interfaces import BatteryTester
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.runs.store_outage import StoreTrouble
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, Store, StoreError

# Silence: no good reply for three polls, or no new record for three record intervals.
SILENT_POLLS = 3
SILENT_RECORDS = 3
# The wall clock may be this far off from one poll to the next before it is called a jump.
CLOCK_JUMP_S = 5.0
# The contact check at a program's head takes 10 s: it is judged before the recipe's first step, however slow the polls.
FIRST_LOOK_S = 15.0


@dataclass(frozen=True, slots=True)
class _Gap:
    """A time without any reply about a run; stored as a deviation as soon as the store accepts it."""

    run: Run
    since_unix_s: float
    until_unix_s: float
    message: str


class Silence:
    """The last replies of one tester and the last new records of its runs. Marks runs unseen, and seen again."""

    def __init__(self, store: Store, tester: BatteryTester, trouble: StoreTrouble) -> None:
        self._store = store
        self._tester = tester
        self._trouble = trouble
        self._heard_s = 0.0
        self._heard_unix_s = 0.0
        self._ahead_s: float | None = None
        # Record count and when it last grew; the tests whose records do not come.
        self._grown: dict[tuple[str, int], tuple[int, float]] = {}
        self._still: set[tuple[str, int]] = set()
        self._doubted: set[tuple[str, int]] = set()
        self._gaps: dict[tuple[str, int], _Gap] = {}

    def heard(self) -> None:
        """Record that the tester has answered just now."""
        self._heard_s, self._heard_unix_s = asyncio.get_running_loop().time(), wall_time()

    def check_clock(self, runs: Iterable[Run]) -> None:
        """Detect a jump of the wall clock against the monotonic one: it was set, or this machine slept (E06, G01).

        Step times are the tester's and do not change; what is stored in UTC from then on is marked.
        """
        ahead_s = wall_time() - asyncio.get_running_loop().time()
        jump_s = 0.0 if self._ahead_s is None else ahead_s - self._ahead_s
        if abs(jump_s) > CLOCK_JUMP_S:
            message = f"this machine's clock moved by {jump_s:+.0f} s: it was set, or the machine slept"
            effect = f"{message}; times in UTC before and after do not fit, step times do"
            with self._store.transaction():
                for run in runs:
                    run.journal.note(EventKind.CLOCK_JUMPED, message, {"jump_s": jump_s})
                    self._store.add_deviation(
                        run.run_id, DeviationCategory.SOFTWARE_ERROR, wall_time(), wall_time(), effect
                    )
        self._ahead_s = ahead_s

    def forget(self, run: Run) -> None:
        """Drop what is kept of a run that is over."""
        self._grown = {key: grown for key, grown in self._grown.items() if key[0] != run.run_id}

    def left_s(self) -> float:
        """Return the seconds until three polls have passed without an answer."""
        allowed_s = SILENT_POLLS * self._tester.poll_period_s
        return max(0.0, self._heard_s + allowed_s - asyncio.get_running_loop().time())

    def check(self, runs: Iterable[Run], cause: str) -> None:
        """Mark running runs unseen when the tester has been silent for three polls."""
        if self.left_s() > 1e-6:
            return
        silent_s = asyncio.get_running_loop().time() - self._heard_s
        meanwhile = self._tester.host_loss.sentence("the tester")
        message = f"nothing heard from {self._tester.name} for {silent_s:.0f} s ({cause}); {meanwhile}"
        for run in runs:
            if run.state is RunState.RUNNING:
                with self._trouble.tolerating(f"run {run.run_id}"):
                    self._lost(run, message)

    def end(self, runs: Iterable[Run]) -> None:
        """Mark unseen runs as running again, with a deviation for the gap; their records are fetched afterwards.

        A gap that the store does not take is kept as it was found, and written at a later poll. Raises StoreError.
        """
        is_new = self.left_s() <= 1e-6
        for run in runs:
            # That a silence began may not have been written: then the run still says that it runs.
            was_silent = run.state.is_live if is_new else run.state is RunState.UNSEEN and _key(run) not in self._gaps
            if was_silent and _key(run) not in self._still | self._doubted:
                # After a restart nothing was heard since the process before died: the last record tells when.
                since_unix_s = min(self._heard_unix_s, run.last.unix_time_s if run.last else self._heard_unix_s)
                self._found(run, since_unix_s, f"{self._tester.name} answers again; records are being fetched")
        self._write_gaps()

    def _found(self, run: Run, since_unix_s: float, message: str) -> None:
        kept = self._gaps.get(_key(run))
        # A wall clock that was set back must not give a gap that ends before it begins (faults G01).
        since_unix_s = min(since_unix_s, wall_time(), kept.since_unix_s if kept else since_unix_s)
        self._gaps[_key(run)] = _Gap(run, since_unix_s, wall_time(), message)

    def _write_gaps(self) -> None:
        if not self._gaps:
            return
        effect = "nobody saw the channel; what the tester recorded of it was fetched afterwards"
        with self._store.transaction():
            for gap in self._gaps.values():
                if gap.run.state is RunState.UNSEEN:
                    gap.run.go(RunState.RUNNING)
                elif gap.run.state is RunState.RUNNING:
                    gap.run.say("")
                gap.run.journal.note(EventKind.LINK_BACK, gap.message)
                category = DeviationCategory.COMMUNICATION_LOSS
                self._store.add_deviation(gap.run.run_id, category, gap.since_unix_s, gap.until_unix_s, effect)
        self._gaps.clear()

    def _lost(self, run: Run, message: str) -> None:
        """Mark a run unseen, and say why also where the store does not take it: then it is tried at every poll."""
        try:
            with self._store.transaction():
                run.go(RunState.UNSEEN, message)
                run.journal.note(EventKind.LINK_LOST, message)
        except StoreError:
            run.say(message)
            raise

    def doubt(self, run: Run, message: str) -> None:
        """Mark a run unseen whose channel contradicts itself, until ``believe``; polls go on."""
        if run.state is RunState.RUNNING:
            self._lost(run, message)
        elif run.state is RunState.UNSEEN and _key(run) not in self._doubted:
            run.say(message)
        self._doubted.add(_key(run))

    def believe(self, run: Run) -> None:
        """Mark a doubted run as running again: its channel, its records and its program agree."""
        if _key(run) in self._doubted:
            self._doubted.discard(_key(run))
            if _key(run) not in self._still:
                since_unix_s = run.last.unix_time_s if run.last else wall_time()
                self._found(run, since_unix_s, f"channel {run.request.channel} agrees with its records again")
                self._write_gaps()

    def check_growth(self, run: Run) -> None:
        """Mark a run unseen if no new record of it has arrived for three intervals and three polls.

        A tester that delivers records in batches may send none until the next batch is due.
        """
        now_s = asyncio.get_running_loop().time()
        count, since_s = self._grown.get(_key(run), (-1, now_s))
        if run.run_id in self._trouble.unstored:
            # They come, and the store does not take them: it is told, and neither tester nor link is to blame.
            self._grown[_key(run)] = count, now_s
            return
        if run.stored != count:
            self._grown[_key(run)] = (run.stored, now_s)
            if _key(run) in self._still:
                self._still.discard(_key(run))
                message = f"records of channel {run.request.channel} come again"
                self._found(run, wall_time() - (now_s - since_s), message)
                self._write_gaps()
            return
        every_s = record_interval_s(run)
        allowed_s = max(SILENT_RECORDS * (every_s or 0.0), SILENT_POLLS * self._tester.poll_period_s)
        allowed_s += self._tester.records_every_s
        trouble = run.records.trouble if run.records is not None else ""
        # A program that records nothing by time may be silent; not while records that there are do not come.
        is_due = every_s is not None or bool(trouble)
        if is_due and run.state is RunState.RUNNING and now_s - since_s >= allowed_s:
            why = f": {trouble}" if trouble else ""
            self._lost(run, f"no record of channel {run.request.channel} has come for {now_s - since_s:.0f} s{why}")
            self._still.add(_key(run))


def record_interval_s(run: Run) -> float | None:
    """Return how often the present step of a run makes a record at least; None when it need not make any."""
    # A resumed run whose start is not known has the records of the test before, and the segment of the next one.
    return run.records.interval_s if run.records is not None else run.segment.record.every_s


def _key(run: Run) -> tuple[str, int]:
    return run.run_id, run.test
