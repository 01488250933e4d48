"""The spoiled wires that every driver must pass: one list, whatever the instrument, and the suite that applies it.

A case takes a function that makes a fresh ``Wired``; it raises AssertionError with a sentence where the driver takes a
wrong answer for the right one, repeats an order, commands who has not said who he is, or leaves an output on. Time is
the event loop's, so that all of it runs in virtual time::

    @pytest.mark.parametrize("case", SPOILED_WIRES, ids=lambda case: case.name)
    async def test_my_driver_bears_it(case):
        await case(my_wired)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial

from drivers.errors import DriverError
from drivers.testing.spoiled_wire import Passing, Spoil
from drivers.testing.spoils import CLOSES, LATE, SPOILS, late
from drivers.testing.strangers import STRANGERS
from drivers.testing.wire_claims import (
    Seen,
    answered,
    claim,
    goes_off,
    made_safe,
    named,
    never_repeated,
    ordered,
    outlasts_what_is_late,
    recovers,
)
from drivers.testing.wired import Wired

_ARRIVED_S = 0.001
_ASKS = 4
Make = Callable[[], AbstractAsyncContextManager[Wired]]


@dataclass(frozen=True, slots=True)
class SpoiledWireCase:
    """One spoiled wire, by its name in the table of the documentation."""

    name: str
    check: Callable[[Make, Seen, str], Awaitable[None]]

    async def __call__(self, make: Make) -> Seen:
        """Check every claim on this wire, and return what was seen; nothing where it has no meaning."""
        seen = Seen()
        async with make() as it:
            meaning = self.name not in it.facts.meaningless
        if meaning:
            await self.check(make, seen, self.name)
        return seen


# Spoiled replies -----------------------------------------------------------------------------------------------------


async def _spoiled_reply(spoil: Spoil, make: Make, seen: Seen, what: str) -> None:
    """Spoil each reply of a question in turn, then each of an order, then all while a cell is driven."""
    await _one_reply_each(spoil, outlasts_what_is_late if spoil in LATE else recovers, make, seen, what)
    await _driven_under(spoil, make, seen, what)


async def _one_reply_each(
    spoil: Spoil, over: Callable[[Wired, str], Awaitable[None]], make: Make, seen: Seen, what: str
) -> None:
    """Spoil each reply of a question in turn, then each of an order; ``over`` is claimed after each."""
    async with make() as it:
        await it.open()
        await it.begin()
        await recovers(it, what)
        for spared in range(await _replies_of_a_question(it)):
            await it.change()
            it.wire.spoil(spoil, spared=spared)
            await answered(it, seen, what)
            it.wire.mend()
            it.wire.plug()
            await over(it, what)
    for spared in await _replies_of_an_order(make):
        async with make() as it:
            await it.open()
            it.wire.spoil(spoil, spared=spared)
            is_obeyed = await ordered(it, seen, what)
            it.wire.mend()
            it.wire.plug()
            if not is_obeyed:
                await made_safe(it, seen, what)
            await over(it, what)


async def _replies_of_a_question(it: Wired) -> int:
    before = it.wire.replies
    await answered(it, Seen(), "a good wire")
    return it.wire.replies - before


async def _replies_of_an_order(make: Make) -> range:
    """Return which replies of an order are spoiled: the last before it is sent, and all after that."""
    async with make() as it:
        if it.facts.order is None:
            return range(0)
        await it.open()
        sent, before = len(it.wire.requests), it.wire.replies
        claim(await ordered(it, Seen(), "a good wire"), "an order is refused on a good wire")
        said = zip(it.wire.requests[sent:], it.wire.asked_after[sent:], strict=True)
        first = min(after for data, after in said if it.facts.order.search(data))
        return range(max(0, first - before - 1), it.wire.replies - before)


async def _driven_under(spoil: Spoil, make: Make, seen: Seen, what: str) -> None:
    """Spoil every reply while a cell is under current; of a tester whose programs ride on, each one of a stop."""
    async with make() as it:
        if it.facts.off_within_s is None:
            return
        await it.open()
        await it.drive()
        claim(not it.is_safe(), "a driven cell has no current")
        if it.facts.rides_on:
            before = it.wire.replies
            await made_safe(it, Seen(), "a good wire")
            replies = it.wire.replies - before
        else:
            replies = 0
            await _off_by_itself(it, spoil, seen, what)
    for spared in range(replies):
        async with make() as it:
            await it.open()
            await it.drive()
            it.wire.spoil(spoil, spared=spared)
            await made_safe(it, seen, what)
            it.wire.mend()


async def _off_by_itself(it: Wired, spoil: Spoil, seen: Seen, what: str) -> None:
    """Spoil every reply from now on: a driven cell's output goes off, or the answers are right."""
    most_s = it.facts.off_within_s or 0.0
    it.wire.spoil(spoil, for_good=True)
    if spoil in CLOSES:
        await asyncio.sleep(most_s)
        it.wire.mend()
        await _off_again(it, seen, f"{what}, over")
    elif not await goes_off(it, seen, what):
        sees = await answered(it, seen, f"{what}, for good")
        claim(sees, f"{what}, for good: after {most_s:g} s the output is on, and nobody sees it")
    it.wire.mend()


