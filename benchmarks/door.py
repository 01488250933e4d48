"""A stop through a door that others stand in: a thousand idle connections, and fifty that ask and never read.

Half of those that never read follow the live values, half ask for long answers over and over. Between any two stops
fifty more idle connections are opened, in the place of those that the service has closed. The same stops are timed
before with nobody else there, in the same run. The rack answers at once here: what is measured is the door. At last
stops are timed while forty clients ask without a pause for the checks of a run, each for its own cell.
"""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.figures import Aim, Figure, Size, percentile_99
from benchmarks.rack import child, line_of
from orchestrator.api.connection import descriptors
from orchestrator.api.token import token_path

IDLE, UNREAD, MORE = 1000, 50, 50
# Each some 60 kB: more than a connection holds for a client that does not read.
_LONG_ANSWERS = 40
_CHANNEL = "21-1-1"
# Clients that ask for the checks of a run, and the time between two stops meanwhile.
_CHECKING, _STOP_EVERY_S = 40, 0.25
_BENCH = """
[service]
port = 0
[[tester]]
name = "ct4008"
host = "127.0.0.1"
port = {port}
poll_period_s = 5
step_files = {folder}
step_files_on_bts_pc = {folder}
[[tester.units]]
devid = 21
subdevid = 1
voltage_low_v = -5.0
"""


class Clients:
    """The clients of one service."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port or 0
        self.token = token

    def connect(self, sent: bytes = b"", timeout_s: float = 10.0) -> socket.socket:
        """Open a connection and send some bytes."""
        link = socket.create_connection((self._host, self._port), timeout_s)
        link.sendall(sent)
        return link

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Give the bytes of a request."""
        head = f"{method} /api/v1/{path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self.token}\r\n"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        return f"{head}{kind}\r\n".encode() + body

    def answer(self, method: str, path: str, order: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask on a connection of its own, and give the answer."""
        body = b"" if order is None else json.dumps(order).encode()
        with self.connect(self.request(method, path, body)) as link, link.makefile("rb") as reply:
            assert b" 20" in reply.readline(), f"{method} {path} was refused"
            length = 0
            while line := reply.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            return json.loads(reply.read(length))

    def stop(self, channel: str = _CHANNEL) -> float:
        """Stop a channel on a connection of its own, and give how long that took, in seconds."""
        began = time.monotonic()
        body = json.dumps({"by": "benchmark"}).encode()
        with self.connect(self.request("POST", f"channels/{channel}/stop", body)) as link:
            first = link.recv(65536).partition(b"\r\n")[0]
        assert b" 200 " in first, f"the stop was answered with {first.decode()!r}"
        return time.monotonic() - began

    @contextmanager
    def checking(self, count: int) -> Iterator[Counter[bytes]]:
        """Let clients ask for the checks of runs without a pause; give how often each status was answered."""
        answered: Counter[bytes] = Counter()
        is_over = threading.Event()
        order = {"recipe": "li-li-0.4", "cell": "bare-li-li", "channel": "21-1-2", "by": "benchmark"}

        def ask(number: int) -> None:
            body = json.dumps(order | {"label": f"cell {number}"}).encode()
            while not is_over.is_set():
                with self.connect(self.request("POST", "preflight", body), 60.0) as link, link.makefile("rb") as reply:
                    status = reply.readline()[9:12]
                    while reply.readline().strip():
                        pass
                answered[status] += 1

        asking = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
        for thread in asking:
            thread.start()
        try:
            yield answered
        finally:
            is_over.set()
            for thread in asking:
                thread.join()

    @contextmanager
    def crowd(self) -> Iterator[list[socket.socket]]:
        """Hold all the connections that nobody needs."""
        asks = self.request("GET", "openapi.json") * _LONG_ANSWERS
        with ExitStack() as held:
            links = [held.enter_context(self.connect()) for _ in range(IDLE)]
            for n in range(UNREAD):
                held.enter_context(self.connect(asks if n % 2 else self.request("GET", "live")))
            yield links
            for link in links:
                link.close()


def measure(size: Size) -> list[Figure]:
    """Time stops with nobody else there, then in the crowd."""
    stops = size.of(40, 10, 2)
    descriptors()
    with tempfile.TemporaryDirectory() as folder, child("late_rack", "1", "1") as rack:
        store, bench = Path(folder) / "door.db", Path(folder) / "bench.toml"
        bench.write_text(_BENCH.format(port=int(line_of(rack)), folder=json.dumps(folder)), "utf-8")
        with child("timed_service", str(bench), str(store)) as service:
            while not (url := line_of(service)).startswith("http"):
                pass
            clients = Clients(url, token_path(store).read_text("ascii").strip())
            time.sleep(2.0)
            alone = [clients.stop() for _ in range(stops)]
            crowded = []
            with clients.crowd() as links:
                for _ in range(stops):
                    for link in links[:MORE]:
                        link.close()
                    links[:MORE] = []
                    links += [clients.connect() for _ in range(MORE)]
                    crowded.append(clients.stop())
            spans = [_waited(size.of(5.0, 3.0, 0.3))]
            checked = []
            with clients.checking(size.of(_CHECKING, _CHECKING, 2)) as answered:
                began_s = time.monotonic()
                for _ in range(stops):
                    time.sleep(_STOP_EVERY_S)
                    checked.append(clients.stop())
                spans.append((began_s, time.monotonic()))
            assert service.stdin is not None
            assert service.stdout is not None
            service.stdin.close()
            measured: dict[str, Any] = json.loads(service.stdout.read().splitlines()[-1])
    quiet, late = ([value for at_s, value in measured["delays"] if began <= at_s < ended] for began, ended in spans)
    lasted_s = spans[1][1] - spans[1][0]
    who = f"{IDLE} idle, {UNREAD} that never read"
    return [
        Figure("alone: stop, median", 1e3 * median(alone), "ms"),
        Figure("alone: stop, longest", 1e3 * max(alone), "ms"),
        Figure(f"{who}: stop, median", 1e3 * median(crowded), "ms"),
        Figure(f"{who}: stop, longest", 1e3 * max(crowded), "ms", Aim(1000.0, at_most=True)),
        Figure(f"{who}: stop, median, to alone", median(crowded) / median(alone), "x"),
        Figure("nobody there: control's loop late by, p99", 1e3 * percentile_99(quiet), "ms"),
        *_of_checking(checked, late, answered, lasted_s),
    ]


def _of_checking(stops: list[float], late: list[float], answered: Counter[bytes], lasted_s: float) -> Iterator[Figure]:
    who = f"{_CHECKING} ask for checks"
    yield Figure(f"{who}: control's loop late by, median", 1e3 * median(late), "ms")
    yield Figure(f"{who}: the same, p99", 1e3 * percentile_99(late), "ms")
    yield Figure(f"{who}: stop, median", 1e3 * median(stops), "ms")
    yield Figure(f"{who}: stop, longest", 1e3 * max(stops), "ms", Aim(1000.0, at_most=True))
    yield Figure(f"{who}: checks made", answered[b"200"] / lasted_s, "1/s")
    yield Figure(f"{who}: told to ask later", (answered.total() - answered[b"200"]) / lasted_s, "1/s")


def _waited(lasts_s: float) -> tuple[float, float]:
    began_s = time.monotonic()
    time.sleep(lasts_s)
    return began_s, time.monotonic()
