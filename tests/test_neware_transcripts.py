"""The driver's side of the transcripts: it asks as the reference asks, and reads what the reference answers."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC

import defusedxml.ElementTree as DefusedET
import pytest

from drivers.neware import replies, wire
from drivers.neware.framing import Framer
from tests.transcripts import Exchange, load, names

CLOCK = replies.TesterClock(UTC).unix_time_s


def body(data: bytes) -> ET.Element:
    """Give the tree of a request."""
    root: ET.Element = DefusedET.fromstring(data[: data.rindex(b"</bts>") + 6])
    return root


def flat(element: ET.Element) -> tuple[object, ...]:
    """Give an element's meaning: what white space and the order of attributes do not change."""
    return element.tag, dict(element.attrib), (element.text or "").strip(), [flat(child) for child in element]


def address(element: ET.Element) -> wire.Address:
    """Read the channel that a request names."""
    numbers = [int(element.get(name, "0")) for name in ("devtype", "devid", "subdevid", "chlid")]
    return wire.Address(element.get("ip", "127.0.0.1"), *numbers)


def asked(root: ET.Element) -> wire.Request | None:
    """Ask the driver's writer for the same request; None where the driver has no such command or option."""
    name = root.findtext("cmd") or ""
    rows = list(root.iterfind("list/*"))
    first = rows[0] if rows else root[-1]
    one, every = address(first), [address(row) for row in rows]
    writers: dict[str, Callable[[], wire.Request]] = {
        "connect": lambda: wire.connect(root.findtext("username") or "", root.findtext("password") or ""),
        "getdevinfo": wire.getdevinfo,
        "getchlstatus": lambda: wire.getchlstatus(every),
        "inquire": lambda: wire.inquire(every),
        "inquiredf": lambda: wire.inquiredf(every, int(first.get("testid", "0"))),
        "download": lambda: wire.download(
            one, int(first.get("testid", "0")), int(first.get("startpos", "0")), int(first.get("count", "0"))
        ),
        "downloadStepLayer": lambda: wire.download_step_layer(one, int(first.get("testid", "0"))),
        "downloadlog": lambda: wire.downloadlog(one, int(first.get("testid", "0"))),
        "start": lambda: wire.start(
            one, first.text or "", first.get("barcode", ""), wire.Backup(rows[1].get("backupdir", ""))
        ),
        "stop": lambda: wire.stop(one),
        "continue": lambda: wire.resume(one),
        "goto": lambda: wire.goto(one, int(first.get("step", "0"))),
        "reset": lambda: wire.reset(one, first.text or ""),
        "light": lambda: wire.light(one, first.text == "true"),
        "clearflag": lambda: wire.clearflag(one),
        "broadcaststop": lambda: wire.broadcaststop(one.ip, one.devtype, one.devid),
    }
    return writers[name]() if name in writers else None


def every_exchange() -> list[tuple[str, Exchange]]:
    """Give all exchanges that have a reply, but for those of other clients' spellings."""
    return [(name, e) for name in names() if name != "tolerated" for e in load(name) if e.reply]


def test_every_request_of_the_reference_is_what_the_driver_writes() -> None:
    """Command, elements, attributes and texts are the same for every request that the driver can make."""
    written = set()
    for _, exchange in every_exchange():
        root = body(exchange.request)
        request = asked(root)
        if request is None:
            continue
        if root[-1].tag == "downloadStepLayer":
            root[-1].attrib.setdefault("testid", "0")
        assert flat(body(request.data)) == flat(root)
        written.add(request.command.name)
    assert written == set(wire.COMMANDS)


def read(exchange: Exchange) -> object:
    """Read a reply with the reader that belongs to its request."""
    (frame,) = Framer().feed(exchange.reply)
    name, tree = wire.parse(frame)
    root = body(exchange.request)
    command = wire.COMMANDS[root.findtext("cmd") or ""]
    assert name in command.replies
    rows = list(root.iterfind("list/*"))
    every = [address(row) for row in rows]
    first = rows[0] if rows else root[-1]
    if command.name == "connect":
        return tree.findtext("result")
    if command.name == "getdevinfo":
        return replies.devices(tree)
    if command.name == "getchlstatus":
        return replies.statuses(tree, every)
    if command.name == "inquire":
        return replies.live(tree, every)
    if command.name == "inquiredf":
        return replies.data_files(tree, every)
    if command.name.startswith("download"):
        return _read_download(command.name, tree, first)
    return wire.outcome(tree, rows[0].tag if rows else command.name)


def _read_download(name: str, tree: ET.Element, first: ET.Element) -> object:
    echo = tree.find(first.tag)
    assert echo is not None
    test = int(echo.get("testid", "0"))
    if name == "downloadStepLayer":
        return replies.executed_steps(tree, address(first), test)
    if name == "downloadlog":
        return replies.log_entries(tree, address(first), test, CLOCK)
    if first.get("startpos") != "1":
        return None
    return replies.records(tree, address(first), test, None, len(tree.findall("list/data")), CLOCK)


@pytest.mark.parametrize("name", [name for name in names() if name != "tolerated"])
def test_every_reply_of_the_reference_is_read(name: str) -> None:
    """No reply raises anything, and each gives what its request asked for."""
    for exchange in load(name):
        if exchange.reply and (body(exchange.request).findtext("cmd") or "") in wire.COMMANDS:
            read(exchange)


def test_values_are_those_of_the_transcript() -> None:
    """Spot checks of what the reference prints: a live row, a data file, the rack."""
    by_command = {body(e.request).findtext("cmd"): e for e in load("working") if e.reply and e.time_s >= 3000}
    rows = read(by_command["inquire"])
    assert isinstance(rows, list)
    live = rows[0]
    assert (live.workstatus, live.barcode, live.step, live.voltage_v) == ("working", "cell_07", 2, 3.225)
    devices = read(next(e for e in load("idle") if b"getdevinfo" in e.request))
    assert isinstance(devices, list)
    assert [a.channel for a in devices] == ["21-1-1", "21-1-2"]