# Situations ----------------------------------------------------------------------------------------------------------


async def _unasked(make: Make, seen: Seen, what: str) -> None:
    """Let words come that nobody asked for: an old answer to the same question, and one to another."""
    async with make() as it:
        await it.open()
        await it.begin()
        heard = _Heard()
        it.wire.spoil(heard.listen, for_good=True)
        await recovers(it, what)
        it.wire.mend()
        for words in (heard.replies[-1], heard.first):
            await it.change()
            it.wire.say(words)
            await asyncio.sleep(_ARRIVED_S)
            await answered(it, seen, what)
            await recovers(it, what)


class _Heard:
    """Listens to a wire without spoiling anything."""

    def __init__(self) -> None:
        self.replies: list[bytes] = []
        self.first = b""

    async def listen(self, passing: Passing) -> None:
        self.replies.append(passing.reply)
        self.first = passing.first
        passing.send(passing.reply)


async def _second_master(make: Make, seen: Seen, what: str) -> None:
    """Let another master ask the same instrument the same, and be answered, at any time."""
    async with make() as it:
        await it.open()
        await it.begin()
        heard = _Heard()
        it.wire.spoil(heard.listen, for_good=True)
        await recovers(it, what)
        it.wire.mend()
        words = it.wire.requests[-1] + heard.replies[-1]
        await it.change()
        it.wire.say(words)
        await asyncio.sleep(_ARRIVED_S)
        await answered(it, seen, what)
        await recovers(it, what)

        async def before(passing: Passing) -> None:
            passing.send(words)
            await asyncio.sleep(0)
            passing.send(passing.reply)

        async def after(passing: Passing) -> None:
            passing.send(passing.reply + words)

        for spoil in (before, after):
            for spared in range(await _replies_of_a_question(it)):
                await it.change()
                it.wire.spoil(spoil, spared=spared)
                await answered(it, seen, what)
                it.wire.mend()
                await recovers(it, what)


async def _refused(make: Make, seen: Seen, what: str) -> None:
    """Refuse connections: before the first, and between two questions."""
    async with make() as it:
        it.wire.unplug()
        try:
            await it.open()
        except DriverError as err:
            named(err, seen, f"{what}: opening")
        else:
            raise AssertionError(f"{what}: nobody is there, and it opens")
        it.wire.plug()
        await asyncio.sleep(it.facts.recovers_within_s / 2)
        await it.open()
        await it.begin()
        await recovers(it, what)
        it.wire.unplug()
        claim(not await answered(it, seen, what), f"{what}: answered without a connection")
        sent = len(it.wire.requests)
        claim(not await ordered(it, seen, what), f"{what}: an order is confirmed without a connection")
        claim(it.wire.requests[sent:] == [], f"{what}: sent {it.wire.requests[sent:]}")
        it.wire.plug()
        await recovers(it, what)


