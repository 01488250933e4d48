"""The simulated BTS server says, byte for byte, what the reference says that the real one says."""

from __future__ import annotations

import asyncio

import pytest

from simulators.bench import SimulatedBench
from simulators.memory_streams import connect_memory
from simulators.neware.settings import Noise, Quirks
from simulators.neware.tester import Unit
from tests.transcripts import FOLDER, Exchange, load, masked, names
from tests.transcripts.cells import SourceCell

EPOCH_UNIX_S = 1_767_603_600  # 2026-01-05 09:00:00 UTC


def make_bench(clock: list[float]) -> SimulatedBench:
    """Build the bench that the transcripts' preambles name."""
    return SimulatedBench(
        lambda: clock[0],
        EPOCH_UNIX_S,
        [Unit(channels=2)],
        {"21-1-1": SourceCell(), "21-1-2": SourceCell()},
        quirks=Quirks(noise=Noise(scale=0.0), path_map={r"C:\schedules": str(FOLDER)}),
    )


async def replay(exchanges: list[Exchange]) -> list[tuple[bytes, bytes]]:
    """Send every request at its time; give what was said and what should have been."""
    clock = [0.0]
    bench = make_bench(clock)
    reader, writer = connect_memory(bench.handle)
    pairs = []
    for exchange in exchanges:
        clock[0] = exchange.time_s
        writer.write(exchange.request)
        if exchange.reply:
            pairs.append((await reader.readuntil(b"#\r\n"), exchange.reply))
    writer.close()
    assert await reader.read() == b""
    return pairs


@pytest.mark.parametrize("name", names())
def test_server_answers_every_transcript_to_the_byte(name: str) -> None:
    """Layout, order, spelling and all numbers but the physics of records are those of the reference."""
    for said, expected in asyncio.run(replay(load(name))):
        assert masked(said).decode() == masked(expected).decode()


def test_transcripts_cover_every_command_of_the_daily_work() -> None:
    """No command that a driver needs is left unjudged."""
    requests = b"".join(exchange.request for name in names() for exchange in load(name))
    for command in [
        "connect",
        "getdevinfo",
        "getchlstatus",
        "inquire",
        "inquiredf",
        "download",
        "downloadStepLayer",
        "downloadlog",
        "start",
        "stop",
        "continue",
        "goto",
        "reset",
        "light",
        "clearflag",
        "broadcaststop",
    ]:
        assert f"<cmd>{command}</cmd>".encode() in requests


def test_masking_hides_physics_and_nothing_else() -> None:
    """A wrong sequence number is seen through the mask."""
    row = b'<data seqid="6" volt="3.1" curr="0" />'
    assert masked(row) == b'<data seqid="6" volt="*" curr="*" />'
