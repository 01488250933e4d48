"""Framing, quirks, spoiled wires and in-memory streams of the simulated BTS server."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.bench import SimulatedBench
from simulators.faults import Fault, Spoil
from simulators.memory_streams import connect_memory
from simulators.neware.requests import RequestFramer, read_request
from simulators.neware.settings import Quirks
from simulators.neware.tester import Unit
from tests.transcripts import FOLDER, load
from tests.transcripts.cells import SourceCell

END = b"\n\n#\r\n"
LIGHT = (
    b'<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0"><cmd>light</cmd><list count="1"><light'
    b' ip="127.0.0.1" devtype="27" devid="21" subdevid="1" chlid="1">true</light></list></bts>' + END
)
STATUS = LIGHT.replace(b"light", b"status").replace(b"<cmd>status", b"<cmd>getchlstatus")


def make_bench(quirks: Quirks | None = None, subdevid: int = 1) -> SimulatedBench:
    """Build one channel with a fixed cell and a stopped clock."""
    unit = Unit(subdevid=subdevid, channels=1)
    return SimulatedBench(lambda: 0.0, 0.0, [unit], {f"21-{subdevid}-1": SourceCell()}, quirks=quirks)


def talk(
    bench: SimulatedBench, conversation: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> None:
    """Run a conversation over a memory stream."""

    async def run() -> None:
        reader, writer = connect_memory(bench.handle)
        await conversation(reader, writer)
        writer.close()

    asyncio.run(run())


def answers(bench: SimulatedBench, *requests: bytes) -> bytes:
    """Send requests, end the sending side, and give all that comes back."""
    received = b""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        for request in requests:
            writer.write(request)
        writer.write_eof()
        received = await reader.read()

    talk(bench, conversation)
    return received


GOOD = answers(make_bench(), LIGHT)


@given(st.lists(st.integers(1, len(LIGHT) * 2), max_size=12))
def test_requests_cut_anywhere_are_the_same_requests(cuts: list[int]) -> None:
    """The framer does not care where the network breaks a request."""
    data = LIGHT + LIGHT.replace(END, b"#\r\n")
    framer = RequestFramer()
    frames = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        frames += framer.feed(data[start:end])
    assert frames == [LIGHT.removesuffix(END)] * 2


def test_request_read_byte_by_byte_is_one_request() -> None:
    """Even the end mark may come in five pieces."""
    framer = RequestFramer()
    assert [frame for byte in LIGHT for frame in framer.feed(bytes([byte]))] == [LIGHT.removesuffix(END)]


def test_hash_inside_a_barcode_ends_nothing() -> None:
    """Only ``</bts>`` and the mark together end a request (2.2)."""
    request = LIGHT.replace(b"true", b"a#\r\nb")
    assert RequestFramer().feed(request) == [request.removesuffix(END)]


def test_endless_request_is_not_collected_for_ever() -> None:
    """A client that never ends a request loses its connection."""
    with pytest.raises(OverflowError):
        RequestFramer().feed(b"x" * 5_000_000)


@given(st.binary(max_size=200))
def test_garbage_is_never_a_request(data: bytes) -> None:
    """Whatever bytes come, reading them raises nothing."""
    assert read_request(data + b"</bts>") is None


def test_entities_in_a_request_are_refused() -> None:
    """A request with a document type gets no answer."""
    assert read_request(b'<!DOCTYPE bts [<!ENTITY a "b">]><bts version="1.0"><cmd>&a;</cmd></bts>') is None


def test_unknown_command_gets_silence_and_the_next_an_answer() -> None:
    """Nonsense does not harm the connection."""
    assert answers(make_bench(), LIGHT.replace(b"<cmd>light", b"<cmd>fly"), LIGHT) == GOOD


def test_nonsense_may_drop_the_connection_instead() -> None:
    """What the real one does is not known, so both are offered (2.3)."""
    bench = make_bench(Quirks(drop_on_nonsense=True))
    assert answers(bench, LIGHT.replace(b"<cmd>light", b"<cmd>fly"), LIGHT) == b""


def test_writes_may_need_a_login_on_their_own_connection() -> None:
    """Reads answer without one (2.4)."""
    bench = make_bench(Quirks(writes_need_login=True))
    connect = load("idle")[0]
    assert answers(bench, LIGHT) == b""
    assert answers(bench, connect.request, LIGHT) == connect.reply + GOOD
    assert b"finish" in answers(bench, STATUS)


def test_quirks_change_what_they_name() -> None:
    """Terminator, spelling, wrong sub-device, renamed attributes."""
    download = (
        b'<bts version="1.0"><cmd>download</cmd><download devtype="27" devid="21" subdevid="1" chlid="1" auxid="0"'
        b' testid="0" startpos="0" count="0"/></bts>#\r\n'
    )
    assert b"<cmd>donwload_resp</cmd>" in answers(make_bench(), download)
    assert b"<cmd>download_resp</cmd>" in answers(make_bench(Quirks(misspelled_download=False)), download)
    assert answers(make_bench(Quirks(terminator=b"#\r\n")), LIGHT) == GOOD.removesuffix(END) + b"#\r\n"
    second = STATUS.replace(b'subdevid="1"', b'subdevid="2"')
    assert b'subdevid="2"' in answers(make_bench(subdevid=2), second)
    assert b'subdevid="1"' in answers(make_bench(Quirks(wrong_subdevid=True), subdevid=2), second)
    assert b'mode="1"' in answers(make_bench(Quirks(renamed={"reservepause": "mode"})), STATUS)


def test_split_replies_say_the_same() -> None:
    """Chunks with random edges join to the very reply."""
    bench = make_bench(Quirks(split_replies=True))
    assert answers(bench, *[LIGHT] * 20) == GOOD * 20


def test_escaped_barcode_comes_back_escaped() -> None:
    """A barcode is text, whatever is in it, and never a number."""
    bench = make_bench(Quirks(path_map={"C:\\": str(FOLDER)}))
    start = LIGHT.replace(b"light", b"start").replace(b">true<", b' barcode="007 &amp; &quot;&lt;">C:\\sample.xml<')
    inquire = LIGHT.replace(b"light", b"inquire").replace(b">true<", b' aux="0" barcode="1">true<')
    said = answers(bench, start, inquire).decode()
    assert ">ok<" in said
    assert 'barcode="007 &amp; &quot;&lt;"' in said


def test_a_step_file_that_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe, whether or not somebody holds its other end, a device, a folder: false, and the next one is answered."""
    os.mkfifo(tmp_path / "pipe.xml")
    os.mkfifo(tmp_path / "held.xml")
    held = os.open(tmp_path / "held.xml", os.O_RDWR)
    (tmp_path / "zero.xml").symlink_to("/dev/zero")
    (tmp_path / "folder.xml").mkdir()
    for name in ("pipe", "held", "zero", "folder"):
        bench = make_bench(Quirks(path_map={"C:\\": str(tmp_path)}))
        start = LIGHT.replace(b"light", b"start").replace(b">true<", f' barcode="x">C:\\{name}.xml<'.encode())
        said = answers(bench, start, LIGHT).decode()
        assert "start_resp" in said
        assert ">false<" in said
        assert "light_resp" in said
    os.close(held)


