"""A source meter by script: what is set is what is answered. It has no cell and no rules; the simulators have those.

Tests of the driver see here which lines it sends, and spoil single answers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from simulators.memory_streams import connect_memory


@dataclass
class Spoilt:
    """A fault of the answer to the next line that holds ``line``: it comes ``late_s`` later, or ``instead`` comes.

    ``afterwards`` comes a tenth of a second behind it.
    """

    line: str
    late_s: float = 0.0
    instead: bytes | None = None
    afterwards: bytes = b""
    hangs_up: bool = False


@dataclass
class ScpiPeer:
    """One instrument and all lines that it was sent.

    ``reading`` answers ``:READ?`` and ``:MEAS?``, ``wrong`` a header whatever was set; ``obeys``: its output switches.
    ``greeting`` is sent to who connects.
    ``objects`` are entries of the error queue that orders make which begin so, and are obeyed all the same.
    """

    identity: str = "KEITHLEY INSTRUMENTS INC.,MODEL 2450,04412345,1.0.0i"
    reading: str = "1.000000E-03,3.700000E+00"
    errors: deque[str] = field(default_factory=deque)
    values: dict[str, str] = field(default_factory=lambda: {":OUTP": "0", "*LANG": "SCPI", "*ESR": "0", "TRIP": "0"})
    said: list[str] = field(default_factory=list)
    spoilt: list[Spoilt] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    obeys: bool = True
    greeting: bytes = b""
    connections: int = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to it in memory."""
        return connect_memory(self.serve)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        writer.write(self.greeting)
        while data := await reader.readline():
            if not (line := data.decode().strip()):
                continue
            answer = self.answer(line)
            found = next((it for it in self.spoilt if it.line in line), None)
            if found is not None:
                self.spoilt.remove(found)
                await asyncio.sleep(found.late_s)
                answer = answer if found.instead is None else found.instead
            writer.write(answer)
            if found is not None and found.afterwards:
                asyncio.get_running_loop().call_later(0.1, writer.write, found.afterwards)
            if found is not None and found.hangs_up:
                break
        writer.close()

    def answer(self, line: str) -> bytes:
        """Carry out a line and return its answer; no bytes for a line without a question."""
        self.said.append(line)
        answers = self._answers(line)
        return (";".join(answers) + "\n").encode() if answers else b""

    def orders(self, beginning: str) -> list[str]:
        """Return the orders that begin so, in the order in which they came."""
        return [it for line in self.said for it in line.split(";") if it.startswith(beginning) and "?" not in it]

    def _answers(self, line: str) -> list[str]:
        found = []
        for unit in line.split(";"):
            header, is_question, _ = unit.partition("?")
            if not is_question:
                self._set(header)
            elif header == ":SYST:ERR":
                found.append(self.errors.popleft() if self.errors else '0,"No error"')
            elif header in (":READ", ":MEAS"):
                found.append(self.reading)
            elif header == "*IDN":
                found.append(self.identity)
            elif header == "*OPC":
                found.append("1")
            else:
                key = "TRIP" if header.endswith("TRIP") else header
                found.append(self.wrong.get(header, self.values.get(key, "")))
        return found

    def _set(self, order: str) -> None:
        self.errors += [entry for beginning, entry in self.objects.items() if order.startswith(beginning)]
        header, _, value = order.partition(" ")
        if header == "*RST":
            self.values[":OUTP"] = "0"
        elif header != ":OUTP" or self.obeys:
            self.values[header] = {"ON": "1", "OFF": "0"}.get(value, value)
