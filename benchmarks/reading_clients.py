"""Fifty reading clients of a service, in a process: ``python -m benchmarks.reading_clients URL TOKEN SECONDS PAUSE_S``.

Ten follow the live values, forty ask over and over for what pages show, with a pause between two questions. It prints
what they saw as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import cycle
from urllib.parse import urlsplit

FOLLOWERS = 10
ASKERS = 40
_PATHS = ("channels", "status", "runs", "runs/R000001/samples?limit=1000", "events?limit=100", "instruments")


class _Answers(asyncio.BufferedProtocol):
    """Receives one answer after another of a connection, and keeps none: a client should cost less than its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._buffer = memoryview(bytearray(1 << 18))
        self._head = bytearray()
        self._left = self._length = 0
        self._status = b""
        self._waits: asyncio.Future[tuple[bytes, int]] | None = None

    async def next(self) -> tuple[bytes, int]:
        """Wait for the next answer; give its status and the length of its body. Raises ConnectionError at its end."""
        self._waits = self._loop.create_future()
        return await self._waits

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the place for what comes next."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count what has come."""
        if not self._status:
            self._head += self._buffer[:nbytes]
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._head[:end]).lower()
            self._status = head.split(b" ", 2)[1]
            self._left = self._length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            nbytes = len(self._head) - end - 4
            self._head.clear()
        self._left -= nbytes
        if self._left <= 0 and self._waits is not None and not self._waits.done():
            self._waits.set_result((self._status, self._length))
            self._status, self._waits = b"", None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits that nothing comes any more."""
        if self._waits is not None and not self._waits.done():
            self._waits.set_exception(ConnectionResetError("the service has closed the connection"))


class Crowd:
    """What all clients have seen."""

    def __init__(self, url: str, token: str, pause_s: float) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._token = token
        self._pause_s = pause_s
        self.latencies_s: list[float] = []
        self.bytes = 0
        self.live_values = 0
        self.refused = 0

    def _request(self, path: str) -> bytes:
        lines = (
            f"GET /api/v1/{path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            f"Authorization: Bearer {self._token}",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def ask(self, number: int) -> None:
        """Ask for one page after another on one connection."""
        # People do not press reload all at the same moment.
        await asyncio.sleep(self._pause_s * number / ASKERS)
        loop = asyncio.get_running_loop()
        requests = [self._request(path) for path in _PATHS[number % len(_PATHS) :] + _PATHS[: number % len(_PATHS)]]
        transport, answers = await loop.create_connection(lambda: _Answers(loop), self._host, self._port)
        for request in cycle(requests):
            began = time.monotonic()
            transport.write(request)
            status, length = await answers.next()
            self.bytes += length
            self.latencies_s.append(time.monotonic() - began)
            self.refused += status != b"200"
            await asyncio.sleep(self._pause_s)

    async def follow(self) -> None:
        """Follow the live values."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(self._request("live"))
        async for line in reader:
            self.bytes += len(line)
            self.live_values += line.startswith(b"event: run")


async def main(url: str, token: str, seconds: float, pause_s: float) -> None:
    """Let all of them read for so long, and until one has had an answer."""
    crowd = Crowd(url, token, pause_s)
    clients = [asyncio.ensure_future(crowd.follow()) for _ in range(FOLLOWERS)]
    clients += [asyncio.ensure_future(crowd.ask(number)) for number in range(ASKERS)]
    done, _ = await asyncio.wait(clients, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    while not (crowd.latencies_s or done):
        # A machine that is busy with other things has not got to it yet.
        done, _ = await asyncio.wait(clients, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
    for client in done:
        client.result()
    for client in clients:
        client.cancel()
    await asyncio.wait(clients)
    print(json.dumps({name: value for name, value in vars(crowd).items() if not name.startswith("_")}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
