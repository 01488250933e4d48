"""What must hold after every order: the tester's own memory against the book, and what the service shows and says."""

from __future__ import annotations

from typing import Any

from simulators.bench import SimulatedBench
from simulators.neware.memory import StoredTest
from simulators.neware.step_machine import Status
from tests.orders.book import Book
from tests.orders.lives import POLL_S, Life, Reply
from tests.orders.plan import CHANNELS

ANSWER_S = 5.0
# A start, a poll that it delays, and the look at channels without a run.
SHOWN_WITHIN_S = 2.5 * POLL_S + 60.0
# Beyond these (A) an order was implausible for the cells of a shift, whatever its recipe says.
LARGEST_PLAUSIBLE_A = {"li-li": 8e-3, "lfp": 4e-3}
_WATCHED = frozenset({"preflight", "armed", "running", "unseen", "unknown"})


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
        self._works_since: dict[str, tuple[int, float]] = {}
        # Since when the service is up; None while it is not.
        self._up_since_s: float | None = None
        # Of each channel the tests that were started by orders, with the labels of these.
        self._ours: dict[str, list[tuple[StoredTest, str]]] = {channel: [] for channel in CHANNELS}

    def now_s(self) -> float:
        """Give the time."""
        return self._book.now_s()

    def test_at_work(self, channel: str) -> StoredTest | None:
        """Give the test that passes a program's current on a channel."""
        machine = self._bench.tester.channel(channel).machine
        return machine.test if machine.status is Status.WORKING else None

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
        check(start is not None and start.label, f"{channel} works under {test.barcode!r}, which nobody has ordered")
        assert start is not None
        wanted = self._book.wanted.get(start.label)
        check(wanted, f"{channel} works for {start.label!r}, which nobody has ordered")
        assert wanted is not None
        what = f"{start.label} on {channel} (test {test.test_id})"
        check(start.channel == channel, f"{what} was sent to {start.channel}")
        check(
            not wanted.is_implausible or wanted.confirmed_by,
            f"{what} is implausible, was started, and nobody has taken it on by name",
        )
        self._check_word(channel, test, start.label, start.sent_s)
        self._ours[channel].append((test, start.label))
        for label, since_s in self._book.latched[channel].items():
            check(start.sent_s < since_s, f"{what} was started, and the trip of {label} is not acknowledged")

    def _check_word(self, channel: str, test: StoredTest, label: str, sent_s: float) -> None:
        """Check that a person has spoken since another run had the cell that is in the holder."""
        words = [word_s for word_s in self._book.wanted[label].words_s if word_s <= sent_s]
        check(words, f"{label} on {channel} was started without anybody's word")
        cell = self._book.cell(channel, test.start_tick / 10)
        for other, other_label in self._ours[channel]:
            if other_label == label or self._book.cell(channel, other.start_tick / 10) != cell:
                continue
            ended_s = other.steps[-1].end_tick / 10 if other.steps else other.start_tick / 10
            check(
                self._needs_no_word(other) or max(words) >= ended_s - 0.2,
                f"{label} on {channel} was started at {test.start_tick / 10:.1f} s on cell {cell}, on which "
                f"{other_label} ran until {ended_s:.1f} s; the last word on it is of {max(words):.1f} s",
            )

    def _needs_no_word(self, other: StoredTest) -> bool:
        return other.complete

    def _check_latched(self, channel: str) -> None:
        """Check that nothing of ours works on a latched channel, but for a late start until it is seen."""
        test = self.test_at_work(channel)
        if test is None or (channel, test.test_id) in self._book.foreign:
            self._works_since.pop(channel, None) if test is None else None
            return
        for label, since_s in self._book.latched[channel].items():
            from_s = max(since_s, test.start_tick / 10)
            late_s = self.now_s() - from_s
            check(
                late_s <= SHOWN_WITHIN_S or self._was_away(from_s),
                f"{test.barcode} works on {channel} {late_s:.0f} s after the trip of {label}, not acknowledged",
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
            channel = row["channel"]
            test = self.test_at_work(channel)
            if test is None or self._was_away(test.start_tick / 10):
                continue
            since_s = self._since(channel, test)
            run = row["run"] or {"state": "", "run_id": ""}
            is_foreign = (channel, test.test_id) in self._book.foreign
            is_shown = row["works_without_run"] or (run["state"] in _WATCHED and not is_foreign)
            check(
                is_shown or run["state"] in {"unseen", "unknown"} or self.now_s() - since_s <= SHOWN_WITHIN_S,
                f"{channel} works on test {test.test_id} ({test.barcode}) since {since_s:.0f} s, and the status says: "
                f"{row['words']}",
            )

    def _since(self, channel: str, test: StoredTest) -> float:
        if self._works_since.get(channel, (0, 0.0))[0] != test.test_id:
            self._works_since[channel] = test.test_id, test.start_tick / 10
        return self._works_since[channel][1]

    # What a stop says

    def check_stop(self, what: str, reply: Reply) -> None:
        """Check one report of a stop by name: in time, and off or a sentence."""
        check(reply.took_s <= ANSWER_S, f"{what} was answered after {reply.took_s:.2f} s")
        if not reply.is_accepted:
            check(len(reply.error) > 15, f"{what} was refused without a reason: {reply.body}")
            return
        for row in reply.body if isinstance(reply.body, list) else [reply.body]:
            self.check_report(what, row, row.get("label", ""))

    def check_report(self, what: str, row: dict[str, Any], label: str = "", *, at_once: bool = True) -> None:
        """Check what is known of one channel's stop, or of a run's by its label.

        Another run may have the channel then; and what was known some seconds ago may have changed since.
        """
        check(len(row["words"]) > 5, f"{what} has no words: {row}")
        if row["off"]:
            test = self.test_at_work(row["channel"])
            start = self._book.starts.get(test.barcode) if test is not None else None
            is_anothers = bool(label) and start is not None and start.label != label
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
            for test, label in tests:
                largest_a = max((abs(row.current_a) for row in test.rows()), default=0.0)
                check(
                    largest_a <= largest_plausible_a[self._kinds[channel]] or self._book.wanted[label].confirmed_by,
                    f"{label} on {channel} drove {largest_a * 1e3:.3f} mA, and nobody has taken it on by name",
                )
