"""A simulated switch with its driver, over each line that there is: what the tests of the switch stand on."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivers.errors import DriverError
from drivers.mux import RelayMultiplexer, RelayMuxSettings, streams
from drivers.transport.line import Line, Lines, PortLine, StreamLine, Streams
from orchestrator.clock.virtual import run_virtual
from simulators.memory_streams import connect_memory
from simulators.mux import SimulatedMux
from simulators.mux.terminal import PseudoTerminal

IDENTITY = "CELLRIG,SIMULATED RELAYS,RM0001,1.0"


@dataclass
class MuxRig:
    """A driver, the switch behind it, and when the common leads went where."""

    multiplexer: RelayMultiplexer
    mux: SimulatedMux
    heard: list[tuple[float, int | None]] = field(default_factory=list)

    @property
    def ports(self) -> list[int | None]:
        """Give what the common leads reached, one after another."""
        return [port for _, port in self.heard]


class Cable:
    """A serial cable: closing the port at this end does not stop the far end from answering (faults A08)."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self._connect = connect
        self._streams: Streams | None = None

    async def lines(self) -> Sequence[Line]:
        """Give the one port, as a new one each time."""
        if self._streams is None or self._streams[0].at_eof():
            self.unplug()
            self._streams = await self._connect()
        return (_CableLine(self._streams),)

    def unplug(self) -> None:
        """Close this end for good."""
        if self._streams is not None:
            self._streams[1].close()


class _CableLine(StreamLine):
    def __init__(self, ends: Streams) -> None:
        async def connect() -> Streams:
            return ends

        super().__init__("cable", connect)

    async def close(self) -> None:
        """Leave the cable as it is."""


def settings_for(**changes: Any) -> RelayMuxSettings:  # noqa: ANN401 - fields of RelayMuxSettings
    """Give settings that fit the simulated switch."""
    return RelayMuxSettings.model_validate({"ports": 8, "port": "unused", "identity": "RM0001"} | changes)


@asynccontextmanager
async def _lines(transport: str, mux: SimulatedMux) -> AsyncIterator[tuple[Lines | None, str]]:
    """Serve the switch; give the driver's lines, or (None) the port's name for it to find by itself."""

    async def connect() -> Streams:
        return connect_memory(mux.handle)

    async with AsyncExitStack() as stack:
        if transport == "memory":
            yield streams("memory", connect), "unused"
        elif transport == "cable":
            cable = Cable(connect)
            stack.callback(cable.unplug)
            yield cable.lines, "unused"
        elif transport == "pty":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            await stack.enter_async_context(PseudoTerminal(folder / "ttyUSB0", mux.handle))
            yield None, str(folder / "ttyUSB0")
        else:
            server = await asyncio.start_server(mux.handle, "127.0.0.1", 0)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            url = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"

            async def lines() -> Sequence[Line]:
                return (PortLine(url, 9600, 2.0),)

            yield (None if transport == "tcp" else lines), url


@asynccontextmanager
async def open_mux_rig(
    transport: str = "memory",
    mux: SimulatedMux | None = None,
    **changes: Any,  # noqa: ANN401 - fields of RelayMuxSettings
) -> AsyncIterator[MuxRig]:
    """Build a rig that is not open yet; transport is memory, cable, tcp, socket (pyserial's own) or pty."""
    loop = asyncio.get_running_loop()
    heard: list[tuple[float, int | None]] = []
    mux = mux or SimulatedMux(8, lambda port: heard.append((loop.time(), port)), IDENTITY)
    async with _lines(transport, mux) as (lines, port):
        rig = MuxRig(RelayMultiplexer(settings_for(port=port, **changes), lines), mux, heard)
        try:
            yield rig
        finally:
            # What the driver leaves open after this is a ResourceWarning, and that is an error.
            mux.wire.mend()
            # What a test left on the line is no fault of the end.
            with contextlib.suppress(DriverError):
                await rig.multiplexer.close()


def in_virtual_time(work: Callable[[MuxRig], Awaitable[None]], transport: str = "memory", **changes: Any) -> None:  # noqa: ANN401 - fields of RelayMuxSettings
    """Run a test's body against an opened rig in virtual time."""

    async def main() -> None:
        async with open_mux_rig(transport, **changes) as rig:
            await rig.multiplexer.open()
            await work(rig)

    run_virtual(main())
