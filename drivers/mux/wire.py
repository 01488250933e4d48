"""The switch's lines as values: commands to bytes, bytes to lines, lines to frozen replies; no input or output.

The wire has neither message numbers nor checksums. A reply is told by its shape, so that one that belongs to an
earlier question is seen to be another's; what has no shape at all is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.errors import BadReply
from drivers.mux.settings import CommandSettings

_ERROR = re.compile(r'([+-]?[0-9]{1,6})(?:,\s*"([^"]*)")?')
_PORTS = re.compile(r"[1-9][0-9]{0,3}(?:,[1-9][0-9]{0,3})*")


@dataclass(frozen=True, slots=True)
class Closed:
    """The ports that are closed, in rising order."""

    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """An entry of the error queue; code 0 is none."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """Any other line, such as an identity."""

    text: str


Reply = Closed | ErrorEntry | Text


class RelayWire:
    """Commands and replies of one switch, as its settings spell them."""

    def __init__(self, commands: CommandSettings, ports: int) -> None:
        self._commands = commands
        self._ports = ports
        before, _, after = commands.closed_reply.partition("{ports}")
        self._frame = (before.strip(), after.strip())

    def identify(self) -> bytes:
        """Ask who it is."""
        return self._line(self._commands.identify)

    def open_all(self) -> bytes:
        """Open every port."""
        return self._line(self._commands.open_all)

    def close(self, port: int) -> bytes:
        """Connect a port. Raises ValueError for a port that the switch does not have."""
        if not 1 <= port <= self._ports:
            raise ValueError(f"there is no port {port}; ports are 1 to {self._ports}")
        return self._line(self._commands.close.replace("{port}", str(port)))

    def closed(self) -> bytes:
        """Ask which ports are connected."""
        return self._line(self._commands.closed)

    def error(self) -> bytes:
        """Ask for the oldest error; empty when the switch keeps none."""
        return self._line(self._commands.error) if self._commands.error else b""

    def _line(self, text: str) -> bytes:
        return (text + self._commands.line_end).encode("ascii")

    def parse(self, line: bytes) -> Reply:
        """Read one line. Raises BadReply for other than printable ASCII, and for a list of ports that cannot be."""
        try:
            text = line.decode("ascii").strip()
        except UnicodeDecodeError as err:
            raise BadReply(f"the switch sent {line!r}, which is not ASCII") from err
        if not text.isprintable():
            raise BadReply(f"the switch sent {line!r}, which is not printable")
        before, after = self._frame
        if text.startswith(before):
            if not (text.endswith(after) and len(text) >= len(before) + len(after)):
                raise BadReply(f"the switch sent {text!r} where a list such as {self._shown()!r} belongs")
            return self._list(text[len(before) : len(text) - len(after)])
        if entry := _ERROR.fullmatch(text):
            return ErrorEntry(int(entry[1]), entry[2] or "")
        return Text(text)

    def _shown(self) -> str:
        return "1,2".join(self._frame)

    def _list(self, text: str) -> Closed:
        listed = text.replace(" ", "")
        if not listed:
            return Closed(())
        if not _PORTS.fullmatch(listed):
            raise BadReply(f"the switch sent {text!r} where port numbers belong")
        ports = tuple(sorted(map(int, listed.split(","))))
        if len(set(ports)) < len(ports) or ports[-1] > self._ports:
            raise BadReply(f"the switch reports ports {text}; it has 1 to {self._ports}, each once")
        return Closed(ports)
