"""The tester's own memory, asked for over its API by a client that shares no line with our driver."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from tests.outsider import LOGIN, Outsider

_BLOCK = 1000
_TRIES = 6
T = TypeVar("T")


class Record(NamedTuple):
    """One record as the tester tells it."""

    sequence: int
    step: int
    cycle: int
    mode: str
    step_time_ms: int
    voltage_v: float
    current_a: float
    capacity_ah: float
    energy_wh: float


@dataclass(frozen=True, slots=True)
class Channel:
    """What a channel shows now."""

    status: str
    barcode: str
    test_id: int


class Witness:
    """One connection to the simulated tester."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._outsider = self._connected()

    def _connected(self) -> Outsider:
        outsider = Outsider(f"127.0.0.1:{self._port}")
        outsider.ask(LOGIN)
        return outsider

    def _ask(self, body: str) -> str:
        """Ask once, or again on a new connection: a scenario's faults may drop a reply of the witness, too."""
        for _ in range(_TRIES):
            try:
                return self._outsider.ask(body)
            except (AssertionError, OSError):
                self._outsider.socket.close()
                self._outsider = self._connected()
        raise AssertionError(f"the tester has not answered {_TRIES} times")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._outsider.socket.close()

    def channel(self, name: str) -> Channel:
        """Ask what a channel shows."""
        return _agreed(partial(self._channel, name))

    def _channel(self, name: str) -> Channel:
        row = f'<inquire ip="127.0.0.1" {_place(name)} aux="0" barcode="1">true</inquire>'
        live = self._ask(f'<cmd>inquire</cmd><list count="1">{row}</list>')
        status, barcode = re.findall(r'workstatus="(\w+)" barcode="([^"]*)"', live)[0]
        return Channel(status, barcode, self._file(name, 0)[0])

    def tests(self, name: str, newest: int) -> dict[int, int]:
        """Give the tests of a channel up to a number, with how many records each has."""
        found = [_agreed(partial(self._file, name, number)) for number in range(1, newest + 1)]
        return {test_id: count for test_id, count in found if test_id}

    def records(self, name: str, test_id: int, count: int) -> list[Record]:
        """Download a whole test."""
        rows: list[Record] = []
        while len(rows) < count:
            asked = f'auxid="0" testid="{test_id}" startpos="{len(rows) + 1}" count="{_BLOCK}"'
            download = f"<cmd>download</cmd><download {_place(name)} {asked}/>"
            lines = _agreed(partial(self._lines, download))
            assert lines, f"the tester gives {len(rows)} records of {count}"
            rows += map(_record, lines)
        return rows

    def _lines(self, download: str) -> list[str]:
        return re.findall(r"<data (.*?) />", self._ask(download))

    def stop(self, name: str) -> None:
        """Stop a channel, as somebody at the tester does."""
        row = f'<stop ip="127.0.0.1" {_place(name)}>true</stop>'
        self._ask(f'<cmd>stop</cmd><list count="1">{row}</list>')

    def _file(self, name: str, test_id: int) -> tuple[int, int]:
        row = f'<chl {_place(name)} testid="{test_id}" />'
        reply = self._ask(f'<cmd>inquiredf</cmd><list count="1">{row}</list>')
        found, count = re.findall(r'testid="(\d+)" count="(\d+)"', reply)[0]
        return int(found), int(count)


def _agreed(ask: Callable[[], T]) -> T:
    """Ask until two answers agree: one may be a lie of the scenario's that the service has not met."""
    before = ask()
    for _ in range(_TRIES):
        now = ask()
        if now == before:
            return now
        before = now
    raise AssertionError(f"the tester says something else each time, at last {str(before)[:200]}")


def _place(name: str) -> str:
    devid, subdevid, chlid = name.split("-")
    return f'devtype="27" devid="{devid}" subdevid="{subdevid}" chlid="{chlid}"'


def _record(line: str) -> Record:
    values = dict(re.findall(r'(\w+)="([^"]*)"', line))
    sequence, step, cycle, time_ms = (int(values[key]) for key in ("seqid", "stepid", "cycleid", "testtime"))
    volts, amps, charge, energy = (float(values[key]) for key in ("volt", "curr", "cap", "eng"))
    return Record(sequence, step, cycle, values["steptype"], time_ms, volts, amps, charge, energy)
