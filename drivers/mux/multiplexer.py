"""A relay switch as a ``Multiplexer``: break before make, and every switching confirmed by reading back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from drivers.errors import CannotRun, ConnectionFailed, DriverError, NotConfirmed, OutcomeUnknown
from drivers.mux.client import MuxClient
from drivers.mux.settings import RelayMuxSettings
from drivers.transport.line import Lines
from drivers.transport.port_finding import ports_of

logger = logging.getLogger(__name__)


class RelayMultiplexer:
    """A relay switch on a serial line.

    ::

        multiplexer = RelayMultiplexer(settings)
        await multiplexer.open()            # identity checked, all ports open
        await multiplexer.select(3)         # confirmed: port 3 and no other
        await multiplexer.close()           # all ports open again

    A select that is cancelled or fails may leave the port connected; the next one begins by opening all.
    """

    commissioned_as = RelayMuxSettings.commissioned_as

    def __init__(self, settings: RelayMuxSettings, lines: Lines | None = None) -> None:
        self.name = settings.name
        self.isolates_tester = settings.isolates_tester
        self.port: int | None = None
        self._settings = settings
        self._client = MuxClient(settings, lines or ports_of(settings))
        self._lock = asyncio.Lock()
        self._has_ordered = False

    async def open(self) -> None:
        """Connect, check the identity, and open every port.

        Raises ConnectionFailed, NotConfirmed when a relay does not open, OutcomeUnknown when it cannot be asked.
        """
        await self.select(None)

    async def close(self) -> None:
        """Open every port and drop the line, also when that fails; without an earlier order nothing is switched.

        Who only asked leaves the ports as they are: another program may be measuring through them.
        """
        try:
            if self._has_ordered:
                await self.select(None)
        finally:
            self._has_ordered = False
            async with self._lock:
                await self._client.drop()

    async def select(self, port: int | None) -> None:
        """Open all ports and confirm it, then close one and confirm that.

        Raises CannotRun for a port that is not there; ConnectionFailed when nothing was sent; NotConfirmed when
        reading back shows other ports, after opening all again; OutcomeUnknown when it can no longer be asked.
        """
        if port is not None and not 1 <= port <= self._settings.ports:
            raise CannotRun(f"{self.name}: there is no port {port}; ports are 1 to {self._settings.ports}")
        async with self._lock:
            await self._order(self._client.wire.open_all(), ())
            if port is None:
                return
            try:
                await self._order(self._client.wire.close(port), (port,))
            except NotConfirmed as err:
                raise NotConfirmed(f"{err}; {await self._open_all_again()}") from err

    async def selected(self) -> int | None:
        """Ask which port is connected. Raises NotConfirmed when several are."""
        async with self._lock:
            ports = await self._client.closed()
        if len(ports) > 1:
            raise NotConfirmed(f"{self.name}: {_words(ports)} are closed at the same time")
        return ports[0] if ports else None

    async def _order(self, data: bytes, expected: tuple[int, ...]) -> None:
        """Send a command once, wait for the relays to settle, and read back."""
        self._has_ordered = True
        said = await self._client.order(data)
        await asyncio.sleep(self._settings.settle_s)
        try:
            ports = await self._client.closed()
        except ConnectionFailed as err:
            raise OutcomeUnknown(
                f"{self.name}: {_words(expected)} ordered, and what is closed cannot be asked: {err}"
            ) from err
        if ports != expected:
            why = f"; {said}" if said else ""
            raise NotConfirmed(f"{self.name}: {_words(expected)} ordered, {_words(ports)} reported{why}")
        if said:
            logger.warning("%s: %s, and reading back shows %s as ordered", self.name, said, _words(ports))

    async def _open_all_again(self) -> str:
        """Open all ports after a port could not be confirmed, and return the result as a sentence."""
        try:
            await self._order(self._client.wire.open_all(), ())
        except DriverError as err:
            return f"opening all again failed too: {err}"
        return "all ports were opened again"


def _words(ports: Sequence[int]) -> str:
    if not ports:
        return "no port"
    return ("port " if len(ports) == 1 else "ports ") + ", ".join(map(str, ports))
