"""The claims that hold on every spoiled wire, about a question, an order and a cell under current.

Each raises AssertionError with a sentence. What was seen is noted in ``Seen``: by what errors, how soon, how soon off.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from drivers.errors import DriverError
from drivers.testing.wired import Wired

_LOOKS = 5
"""How often it is asked while what is late may still come."""
_LOOK_S = 0.01


@dataclass(slots=True)
class Seen:
    """What one spoiled wire did to one driver.

    ``errors`` counts the errors by their class, ``right`` the right answers while the wire was spoiled. ``off_s`` is
    the longest time until the output was off, ``answer_s`` until a question ended.
    """

    errors: Counter[str] = field(default_factory=Counter)
    right: int = 0
    answer_s: float = 0.0
    off_s: float | None = None

    def off_after(self, seconds: float) -> None:
        """Note how long an output stayed on."""
        self.off_s = max(seconds, self.off_s or 0.0)


def claim(holds: bool, sentence: str) -> None:
    """Raise AssertionError with a sentence unless it holds, under ``python -O`` too."""
    if not holds:
        raise AssertionError(sentence)


def now_s() -> float:
    """Return the event loop's time."""
    return asyncio.get_running_loop().time()


def named(err: DriverError, seen: Seen, what: str) -> None:
    """Claim that an error is one of the tree and says something."""
    claim(type(err) is not DriverError, f"{what} ends in a bare DriverError: {err}")
    claim(len(str(err)) > 10, f"{what} ends in a {type(err).__name__} that says only {str(err)!r}")
    seen.errors[type(err).__name__] += 1


async def answered(it: Wired, seen: Seen, what: str) -> bool:
    """Claim that one question is answered rightly, or by a named error, in time and without any order."""
    sent, begun_s = len(it.wire.requests), now_s()
    try:
        answer = await it.ask()
    except DriverError as err:
        named(err, seen, f"{what}: a question")
        is_right = False
    else:
        claim(it.is_right(answer), f"{what}: a question was answered by {answer!r}, which is wrong")
        seen.right += 1
        is_right = True
    took_s = now_s() - begun_s
    seen.answer_s = max(seen.answer_s, took_s)
    claim(took_s <= it.facts.answers_within_s, f"{what}: a question took {took_s:.2f} s")
    claim(not _orders(it, sent), f"{what}: a question sent an order: {it.wire.requests[sent:]}")
    return is_right


async def recovers(it: Wired, what: str) -> None:
    """Claim that the next question gets its own answer once the fault is over, and so does the one after that."""
    begun_s = now_s()
    for _ in range(2):
        await it.change()
        while not await answered(it, Seen(), f"{what}, over"):
            took_s = now_s() - begun_s
            claim(took_s < it.facts.recovers_within_s, f"{what}: {took_s:.1f} s after the fault nothing is answered")
            await asyncio.sleep(it.facts.recovers_within_s / 50)


async def outlasts_what_is_late(it: Wired, what: str) -> None:
    """Claim that no answer is another's while a late reply may still arrive, at any time between two questions."""
    for _ in range(_LOOKS):
        await it.change()
        await answered(it, Seen(), f"{what}, afterwards")
        await asyncio.sleep(1.1 * it.facts.late_s / _LOOKS)
    await recovers(it, what)


async def ordered(it: Wired, seen: Seen, what: str) -> bool:
    """Claim that an order is obeyed or ends in a named error, and that no part of it is sent twice.

    Of a driver that takes no orders nothing is claimed, and False returned.
    """
    if it.facts.order is None:
        return False
    sent = len(it.wire.requests)
    try:
        await it.order()
    except DriverError as err:
        named(err, seen, f"{what}: an order")
        is_obeyed = False
    else:
        claim(it.is_obeyed(), f"{what}: an order is confirmed, and not obeyed")
        seen.right += 1
        is_obeyed = True
    never_repeated(it, sent, what)
    return is_obeyed


def never_repeated(it: Wired, since: int, what: str) -> None:
    """Claim that no order was sent twice since so many requests."""
    twice = {order: times for order, times in Counter(_orders(it, since)).items() if times > 1}
    claim(not twice, f"{what}: sent more than once: {twice}")


async def made_safe(it: Wired, seen: Seen, what: str) -> None:
    """Claim that what an owner does after an error leaves nothing of an order in force, in the time that is stated."""
    begun_s = now_s()
    most_s = it.facts.off_within_s or it.facts.recovers_within_s
    while not it.is_safe():
        try:
            await it.make_safe()
        except DriverError as err:
            named(err, seen, f"{what}: to make it safe")
            await asyncio.sleep(_LOOK_S)
        took_s = now_s() - begun_s
        claim(took_s <= most_s, f"{what}: after {took_s:.2f} s what was ordered is still in force")
    if it.facts.off_within_s is not None:
        seen.off_after(now_s() - begun_s)


async def goes_off(it: Wired, seen: Seen, what: str) -> bool:
    """Wait for an output to go off by itself, as long as is stated; return whether it did."""
    begun_s, most_s = now_s(), it.facts.off_within_s or 0.0
    while not it.is_safe():
        if now_s() - begun_s > most_s:
            return False
        await asyncio.sleep(_LOOK_S)
    seen.off_after(now_s() - begun_s)
    return True


def _orders(it: Wired, since: int) -> list[bytes]:
    """Return the orders that were sent since so many requests."""
    order = it.facts.order
    return [found for data in it.wire.requests[since:] for found in order.findall(data)] if order is not None else []
