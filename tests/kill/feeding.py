"""A stranger who reads the MQTT feed while service, feed and broker are killed: nothing may be missing or out of order.

He reads as docs/mqtt.md says: what a message's ``previous`` shows to be missing he asks for by number. Where the broker
is never killed (every other seed) each event must come by itself.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Self

from tests.broker import Broker, Subscriber
from tests.feed_checks import CYCLES, EVENTS, missing_cycles, missing_events, wrong_cycles, wrong_events
from tests.kill.checks import Findings, read

# How long after the end everything may take to come, in real seconds.
_PATIENCE_S = 30.0


class FeedReader:
    """A broker, whom every other seed kills now and then, and the stranger at it."""

    def __init__(self, store: Path, folder: Path, seed: int) -> None:
        self._store = store
        self._random = Random(f"feeding/{seed}")
        self._kills_broker = seed % 2 == 1
        self._broker = Broker(folder)
        self._reader = Subscriber(self._broker.port)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._kill)
        self._held = ExitStack()
        self.port = self._broker.port

    def __enter__(self) -> Self:
        self._broker.start()
        self._held.callback(self._broker.kill)
        self._held.enter_context(self._reader)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._held.close()

    @property
    def events(self) -> int:
        """The number of events that came."""
        return len(self._reader.of("event"))

    def check(self, findings: Findings) -> None:
        """Wait until the feed says that all is sent, and compare what came with the store."""
        self._end()
        if not self._store.exists():
            return
        stored = read(self._store, EVENTS)
        deadline_s = time.monotonic() + _PATIENCE_S
        while not self._is_complete(max((row["id"] for row in stored), default=0)):
            if time.monotonic() > deadline_s:
                findings.add(
                    "feed", f"not all is sent {_PATIENCE_S:g} s after the end: {self._reader.of('status')[-1:]}"
                )
                return
            time.sleep(0.05)
        # The feed says how many events wait, and not how many cycles.
        while not self._has_all_cycles() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        self._check_events(findings, stored)
        self._check_cycles(findings)

    def _is_complete(self, newest: int) -> bool:
        said = self._reader.of("status")[-1:]
        return bool(said) and said[0]["online"] and said[0]["newest_event"] == newest and not said[0]["events_waiting"]

    def _has_all_cycles(self) -> bool:
        return self._kills_broker or not missing_cycles(read(self._store, CYCLES), self._reader.of("cycle"))

    def _check_events(self, findings: Findings, stored: list[dict[str, Any]]) -> None:
        came = self._reader.of("event")
        for wrong in wrong_events(stored, came):
            findings.add("feed", wrong)
        if (missing := missing_events(stored, came)) and not self._kills_broker:
            findings.add("feed", f"events {missing} never came")

    def _check_cycles(self, findings: Findings) -> None:
        stored, came = read(self._store, CYCLES), self._reader.of("cycle")
        for wrong in wrong_cycles(stored, came):
            findings.add("feed", wrong)
        if came and (missing := missing_cycles(stored, came)) and not self._kills_broker:
            findings.add("feed", f"cycles {missing} never came")

    def _kill(self) -> None:
        while not self._is_over.wait(self._random.uniform(1.0, 4.0)) and self._kills_broker:
            self._broker.kill()
            time.sleep(self._random.uniform(0.0, 0.5))
            self._broker.start()

    def _end(self) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
