"""The floor: the two XML codecs and the commits alone, on the rows of a rack that has run already.

No sockets, no event loop, no supervisor, no judgement: a request's reply is written, read into samples, and a tick's
samples go through one plain ``executemany`` into a store with the same layout, pragmas and batches. Whatever is slower
than this is spent by what lies between.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from drivers.interfaces import Sample
from drivers.neware import record_columns, replies, wire
from orchestrator.store import Store
from orchestrator.store.samples import COLUMNS
from simulators.bench import SimulatedBench
from simulators.neware.commands import Commands
from simulators.neware.requests import RequestFramer, read_request

_INSERT = f"INSERT INTO sample (test, {COLUMNS}) VALUES (?{', ?' * len(Sample._fields)})"  # noqa: S608 - our names


class Bare:
    """Both codecs and a store's raw connection; adds up what each has taken."""

    def __init__(self, bench: SimulatedBench, store: Store) -> None:
        self.format_s = self.parse_s = self.commit_s = 0.0
        self._commands = Commands(bench.tester)
        self._connection = store.connection
        self._clock = replies.TesterClock()
        _, found = wire.parse(self._answer(wire.getdevinfo()))
        self._addresses = {address.channel: address for address in replies.devices(found)}

    @property
    def total_s(self) -> float:
        """Seconds in codecs and commits together."""
        return self.format_s + self.parse_s + self.commit_s

    def _answer(self, request: wire.Request) -> bytes:
        (frame,) = RequestFramer().feed(request.data)
        asked = read_request(frame)
        assert asked is not None
        answer = self._commands.answer(asked)
        assert answer is not None
        return answer.encode()

    def fetch(self, channel: str, test_id: int, last: Sample | None, count: int) -> list[Sample]:
        """Format and parse one block of records of a tester's test."""
        address = self._addresses[channel]
        request = wire.download(address, test_id, 1 if last is None else last.sequence + 1, count)
        began = time.perf_counter()
        frame = self._answer(request)
        formatted = time.perf_counter()
        _, reply = record_columns.parse(frame)
        samples = record_columns.records(reply, address, test_id, last, count, self._clock)
        del reply  # freeing a thousand rows is a cost of reading them
        parsed = time.perf_counter()
        self.format_s += formatted - began
        self.parse_s += parsed - formatted
        return samples

    def commit(self, batches: Mapping[int, Sequence[Sample]]) -> None:
        """Insert one tick's samples by store test number, with one commit; their tuples are made beforehand."""
        rows = [(test, *sample) for test, samples in batches.items() for sample in samples]
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, rows)
        self._connection.execute("COMMIT")
        self.commit_s += time.perf_counter() - began
