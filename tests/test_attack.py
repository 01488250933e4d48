"""The attack through a spoiling proxy, in small; ``make faults`` tries every case and prints the table."""

import re
from random import Random

import pytest

from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S
from simulators.bench import SimulatedBench
from simulators.memory_streams import connect_memory
from tests.attack.cases import FIELDS, cases
from tests.attack.lies import TEXT, Field, Lie, Place, value, with_value
from tests.attack.life import CHANNEL, OTHER, Moment, live_through
from tests.attack.proxy import Proxy, Spoil
from tests.attack.table import table

BY_TITLE = {case.title: case for case in cases()}
# Each of them has once broken what must hold.
BROKEN_ONCE = (
    "download data stepid: previous value, in a step, under current, 1 x",
    "inquire workstatus: says 'stop', at a stop, until mended",
    "inquire barcode: not a number, at a restart, until mended",
    "inquiredf testid: zero, at a restart, until mended",
    "inquiredf testid: huge, at the start, until mended",
    "getdevinfo devtype: negative, at a restart, until mended",
    "getdevinfo subdevid: negative, at a restart, until mended",
    "connect whole text: absent, at a restart, until mended",
    "inquire dev: empty, at a stop, until mended",
)


@pytest.mark.parametrize("title", BROKEN_ONCE)
def test_what_was_broken_once_holds(title: str) -> None:
    """No lie of one field ends the service, or makes a run be held, stopped or stored wrongly while the cell works."""
    outcome = live_through(BY_TITLE[title])
    assert outcome.wrong == []
    assert outcome.spoiled > 0


def test_cases_drawn_from_all_of_them_hold() -> None:
    """The same few of each run of the suite, over all replies, moments and faults of a link."""
    drawn = Random(11).sample(cases(), 5)
    outcomes = [live_through(case) for case in drawn]
    assert [(outcome.case.title, outcome.wrong) for outcome in outcomes if outcome.wrong] == []
    assert len(table(outcomes).splitlines()) == 2 + len({case.group for case in drawn})


def test_there_are_cases_enough_and_no_two_alike() -> None:
    """Every command at its moments, every field with every lie: more than 1,500 in all, each with a name of its own."""
    assert len(BY_TITLE) == len(cases()) > 1500
    assert {case.moment for case in cases()} == set(Moment)
    lied = {(field, lie) for case in cases() for field, lie in case.attack.lies}
    assert {(field, lie) for field in FIELDS for lie in Lie} <= lied
    assert {case.attack.spoil for case in cases()} == set(Spoil)


async def test_proxy_without_an_attack_changes_nothing() -> None:
    """What the driver reads through it is what the simulated tester has sent, byte for byte."""
    bench = SimulatedBench(lambda: 0.0, DEMO_EPOCH_UNIX_S, 1, seed=1)
    proxy = Proxy(bench.handle, CHANNEL, OTHER)
    asked = b'<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0"><cmd>getdevinfo</cmd></bts>\n\n#\r\n'
    replies = []
    for handle in (bench.handle, proxy.handle):
        reader, writer = connect_memory(handle)
        writer.write(asked)
        replies.append(await reader.readuntil(b"#\r\n"))
        writer.close()
    assert replies[0] == replies[1]
    assert all(value(field, CHANNEL, replies[0]) is not None for field in FIELDS if field.command == "getdevinfo")


@pytest.mark.parametrize(
    ("field", "says", "wanted"),
    [
        (Field("inquire", Place.ROW, "step_id"), "9", 'dev="27-21-1-3-0" step_id="9" voltage="1"'),
        (Field("inquire", Place.ROW, "step_id"), None, 'dev="27-21-1-3-0" voltage="1"'),
        (Field("inquire", Place.LIST, "count"), "9", 'count="9"'),
        (Field("inquire", Place.ROW, TEXT), "no", ">no<"),
    ],
)
def test_lie_changes_one_field_and_no_other(field: Field, says: str | None, wanted: str) -> None:
    """The row of the attacked channel, not that of its neighbour; what is left out is left out whole."""
    row = '<inquire dev="27-21-1-{}-0" step_id="4" voltage="1">true</inquire>'
    reply = f'<list count="2">{row.format(3)}{row.format(5)}</list>'.encode()
    lied = with_value(field, CHANNEL, reply, says)
    assert wanted in lied.decode()
    assert value(field, CHANNEL, lied) == says
    untouched = value(field, OTHER, reply)
    assert field.place is Place.LIST or value(field, OTHER, lied) == untouched
    assert len(re.findall(b"<inquire", lied)) == 2
