"""The program's connection to its instrument: the bench's control socket, or a cell of its own in real time."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any, Protocol

from simulators.chi660e.settings import Settings


class BenchGone(Exception):
    """The bench has closed the control socket: there is no world left to measure in."""


class Link(Protocol):
    """Who carries out requests of the table in ``requests``."""

    linked: bool
    """Whether the instrument answers; another process may have it."""

    def call(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
        """Carry out one request and wait for its end."""

    def hang(self, do: str = "hang", **arguments: Any) -> None:  # noqa: ANN401 -- JSON values
        """Block for ever."""

    def unix_s(self) -> float:
        """Return the wall time of the last answer."""


class BenchLink:
    """A bench in another process."""

    def __init__(self, address: str, token: str) -> None:
        """Connect to ``host:port``; the token says who has started this process."""
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._lines = self._socket.makefile("rb")
        self._unix_s = 0.0
        self.linked = bool(self.call("hello", token=token, pid=os.getpid())["linked"])

    def call(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
        """Send one request and wait for its answer."""
        try:
            self._socket.sendall(json.dumps({"do": do, **arguments}, separators=(",", ":")).encode() + b"\n")
            line = self._lines.readline()
        except OSError as err:
            raise BenchGone(str(err)) from err
        if not line.endswith(b"\n"):
            raise BenchGone("the bench has hung up")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"the bench refuses {do}: {reply['error']}")
        self._unix_s = float(reply["unix_s"])
        return reply

    def hang(self, do: str = "hang", **arguments: Any) -> None:  # noqa: ANN401 -- JSON values
        """Park on the bench's clock until this process is ended."""
        self.call(do, **arguments)

    def unix_s(self) -> float:
        """Return the bench's wall time."""
        return self._unix_s


class OwnLink:
    """A cell of this process, in real time or faster."""

    linked = True

    def __init__(self, settings: Settings) -> None:
        """Build the cell; a ValueError names a bad model."""
        from simulators.chi660e.own_cell import OwnLeads

        self._speed = settings.speed
        self._leads = OwnLeads(settings, self._now_s)

    def call(self, do: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON values
        """Carry one request out, sleeping in real time."""
        from simulators.chi660e.requests import answer

        plan = answer(self._leads, {"do": do, **arguments})
        while True:
            try:
                until_s = next(plan)
            except StopIteration as done:
                reply: dict[str, Any] = done.value
                return reply
            time.sleep(max(0.0, until_s - self._now_s()) / self._speed)

    def hang(self, do: str = "hang", **arguments: Any) -> None:  # noqa: ANN401 -- JSON values
        """Sleep until this process is ended."""
        while True:
            time.sleep(3600.0)

    def unix_s(self) -> float:
        """Return the system's wall time."""
        return time.time()

    def _now_s(self) -> float:
        return time.monotonic() * self._speed
