"""How long an alarm takes from its commit to the target of a person, and what that costs the process that commits it.

A rack of 8 channels, seven of which record; alarms, each stored by control, of five channels in turn. Each channel has
a person with a target that works; the first has another person too, with a target that drips, which is given up after a
deadline, and one that works behind it. Then a thousand warnings in a minute. The delay of control's loop stands beside
each stretch, and that with nothing to tell.
"""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.door import Clients
from benchmarks.figures import Aim, Figure, Size, percentile_99
from benchmarks.lookers import start_runs
from benchmarks.rack import BENCH, UNIT, child, line_of
from orchestrator.api.report_path import NOTICE_REPORTS_PATH
from orchestrator.api.token import token_path
from orchestrator.events import EventKind, Severity
from orchestrator.rack.lock import owner_of

_DEADLINE_S = 3.0
# Beyond this factor over an idle loop control would be said to be delayed: a median of polls varies by as much.
_LATE_MOST = 1.5
# A person gets an alarm in 1.25 s, slower than the pace beyond which there are digests: each is a message of its own.
_EVERY_S, _CHANNELS = 0.25, tuple(f"21-1-{number}" for number in range(1, 6))
_NOTICES = """
[notices]
test_at = "never"
most_a_minute = 60
deadline_s = {deadline_s}
[[notices.targets]]
name = "drips"
person = "bob"
channels = ["21-1-1"]
severity = "alarm"
url = "json://127.0.0.1:{port}/drips"
[[notices.targets]]
name = "behind"
person = "bob"
channels = ["21-1-1"]
severity = "alarm"
url = "json://127.0.0.1:{port}/behind"
"""
_WORKS = """
[[notices.targets]]
name = "of-{channel}"
channels = ["{channel}"]
url = "json://127.0.0.1:{port}/works"
"""


@dataclass
class _Targets:
    """The messages that came: when, where, and the text."""

    port: int = 0
    got: list[tuple[float, str, str]] = field(default_factory=list)

    def first(self, path: str, word: str) -> float | None:
        """Give when a message with a word came first."""
        return next((at_s for at_s, where, text in self.got if where == path and word in text), None)


def measure(size: Size) -> list[Figure]:
    """Time alarms one by one, then a flood of warnings."""
    alarms, flood = size.of(400, 100, 2), size.of(1000, 100, 20)
    with tempfile.TemporaryDirectory() as folder, child("late_rack", "1", "1") as rack, _targets() as targets:
        store, bench = Path(folder) / "notices.db", Path(folder) / "bench.toml"
        text = BENCH.format(port=int(line_of(rack)), poll_s=5.0, folder=json.dumps(folder))
        text += UNIT.format(unit=1) + _NOTICES.format(port=targets.port, deadline_s=_DEADLINE_S)
        text += "".join(_WORKS.format(channel=channel, port=targets.port) for channel in _CHANNELS)
        bench.write_text(text, "utf-8")
        with child("timed_service", str(bench), str(store)) as service:
            while not (url := line_of(service)).startswith("http"):
                pass
            token = token_path(store).read_text("ascii").strip()
            clients = Clients(url, token)
            owner = owner_of(store)
            assert owner is not None
            # Only processes of the service report events, and only to control.
            control = Clients(owner.url, token)
            if size is not Size.SMOKE:
                start_runs(clients)
            spans = [_quiet(clients, size.of(20.0, 8.0, 2.0))]
            sent_s, span = _alarms(control, alarms)
            spans.append(span)
            _wait(lambda: targets.first("works", f"alarm {alarms - 1}.") is not None)
            spans.append(_flood(control, flood, size.of(65.0, 12.0, 0.5)))
            assert service.stdin is not None
            assert service.stdout is not None
            service.stdin.close()
            measured: dict[str, Any] = json.loads(service.stdout.read().splitlines()[-1])
    # Each time that the loop was to wake up and had not yet, in the stretch.
    late = [
        [late_s for at_s, late_s in measured["delays"] if began <= at_s + late_s and at_s < ended]
        for began, ended in spans
    ]
    return [*_told(targets, sent_s), *_delays(late), *_flooded(targets, spans[2], flood)]


