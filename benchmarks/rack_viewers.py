"""Fifty browsers that look at the rack, in a process: ``python -m benchmarks.rack_viewers URL TOKEN SECONDS``.

All open the first page at once, then forty follow the stream of the rack, and ten connect to it and never read. It
prints what they saw as one line of JSON: how long a page took, and of each frame when it came and when it was made.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

READERS, NEVER_READING = 40, 10
_FIRST_PAGE, _ROWS = "/rack", "/api/v1/rack"


class Viewers:
    """What all browsers have seen; times are of the monotonic clock."""

    def __init__(self, url: str, token: str) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port or 0
        self._token = token
        self.page = ""
        self.pages_s: list[float] = []
        # Of each frame: its reader, when it came, when control made its rows (by the rig's clock), and its length.
        self.frames: list[tuple[int, float, float, int]] = []
        self.refused = 0

    async def _asked(self, path: str, *, closes: bool = True) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        ends = "Connection: close\r\n" if closes else ""
        head = f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._token}\r\n{ends}\r\n"
        writer.write(head.encode())
        return reader, writer

    async def _status(self, path: str) -> bytes:
        reader, writer = await self._asked(path)
        answer = await reader.read(-1)
        writer.close()
        return answer.partition(b" ")[2][:3]

    async def open_pages(self) -> None:
        """Let all open the first page at once; where this version has none, they ask for its rows."""
        self.page = _FIRST_PAGE if await self._status(_FIRST_PAGE) == b"200" else _ROWS

        async def one() -> None:
            began = time.monotonic()
            self.refused += await self._status(self.page) != b"200"
            self.pages_s.append(time.monotonic() - began)

        await asyncio.gather(*(one() for _ in range(READERS + NEVER_READING)))

    async def follow(self, number: int) -> None:
        """Follow the stream until cancelled."""
        reader, writer = await self._asked("/api/v1/live?stream=rack", closes=False)
        kind = b""
        try:
            while line := await reader.readline():
                word, _, value = line.rstrip().partition(b": ")
                kind = value if word == b"event" else kind
                if word == b"data" and kind == b"rack":
                    seen = json.loads(value)["control_seen_at"]
                    self.frames.append((number, time.monotonic(), seen or 0.0, len(value)))
        finally:
            writer.close()

    async def ignore(self) -> None:
        """Connect to the stream, and again whenever that is cut off, and never read; until cancelled."""
        while True:
            _, writer = await self._asked("/api/v1/live?stream=rack", closes=False)
            try:
                writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport reads
                await asyncio.sleep(60.0)
            finally:
                writer.close()


async def _look(url: str, token: str, lasts_s: float) -> Viewers:
    seen = Viewers(url, token)
    await seen.open_pages()
    tasks = [asyncio.ensure_future(seen.follow(n)) for n in range(READERS)]
    tasks += [asyncio.ensure_future(seen.ignore()) for _ in range(NEVER_READING)]
    await asyncio.sleep(lasts_s)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


def main(url: str, token: str, lasts_s: float) -> None:
    """Look, and print what was seen."""
    seen = asyncio.run(_look(url, token, lasts_s))
    told = {"page": seen.page, "pages_s": seen.pages_s, "frames": seen.frames, "refused": seen.refused}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
