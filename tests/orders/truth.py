"""What must hold after every order: the tester's own memory against the book, and what the service shows and says."""

from __future__ import annotations

from typing import Any

from simulators.bench import SimulatedBench
from simulators.neware.memory import StoredTest
from simulators.neware.step_machine import Status
from tests.orders.book import Book, Meant, Start, Wanted, Word
from tests.orders.lives import POLL_S, Life, Reply
from tests.orders.plan import CHANNELS

ANSWER_S = 5.0
# A start, a poll that it delays, and the look at channels without a run.
SHOWN_WITHIN_S = 2.5 * POLL_S + 60.0
# Beyond these (A) an order was implausible for the cells of a shift, whatever its recipe says.
LARGEST_PLAUSIBLE_A = {"li-li": 8e-3, "lfp": 4e-3}
# What a start takes until it is sent or refused.
_CHECKED_WITHIN_S = 90.0
_WATCHED = frozenset({"preflight", "armed", "running", "unseen", "unknown"})
_NOT_KNOWN = frozenset({"unseen", "unknown"})


class Broken(AssertionError):
    """An invariant does not hold; the message says which, where and when."""


def check(holds: object, message: str) -> None:
    """Raise Broken with a message unless something holds."""
    if not holds:
        raise Broken(message)


class Truth:
    """Looks at the tester and compares; ``kinds`` gives the kind of the cell of each channel."""

    def __init__(self, bench: SimulatedBench, book: Book, kinds: dict[str, str]) -> None:
        self._bench = bench
        self._book = book
        self._kinds = kinds
        self._seen = dict.fromkeys(CHANNELS, 0)
        # Channels that work and are not shown to, since when.
        self._hidden_since_s: dict[str, float] = {}
        # Since when the service is up; None while it is not.
        self._up_since_s: float | None = None
        # Of each channel the tests that were started by orders, with the names of these.
        self._ours: dict[str, list[tuple[StoredTest, str]]] = {channel: [] for channel in CHANNELS}

    def now_s(self) -> float:
        """Give the time."""
        return self._book.now_s()

    def test_at_work(self, channel: str) -> StoredTest | None:
        """Give the test that passes a program's current on a channel."""
        machine = self._bench.tester.channel(channel).machine
        return machine.test if machine.status is Status.WORKING else None

    def works_for_us(self, channel: str) -> bool:
        """Tell whether a test at work on a channel was started by an order."""
        test = self.test_at_work(channel)
        return test is not None and (channel, test.test_id) not in self._book.foreign

    # After every order

    def look(self) -> None:
        """Check each test that has begun since the last look, and those at work on latched channels."""
        for channel in CHANNELS:
            tests = self._bench.tester.channel(channel).tests
            for test in tests[self._seen[channel] :]:
                self._seen[channel] += 1
                if (channel, test.test_id) not in self._book.foreign:
                    self._check_begun(channel, test)
            self._check_latched(channel)

    def _check_begun(self, channel: str, test: StoredTest) -> None:
        start = self._book.starts.get(test.barcode)
        wanted = self._book.wanted.get(start.name) if start is not None else None
        if start is None or wanted is None:
            raise Broken(f"{channel} works under {test.barcode!r} ({start}), which nobody has ordered")
        what = f"{start.name}, {start.run_id} on {channel} (test {test.test_id})"
        check(start.channel == channel, f"{what} was sent to {start.channel}")
        check(
            not wanted.is_implausible or wanted.confirmed_by,
            f"{what} is implausible, was started, and nobody has taken it on by name",
        )
        self._check_word(channel, test, start, wanted)
        self._ours[channel].append((test, start.name))
        for run_id, since_s in self._book.latched[channel].items():
            check(start.sent_s < since_s, f"{what} was started, and the trip of {run_id} is not acknowledged")

    def _check_word(self, channel: str, test: StoredTest, start: Start, wanted: Wanted) -> None:
        """Check that a person has spoken of the cell in the holder since another run had it."""
        words = [word for word in wanted.words if word.at_s <= start.sent_s]
        what = f"{start.name}, {start.run_id} on {channel} was started at {test.start_tick / 10:.1f} s"
        check(words, f"{what} without anybody's word")
        cell = self._book.cell(channel, test.start_tick / 10)
        before = [
            (other, name)
            for other, name in self._ours[channel]
            # What arrives late was sent before others had the channel.
            if name != start.name
            and other.start_tick / 10 < start.sent_s
            and self._book.cell(channel, other.start_tick / 10) == cell
        ]
        # Behind runs that were there or waited when it was said, and the last of which has completed.
        since = [it for other, it in before if _ended_s(other) > words[-1].at_s]
        is_next = words[-1].meant is Meant.BEHIND and all(
            self._book.wanted[it].words[0].at_s <= words[-1].at_s for it in since
        )
        for other, name in before:
            check(
                any(self._covers(word, channel, _ended_s(other)) for word in words)
                or (is_next and before[-1][0].complete),
                f"{what} on cell {cell}, on which {name} ran until {_ended_s(other):.1f} s; "
                f"said of it was: {[(word.meant.name, round(word.at_s, 1)) for word in words]}",
            )

    def _covers(self, word: Word, channel: str, ended_s: float) -> bool:
        """Tell whether a word on a run was said after a test of another run on the same cell had ended."""
        if word.meant is Meant.EMPTY:
            return any(ended_s <= said_s <= word.at_s for said_s in self._book.emptied_s[channel])
        return ended_s <= word.at_s + 0.2

    def _check_latched(self, channel: str) -> None:
        """Check that nothing of ours works on a latched channel, but for a late start until it is seen."""
        test = self.test_at_work(channel)
        if test is None or (channel, test.test_id) in self._book.foreign:
            return
        for run_id, since_s in self._book.latched[channel].items():
            from_s = max(since_s, test.start_tick / 10)
            late_s = self.now_s() - from_s
            check(
                late_s <= SHOWN_WITHIN_S or self._was_away(from_s),
                f"{test.barcode} works on {channel} {late_s:.0f} s after the trip of {run_id}, not acknowledged",
            )

    def _was_away(self, since_s: float) -> bool:
        return self._up_since_s is None or self.now_s() - max(since_s, self._up_since_s) <= SHOWN_WITHIN_S

    def served(self, life: Life | None) -> None:
        """Note since when the service is up."""
        self._up_since_s = life.began_s if life is not None else None

    # What the service shows

    def check_shown(self, status: dict[str, Any]) -> None:
        """Check that every channel that works, and has for some polls, is shown to work."""
        for row in status["channels"]:
            channel, state = row["channel"], row["run"]["state"] if row["run"] else ""
            test = self.test_at_work(channel)
            if test is None or self._was_away(test.start_tick / 10) or self._is_shown(row, state, test):
                self._hidden_since_s.pop(channel, None)
                continue
            since_s = self._hidden_since_s.setdefault(channel, self.now_s())
            # A start looks at the channel itself, and finds out; so does a service that says that it does not know.
            is_looking = (
                state in {"preflight", "armed"} or row["use"] == "unknown"
            ) and self.now_s() - since_s <= _CHECKED_WITHIN_S
            check(
                is_looking,
                f"{channel} works on test {test.test_id} ({test.barcode}) since {test.start_tick / 10:.0f} s, at "
                f"{self.now_s():.0f} s the status says: {row['words']}",
            )

    def _is_shown(self, row: dict[str, Any], state: str, test: StoredTest) -> bool:
        """Tell whether a row of the status says that its channel works, or that this is not known."""
        is_foreign = (row["channel"], test.test_id) in self._book.foreign
        return bool(row["works_without_run"]) or state in (_NOT_KNOWN if is_foreign else _WATCHED)

    # What a stop says

    def check_stop(self, what: str, reply: Reply) -> None:
        """Check one report of a stop by name: in time, and off or a sentence."""
        check(reply.took_s <= ANSWER_S, f"{what} was answered after {reply.took_s:.2f} s")
        if not reply.is_accepted:
            check(len(reply.error) > 15, f"{what} was refused without a reason: {reply.body}")
            return
        for row in reply.body if isinstance(reply.body, list) else [reply.body]:
            self.check_report(what, row, row["run_id"] if "label" in row else "")

    def check_report(self, what: str, row: dict[str, Any], run_id: str = "", *, at_once: bool = True) -> None:
        """Check what is known of one channel's stop, or of a run's by its id.

        Another run may have the channel then; and what was known some seconds ago may have changed since.
        """
        check(len(row["words"]) > 5, f"{what} has no words: {row}")
        if row["off"]:
            test = self.test_at_work(row["channel"])
            start = self._book.starts.get(test.barcode) if test is not None else None
            is_anothers = bool(run_id) and start is not None and start.run_id != run_id
            check(
                test is None or is_anothers or self.now_s() - test.start_tick / 10 < (1.0 if at_once else 10.0),
                f"{what} says that {row['channel']} is off ({row['words']}), and it works on {test and test.barcode}",
            )

    # In the end

    def end(self) -> None:
        """Check that all is off when a shift is over, and what its tests have done."""
        self.check_currents(LARGEST_PLAUSIBLE_A)
        for channel in CHANNELS:
            check(self.test_at_work(channel) is None, f"{channel} works after the rack was stopped")

    def check_currents(self, largest_plausible_a: dict[str, float]) -> None:
        """Check that no test drove more than is plausible for its cell without a name."""
        for channel, tests in self._ours.items():
            for test, name in tests:
                largest_a = max((abs(row.current_a) for row in test.rows()), default=0.0)
                check(
                    largest_a <= largest_plausible_a[self._kinds[channel]] or self._book.wanted[name].confirmed_by,
                    f"{name} on {channel} drove {largest_a * 1e3:.3f} mA, and nobody has taken it on by name",
                )


def _ended_s(test: StoredTest) -> float:
    return (test.steps[-1].end_tick if test.steps else test.start_tick) / 10