def _told(targets: _Targets, sent_s: list[float]) -> list[Figure]:
    figures = []
    for path, words, aim in (
        ("works", "a target that works", Aim(5.0, at_most=True)),
        ("behind", f"one behind a target that drips ({_DEADLINE_S:g} s)", None),
    ):
        told = enumerate(sent_s) if path == "works" else list(enumerate(sent_s))[:: len(_CHANNELS)]
        found = [(targets.first(path, f"alarm {n}."), at_s) for n, at_s in told]
        took = [came_s - at_s for came_s, at_s in found if came_s is not None]
        figures += [
            Figure(f"alarm from commit to {words}, p50", median(took) if took else 0.0, "s"),
            Figure(f"the same, p99 of {len(took)}", percentile_99(took) if len(took) > 1 else 0.0, "s", aim),
        ]
    missing = sum(targets.first("works", f"alarm {n}.") is None for n in range(len(sent_s)))
    return [*figures, Figure("alarms that did not come", float(missing), "", Aim(0.0, at_most=True))]


def _delays(late: list[list[float]]) -> list[Figure]:
    words = ("nothing to tell", "alarms, and a target that drips", "a flood of warnings")
    assert all(late), "the loop was not timed in each stretch"
    idle_s = percentile_99(late[0])
    figures = []
    for stretch, delays in zip(words, late, strict=True):
        aim = Aim(_LATE_MOST, at_most=True) if stretch != words[0] else None
        figures.append(Figure(f"{stretch}: control's loop late by, p99", 1e3 * percentile_99(delays), "ms"))
        figures.append(Figure(f"{stretch}: the same, to nothing to tell", percentile_99(delays) / idle_s, "x", aim))
    return figures


def _flooded(targets: _Targets, span: tuple[float, float], flood: int) -> list[Figure]:
    messages = [text for at_s, path, text in targets.got if path == "works" and at_s >= span[0] and "warning" in text]
    return [
        Figure(f"messages of {flood} warnings in {span[1] - span[0]:.0f} s", float(len(messages)), ""),
    ]


def _quiet(clients: Clients, lasts_s: float) -> tuple[float, float]:
    """Wait for so long, while control has got to something: it begins a moment after it has said where it answers."""
    clients.answer("GET", "channels")
    began_s = time.monotonic()
    time.sleep(lasts_s)
    clients.answer("GET", "channels")
    return began_s, time.monotonic()


def _alarms(clients: Clients, count: int) -> tuple[list[float], tuple[float, float]]:
    """Have control store alarms one by one; give when each was asked for, which is before its commit."""
    began_s, sent_s = time.monotonic(), []
    for number in range(count):
        sent_s.append(time.monotonic())
        _store(clients, f"alarm {number}.", Severity.ALARM, _CHANNELS[number % len(_CHANNELS)])
        time.sleep(max(0.0, began_s + (number + 1) * _EVERY_S - time.monotonic()))
    return sent_s, (began_s, time.monotonic())


def _flood(clients: Clients, count: int, digest_s: float) -> tuple[float, float]:
    """Have control store warnings as fast as a thousand in a minute, and wait for the digest."""
    began_s = time.monotonic()
    for number in range(count):
        _store(clients, f"warning {number}.", Severity.WARNING, _CHANNELS[0])
        time.sleep(max(0.0, began_s + (number + 1) * 0.06 - time.monotonic()))
    ended_s = time.monotonic()
    # What waits for its kin is told after ten seconds, after a digest in a minute.
    time.sleep(digest_s)
    return began_s, ended_s


def _store(control: Clients, sentence: str, severity: Severity, channel: str) -> None:
    """Have control store an event of a channel."""
    data = {"severity": severity, "channel": channel}
    report = {"kind": EventKind.NOTICES_FAILED, "sentence": sentence, "data": data}
    link = http.client.HTTPConnection(control.url.removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {control.token}", "Content-Type": "application/json"}
    link.request("POST", NOTICE_REPORTS_PATH, json.dumps(report), headers)
    status = link.getresponse().status
    link.close()
    assert status == 204, f"an event was refused with {status}"


def _wait(is_done: Any) -> None:  # noqa: ANN401 - a function
    deadline = time.monotonic() + 60
    while not is_done():
        assert time.monotonic() < deadline, "the last alarm did not come"
        time.sleep(0.1)


@contextmanager
def _targets() -> Iterator[_Targets]:
    """Serve targets on loopback; ``/drips`` answers a byte at a time."""
    there = _Targets()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take a notice."""
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            there.got.append((time.monotonic(), self.path.lstrip("/"), body))
            try:
                if self.path == "/drips":
                    for byte in b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 200:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.1)
                self.send_response(200)
                self.end_headers()
            except ConnectionError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    there.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
