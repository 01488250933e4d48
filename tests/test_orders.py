"""Random orders of three people, a part of what ``make faults`` gives; and that each of its invariants can fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.night import InlineLoop
from tests.orders.book import Meant, Word
from tests.orders.lives import Reply
from tests.orders.people import TABLE
from tests.orders.plan import CHANNELS, Order, draw
from tests.orders.shift import Outcome, Shift, play
from tests.orders.shrinking import shrunk, without
from tests.orders.truth import Broken, check

CHANNEL = CHANNELS[0]


def order(number: int, kind: str, after_s: float = 10.0, luck: float = 0.3) -> Order:
    """Give an order of ada's for the first channel."""
    return Order(number, after_s, "ada", kind, CHANNEL, 60.0, luck)


def test_random_orders_break_no_invariant(caplog: pytest.LogCaptureFixture) -> None:
    """Three people, eight channels, restarts, late starts and hands at the tester: what must hold does."""
    caplog.set_level(logging.CRITICAL + 1)
    outcome = play(draw("suite", 130))
    assert outcome.broken == ""
    assert outcome.tests > 20
    assert outcome.slowest_stop_s <= 5.0


def test_a_seed_gives_the_same_orders() -> None:
    """Who orders what, where and when follows from the seed alone, and leaving one out moves no other."""
    assert draw("5", 40) == draw("5", 40)
    assert draw("5", 40) != draw("6", 40)
    left = without(draw("5", 40), 3, 7)
    assert sum(it.after_s for it in left) == pytest.approx(sum(it.after_s for it in draw("5", 40)))


def in_a_shift(folder: Path, spoil: Callable[[Shift], None]) -> None:
    """Let a run work, spoil something, and look."""

    async def work() -> None:
        shift = Shift(folder, Outcome())
        shift.start()
        await asyncio.sleep(1.0)
        await shift.give(order(1, "run"))
        await asyncio.sleep(300.0)
        assert shift.truth.test_at_work(CHANNEL) is not None
        try:
            spoil(shift)
            await shift.look(order(2, "run"))
        finally:
            assert shift.life is not None
            shift.life.kill()

    with asyncio.Runner(loop_factory=InlineLoop) as runner:
        runner.run(work())


def _start_without_order(shift: Shift) -> None:
    shift.bench.tester.start(CHANNELS[1], shift.by_hand["li-li"], "nobody")


def _take_the_word_back(shift: Shift) -> None:
    shift.book.wanted["order-1"].words.clear()


def _make_implausible(shift: Shift) -> None:
    shift.book.wanted["order-1"].is_implausible = True


def _latch_before(shift: Shift) -> None:
    shift.book.latched[CHANNEL]["R0"] = 0.5


def _latch_while_it_works(shift: Shift) -> None:
    shift.truth.look()
    shift.book.latched[CHANNEL]["R0"] = 60.0


def _hide(shift: Shift) -> None:
    assert shift.life is not None
    shift.life.service.supervisors[0].runs.clear()
    shift.life.service.supervisors[0].watch.stray = lambda channel: None  # type: ignore[method-assign]  # an offender: the checks must see it
    shift.life.service.supervisors[0].watch.is_unseen = lambda channel: False  # type: ignore[method-assign]  # an offender: the checks must see it


def _answer_late(shift: Shift) -> None:
    shift.truth.check_stop("a stop", Reply(200, [], 5.3))


def _answer_off_while_it_works(shift: Shift) -> None:
    row = {"off": True, "words": "channel is off", "channel": CHANNEL}
    shift.truth.check_stop("a stop", Reply(200, row, 1.0))


def _drive_beyond_the_bands(shift: Shift) -> None:
    shift.truth.look()
    shift.truth.check_currents({"li-li": 1e-6})


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_start_without_order, "which nobody has ordered"),
        (_take_the_word_back, "without anybody's word"),
        (_make_implausible, "nobody has taken it on"),
        (_latch_before, "the trip of R0 is not acknowledged"),
        (_latch_while_it_works, "after the trip of R0, not acknowledged"),
        (_hide, "works on test 1 .* the status says: "),
        (_answer_late, "was answered after 5.30 s"),
        (_answer_off_while_it_works, "says that 21-1-1 is off"),
        (_drive_beyond_the_bands, "nobody has taken it on"),
    ],
)
def test_what_is_broken_is_noticed(spoil: Callable[[Shift], None], told: str, tmp_path: Path) -> None:
    """Each invariant is one that can fail."""
    with pytest.raises(Broken, match=told):
        in_a_shift(tmp_path, spoil)


def test_run_on_a_used_cell_without_a_word_is_noticed(tmp_path: Path) -> None:
    """The second run of a cell starts on a word that knows of the first one, or the harness says so."""

    async def work() -> None:
        shift = Shift(tmp_path, Outcome())
        shift.start()
        try:
            await asyncio.sleep(1.0)
            await shift.give(order(1, "run", luck=0.1))
            await asyncio.sleep(5000.0)
            await shift.give(order(2, "run", luck=0.1))
            await asyncio.sleep(100.0)
            shift.book.wanted["order-2"].words[:] = [Word(Meant.EMPTY, shift.book.now_s() - 100.0)]
            with pytest.raises(Broken, match=r"order-2, \w+ on 21-1-1 .* on cell 0, on which order-1 ran until"):
                await shift.look(order(3, "run"))
        finally:
            assert shift.life is not None
            shift.life.kill()

    with asyncio.Runner(loop_factory=InlineLoop) as runner:
        runner.run(work())


def test_orders_that_a_break_does_not_need_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of six orders the one that breaks the shift is left, at its time, and what was said is told."""

    async def breaks(shift: Shift, it: Order) -> None:
        shift.tell(f"order {it.number} is given")
        check(it.number != 4, "the fourth order is one too many")

    monkeypatch.setitem(TABLE, "release", breaks)  # no order of people's breaks anything
    left, outcome = shrunk([order(n, "release") for n in range(1, 7)])
    assert [(it.number, it.after_s) for it in left] == [(4, 40.0)]
    assert outcome.broken == "the fourth order is one too many"
    assert outcome.story[-1].split() == ["40.0", "s", "order", "4", "is", "given"]