SPOILED = {
    Spoil.BYTE_BY_BYTE: GOOD + GOOD,
    Spoil.CUT: GOOD[:20],
    Spoil.CLOSED: b"",
    Spoil.SILENT: GOOD,
    Spoil.HALF: GOOD[:20] + GOOD,
    Spoil.IN_HALVES: GOOD + GOOD,
    Spoil.GARBAGE_BEFORE: b"??" + GOOD + GOOD,
    Spoil.GARBAGE_AFTER: GOOD + b"??" + GOOD,
    Spoil.TWICE: GOOD * 3,
    Spoil.WITH_NEXT: GOOD + GOOD,
    Spoil.STALE: GOOD + GOOD,
    Spoil.FLIPPED: GOOD[:20] + bytes([GOOD[20] ^ 1]) + GOOD[21:] + GOOD,
    Spoil.ENDLESS: b"??" * 4096 + GOOD,
    Spoil.LATE: GOOD + GOOD,
    Spoil.REWRITTEN: GOOD.replace(b"bts", b"??") + GOOD,
    Spoil.ARRIVES_LATE: GOOD,
}


@pytest.mark.parametrize("spoil", list(Spoil))
def test_each_spoiled_wire_spoils_one_reply_and_then_mends(spoil: Spoil) -> None:
    """The first of two replies is spoiled as named; the second is good where the connection lives."""
    bench = make_bench()
    bench.wire.spoil(Fault(spoil, at=20, filler=b"??", pattern=b"bts", limit_bytes=8192))
    assert answers(bench, LIGHT, LIGHT) == SPOILED[spoil]
    assert bench.wire.spoiled == [("light", spoil)]


def test_lost_reply_to_a_command_leaves_it_executed() -> None:
    """The start happened; only the answer is gone (fault A12)."""
    bench = make_bench(Quirks(path_map={"C:\\": str(FOLDER)}))
    bench.wire.spoil(Fault(Spoil.SILENT, command="start", times=None))
    start = LIGHT.replace(b"light", b"start").replace(b">true<", b' barcode="x">C:\\sample.xml<')
    assert answers(bench, start, LIGHT) == GOOD
    assert bench.tester.channel("21-1-1").busy


def test_a_dead_server_closes_new_connections_until_mended() -> None:
    """Refusing is not answering."""
    bench = make_bench()
    bench.wire.refuse_connections()
    assert answers(bench, LIGHT) == b""
    bench.wire.mend()
    assert answers(bench, LIGHT) == GOOD


def test_memory_stream_ends_when_the_client_aborts() -> None:
    """The handler sees a broken stream and goes; nothing is left running."""
    ended = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            ended.append(True)

    async def run() -> None:
        _, writer = connect_memory(handler)
        await asyncio.sleep(0)
        writer.transport.abort()
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    with_reports: list[object] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: with_reports.append(context))
        await run()

    asyncio.run(watched())
    assert ended == [True]
    assert len(with_reports) == 1


def test_memory_stream_reports_an_error_of_its_handler() -> None:
    """The client sees the end, the loop hears why."""
    reports = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise RuntimeError("boom")

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context["exception"]))
        reader, writer = connect_memory(handler)
        assert await reader.read() == b""
        writer.close()

    asyncio.run(run())
    assert [str(report) for report in reports] == ["boom"]


def test_memory_stream_holds_a_writer_back_until_its_peer_reads() -> None:
    """Flow control works without a kernel: a mebibyte arrives whole and in order."""
    sent = bytes(range(256)) * 4096

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(sent), 10_000):
            writer.write(sent[start : start + 10_000])
            await writer.drain()
        writer.close()

    async def run() -> bytes:
        reader, writer = connect_memory(handler)
        received = await reader.read()
        writer.close()
        return received

    assert asyncio.run(run()) == sent
