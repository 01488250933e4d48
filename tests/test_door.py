"""Whoever holds connections open, sends slowly or never reads locks nobody out: a stop is answered at once."""

import asyncio
import logging
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from orchestrator.api.connection import HEAD_S, UNREAD_S, descriptors
from orchestrator.api.places import Bounds, Kind, NoPlace, Places, kind_of
from tests.api_client import TOKEN
from tests.door_rig import open_door, request

SMALL = Bounds(waiting=12, waiting_each=8, reads=4, reads_each=3, commands=2, stops=2)
STOP = ("POST", "/api/v1/rack/stop", {"by": "ada"})
HALF = b"GET /api/v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthor"


async def test_idle_connections_and_half_requests_lock_nobody_out() -> None:
    """Of ten times as many as there are places the oldest are closed; a stop among them is answered at once.

    Faults H06.
    """
    async with open_door(SMALL) as door:
        idle = [await door.connect(HALF if n % 2 else b"") for n in range(40)]
        began_s = asyncio.get_running_loop().time()
        reply = await door.ask(*STOP)
        idle += [await door.connect() for _ in range(40)]
        assert await door.status_of(reply) == 200
        assert asyncio.get_running_loop().time() - began_s < 1
        assert door.places.waiting <= SMALL.waiting_each
        assert [await door.is_closed(one) for one in (idle[0], idle[39], idle[-1])] == [True, True, False]


@dataclass(eq=False)
class Visitor:
    """The client of one connection, by its address."""

    address: str
    unread_since_s: float | None = None
    is_gone: bool = False

    def close_at_once(self) -> None:
        """Lose the connection."""
        self.is_gone = True


def test_many_addresses_take_no_more_than_all_places() -> None:
    """Each has fewer than it may: the oldest of the one that has most is closed."""
    places = Places(replace(SMALL, waiting=5, waiting_each=4))
    few, many = ([Visitor(f"10.0.0.{n}") for _ in range(count)] for n, count in ((1, 2), (2, 3)))
    for visitor in (*few, *many, Visitor("10.0.0.3")):
        places.wait(visitor)
    assert [visitor.is_gone for visitor in (*few, *many)] == [False, False, True, False, False]
    assert places.waiting == 5


def test_questions_of_many_addresses_take_no_more_than_all_places() -> None:
    """As many as there are places for, together: who does not read what he asked for loses his, else the next waits."""
    places = Places(replace(SMALL, reads=3, reads_each=2))
    first, slow, third = (Visitor(f"10.0.0.{n}") for n in range(3))
    with ExitStack() as held:
        for visitor in (first, slow, third):
            held.enter_context(places.taken(Kind.READ, visitor))
        with (
            pytest.raises(NoPlace, match="3 clients read at this moment"),
            places.taken(Kind.READ, Visitor("10.0.0.9")),
        ):
            pass
        slow.unread_since_s = 1.0
        with places.taken(Kind.READ, Visitor("10.0.0.9")):
            assert [visitor.is_gone for visitor in (first, slow, third)] == [False, True, False]


@pytest.mark.parametrize("trickled", [b"", b"GET / HTTP/1.1\r\n" + b"x-letter: a\r\n" * 99])
async def test_a_request_that_does_not_come_is_waited_for_a_short_time(trickled: bytes) -> None:
    """Nothing at all, or a letter a second: after ten seconds the connection is closed, and its place is free."""
    async with open_door(SMALL) as door:
        reply = await door.connect()
        for n in range(int(HEAD_S) - 1):
            await asyncio.sleep(1)
            door.writers[0].write(trickled[n : n + 1])
        assert not await door.is_closed(reply)
        await asyncio.sleep(1.5)
        assert await door.is_closed(reply)
        assert door.places.waiting == 0


async def test_who_never_reads_is_cut_off_and_keeps_no_stop_waiting() -> None:
    """Long answers that nobody reads hold the places of reads only, and for seconds; then all places are free.

    Faults H06.
    """
    async with open_door(SMALL) as door:
        unread = [await door.ask("GET", "/api/v1/events") for _ in range(SMALL.reads_each)]
        await asyncio.sleep(1)
        assert door.places.reading == SMALL.reads_each
        assert await door.status_of(await door.ask(*STOP)) == 200
        # Who reads gets a place: the client that has not read for the longest time loses his.
        assert await door.status_of(await door.ask("GET", "/api/v1/events")) == 200
        await asyncio.sleep(2 * UNREAD_S)
        assert door.places.reading == 0
        assert door.places.waiting == 0
        assert not unread[0].at_eof() or await unread[0].read()


async def test_a_slow_reader_of_a_long_answer_gets_all_of_it() -> None:
    """Who reads on, however long it takes in all, is not cut off."""
    async with open_door(SMALL) as door:
        reply = await door.ask("GET", "/api/v1/events")
        size = 0
        while size < 4 * 2**20:
            size += len(await reply.readexactly(32 * 1024))
            await asyncio.sleep(0.5)
        assert size >= 4 * 2**20