async def _pulled_out(make: Make, seen: Seen, what: str) -> None:
    """Pull the plug in the middle of a reply, and put it in again."""

    async def pull(passing: Passing) -> None:
        passing.send(passing.reply[: len(passing.reply) // 2])
        await asyncio.sleep(0)
        passing.wire.unplug()

    await _one_reply_each(pull, recovers, make, seen, what)
    async with make() as it:
        if it.facts.off_within_s is None:
            return
        await it.open()
        await it.drive()
        it.wire.unplug()
        await asyncio.sleep(it.facts.off_within_s)
        it.wire.plug()
        await _off_again(it, seen, f"{what}: plugged in again")


async def _cancelled(make: Make, seen: Seen, what: str) -> None:
    """Cancel whoever asks or orders in the middle; the reply comes afterwards."""
    async with make() as it:
        await it.open()
        await it.begin()
        await recovers(it, what)
        for spared in range(await _replies_of_a_question(it)):
            await it.change()
            await _cancel(it, it.ask(), spared)
            await outlasts_what_is_late(it, what)
    for spared in await _replies_of_an_order(make):
        async with make() as it:
            await it.open()
            sent = len(it.wire.requests)
            await _cancel(it, it.order(), spared)
            never_repeated(it, sent, what)
            await made_safe(it, seen, what)
            await outlasts_what_is_late(it, what)


async def _cancel(it: Wired, work: Awaitable[object], spared: int) -> None:
    """Begin, and cancel once the reply after so many is held back."""
    held = asyncio.Event()

    async def hold(passing: Passing) -> None:
        held.set()
        await late(passing)

    it.wire.spoil(hold, spared=spared)
    task = asyncio.ensure_future(work)
    await held.wait()
    task.cancel()
    await asyncio.wait({task})
    it.wire.mend()
    claim(task.cancelled() or task.exception() is not None, "a cancelled call ends as if it had its answer")


async def _swapped(make: Make, seen: Seen, what: str) -> None:
    """Let another instrument of the same kind answer after a break of the connection."""
    async with make() as it:
        kinds = [different for different, _ in it.others()]
    for index, different in enumerate(kinds):
        async with make() as it:
            await it.open()
            await it.begin()
            await recovers(it, what)
            it.wire.lead_to(it.others()[index][1], it.facts.cut)
            await _tells_nothing(it, seen, f"{what}, {different}")
    async with make() as it:
        if it.facts.off_within_s is None:
            return
        own = it.wire.destination
        await it.open()
        await it.drive()
        sent = len(it.wire.requests)
        it.wire.lead_to(it.others()[0][1], it.facts.cut)
        await asyncio.sleep(2 * it.facts.off_within_s)
        _only_asked_who(it, sent, what)
        it.wire.lead_to(own, it.facts.cut)
        await _off_again(it, seen, f"{what}: back at its own instrument")


async def _off_again(it: Wired, seen: Seen, what: str) -> None:
    """Claim that an output is off in time once its instrument can be reached again."""
    if it.facts.rides_on:
        await made_safe(it, seen, what)
    claim(await goes_off(it, seen, what), f"{what}, and the output stays on")


async def _wrong_device(make: Make, seen: Seen, what: str) -> None:
    """Let something that is no such instrument be at the port: at the first opening, and later."""
    for stranger in STRANGERS:
        async with make() as it:
            it.wire.lead_to(it.joined(STRANGERS[stranger]))
            try:
                await it.open()
            except DriverError as err:
                named(err, seen, f"{what}, {stranger}: opening")
            else:
                raise AssertionError(f"{what}: a {stranger} is opened as if it were the instrument")
            _only_asked_who(it, 0, f"{what}, {stranger}")
        async with make() as it:
            await it.open()
            await it.begin()
            await recovers(it, what)
            it.wire.lead_to(it.joined(STRANGERS[stranger]))
            await _tells_nothing(it, seen, f"{what}, {stranger}")


async def _tells_nothing(it: Wired, seen: Seen, what: str) -> None:
    """Claim that a question and an order end in named errors, and that the other was asked who it is, nothing else."""
    sent = len(it.wire.requests)
    for _ in range(_ASKS):
        claim(not await answered(it, seen, what), f"{what}: it answers for the instrument of the settings")
        await asyncio.sleep(it.facts.recovers_within_s / _ASKS)
    claim(not await ordered(it, seen, what), f"{what}: it obeys for the instrument of the settings")
    try:
        await it.make_safe()
    except DriverError as err:
        named(err, seen, f"{what}: to make it safe")
    _only_asked_who(it, sent, what)


def _only_asked_who(it: Wired, since: int, what: str) -> None:
    other = [data for data in it.wire.requests[since:] if not it.facts.identifying.fullmatch(data)]
    claim(not other, f"{what}: a device that was not identified was told {other}")


SPOILED_WIRES: tuple[SpoiledWireCase, ...] = (
    *(SpoiledWireCase(name, partial(_spoiled_reply, spoil)) for name, spoil in SPOILS.items()),
    SpoiledWireCase("words that nobody asked for", _unasked),
    SpoiledWireCase("a second master", _second_master),
    SpoiledWireCase("connection refused", _refused),
    SpoiledWireCase("pulled out in the middle", _pulled_out),
    SpoiledWireCase("cancelled in the middle", _cancelled),
    SpoiledWireCase("adapters swapped", _swapped),
    SpoiledWireCase("a wrong device", _wrong_device),
)
