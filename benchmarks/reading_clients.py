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
        reader, writer = await asyncio.open_connection(self._host, self._port)
        paths = cycle(_PATHS[number % len(_PATHS) :] + _PATHS[: number % len(_PATHS)])
        for path in paths:
            began = time.monotonic()
            writer.write(self._request(path))
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length:")[2].partition("\r\n")[0])
            body = await reader.readexactly(length)
            self.bytes += len(body)
            self.latencies_s.append(time.monotonic() - began)
            self.refused += " 200 " not in head.partition("\r\n")[0]
            await asyncio.sleep(self._pause_s)

    async def follow(self) -> None:
        """Follow the live values."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(self._request("live"))
        async for line in reader:
            self.bytes += len(line)
            self.live_values += line.startswith(b"event: run")


async def main(url: str, token: str, seconds: float, pause_s: float) -> None:
    """Let all of them read for so long."""
    crowd = Crowd(url, token, pause_s)
    clients = [asyncio.ensure_future(crowd.follow()) for _ in range(FOLLOWERS)]
    clients += [asyncio.ensure_future(crowd.ask(number)) for number in range(ASKERS)]
    done, _ = await asyncio.wait(clients, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for client in done:
        client.result()
    for client in clients:
        client.cancel()
    await asyncio.wait(clients)
    print(json.dumps({name: value for name, value in vars(crowd).items() if not name.startswith("_")}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