async def test_no_part_of_an_answer_waits_for_the_part_before_to_arrive() -> None:
    """An answer's body leaves with its head: held back, it cost every question of a connection that is kept 40 ms."""
    async with open_door(SMALL) as door:
        assert await door.status_of(await door.ask("POST", "/api/v1/runs/R000001/stop")) == 200
        assert door.app.held_back == [False]


async def test_commands_and_stops_have_places_of_their_own() -> None:
    """Commands that do not end take no place of a stop; one more of them is refused with a sentence."""
    async with open_door(SMALL) as door:
        orders = [await door.ask("POST", "/api/v1/runs", {"by": "ada"}) for _ in range(SMALL.commands)]
        await asyncio.sleep(1)
        refused = await door.ask("POST", "/api/v1/runs", {"by": "ada"})
        assert b"2 commands are being carried out at this moment" in await refused.read()
        assert await door.status_of(await door.ask(*STOP)) == 200
        door.app.may_go_on.set()
        assert [await door.status_of(order) for order in orders] == [200] * SMALL.commands


async def test_two_questions_are_answered_at_once_and_the_others_in_turn() -> None:
    """Questions that take long to answer keep no stop waiting; each comes to its turn, also behind one that is gone."""
    async with open_door(SMALL) as door:
        slow = [await door.ask("GET", "/api/v1/slow") for _ in range(SMALL.reads_each)]
        await asyncio.sleep(1)
        assert len(door.app.carried_out) == 2
        assert await door.status_of(await door.ask(*STOP)) == 200
        door.writers[0].transport.abort()
        door.app.may_go_on.set()
        assert [await door.status_of(reply) for reply in slow[1:]] == [200, 200]


async def test_a_part_of_an_order_is_not_carried_out() -> None:
    """A body that ends in the middle may read as a whole order: whoever is gone before its end has ordered nothing."""
    whole = request(*STOP)
    async with open_door(SMALL) as door:
        await door.connect(whole.replace(b"Content-Length: 13", b"Content-Length: 20"))
        await asyncio.sleep(1)
        door.writers[0].close()
        await asyncio.sleep(1)
        slow = await door.connect(whole[:-1])
        assert await door.status_of(slow) == 408
        assert door.app.carried_out == []
        await door.status_of(await door.connect(whole))
        assert door.app.carried_out == ["/api/v1/rack/stop"]


@pytest.mark.parametrize("noise", [b"\x16\x03\x01" * 99, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 99_999])
async def test_what_is_no_request_is_refused_without_a_line_in_the_log(
    noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes of another protocol, and a head without end: 400 before its time is over, and the connection is closed."""
    async with open_door(SMALL) as door:
        began_s = asyncio.get_running_loop().time()
        reply = await door.connect(noise)
        assert await door.status_of(reply) in {0, 400}
        assert asyncio.get_running_loop().time() - began_s < HEAD_S / 2
        await asyncio.sleep(1)
        assert door.places.waiting == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_body_that_is_announced_too_long_is_not_waited_for() -> None:
    """It is refused by its head: not a letter of it needs to come."""
    async with open_door(SMALL) as door:
        reply = await door.connect(request(*STOP)[:-13].replace(b"Length: 13", b"Length: 999999999"))
        assert await door.status_of(reply) == 413


async def test_a_refused_request_takes_no_place() -> None:
    """Without the token nothing is held, whatever is asked and however often."""
    stranger = request(*STOP).replace(TOKEN.encode(), b"x" * 43)
    async with open_door(SMALL) as door:
        replies = [await door.connect(stranger) for _ in range(SMALL.waiting_each)]
        assert {await door.status_of(reply) for reply in replies} == {401}
        assert door.app.carried_out == []


@pytest.mark.parametrize("allowed", [64, 1024, 4096])
def test_bounds_leave_descriptors_to_store_and_instruments(allowed: int) -> None:
    """Half of what the system gives a process, however little it is, is no client's."""
    bounds = Bounds.within(allowed)
    assert 0 < bounds.waiting + bounds.reads + bounds.commands + bounds.stops <= allowed / 2
    assert 0 < descriptors() <= 4096


def test_a_stop_and_a_hold_are_stops() -> None:
    """Whatever switches a current off has the places of stops; a question never has."""
    for path in ("/api/v1/rack/stop", "/api/v1/runs/R1/stop", "/api/v1/runs/R1/hold", "/api/v1/channels/1-1/stop"):
        assert kind_of("POST", path) is Kind.STOP
        assert kind_of("GET", path) is Kind.READ
    assert kind_of("DELETE", "/api/v1/channels/1-1/claim") is Kind.COMMAND
