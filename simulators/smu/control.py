"""The hands at simulated source meters, over TCP: one line of text an order, one line back (``ok``, or what is wrong).

::

    smu-1 pull out
    smu-1 set by hand :SOUR:VOLT 3.0
    smu-1 spoil late :READ? 2.5
    smu-1 exposure
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from simulators.cells import load_cell
from simulators.faults import Fault, Spoil
from simulators.smu.server import SimulatedSmu

_SPOILS = {
    "late": Spoil.LATE,
    "lost": Spoil.SILENT,
    "closed": Spoil.CLOSED,
    "cut": Spoil.CUT,
    "half": Spoil.HALF,
    "in halves": Spoil.IN_HALVES,
    "noise": Spoil.GARBAGE_BEFORE,
    "twice": Spoil.TWICE,
    "flipped": Spoil.FLIPPED,
}
"""What can be ordered to happen to a reply, by the word for it."""

_TERMINATORS = {"lf": b"\n", "cr": b"\r", "crlf": b"\r\n", "lfcr": b"\n\r", "nothing": b""}

_HALF_AT = 7


class HandsAtUnits:
    """Carries out orders at units by their names."""

    def __init__(self, units: Mapping[str, SimulatedSmu]) -> None:
        self._units = units
        self._verbs: dict[str, Callable[[SimulatedSmu, str], str | None]] = {
            "pull out": lambda it, _: it.instrument.unit.stage.touch(lambda leads: leads.pull_out()),
            "put back": lambda it, _: it.instrument.unit.stage.touch(lambda leads: leads.put_back()),
            "turn round": lambda it, _: it.instrument.unit.stage.touch(lambda leads: leads.turn_round()),
            "swap": self._swap,
            "open sense lead": lambda it, _: it.instrument.set_sense_lead(open_=True),
            "close sense lead": lambda it, _: it.instrument.set_sense_lead(open_=False),
            "press output": lambda it, _: it.instrument.unit.press_output(),
            "press local": lambda it, _: it.instrument.unit.press_local(),
            "set by hand": lambda it, line: it.instrument.set_by_hand(line),
            "language": lambda it, word: it.instrument.set_language(word),
            "cut power": lambda it, _: it.cut_power(),
            "restore power": lambda it, _: it.restore_power(),
            "overheat": lambda it, _: it.instrument.overheat(),
            "cool": lambda it, _: it.instrument.cool(),
            "open interlock": lambda it, _: it.instrument.set_interlock(closed=False),
            "close interlock": lambda it, _: it.instrument.set_interlock(closed=True),
            "hang up": lambda it, _: it.hang_up(),
            "lose connections": lambda it, _: it.lose_connections(),
            "hold": lambda it, seconds: it.hold(float(seconds)),
            "end replies with": self._end_replies,
            "free port": lambda it, _: it.visit_dead_socket(),
            "spoil": self._spoil,
            "mend": lambda it, _: it.wire.mend(),
            "exposure": lambda it, _: json.dumps(asdict(it.instrument.unit.stage.exposure)),
            "state": self._state,
            "ohmmeter": lambda it, _: "open" if it.instrument.unit.stage.drive is None else "conducts",
            "received": lambda it, count: json.dumps(list(it.received)[-int(count or 20) :]),
        }

    @property
    def verbs(self) -> tuple[str, ...]:
        """Return every order, without what follows it."""
        return tuple(self._verbs)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it hangs up."""
        try:
            while line := await reader.readline():
                writer.write(f"{self.do(line.decode('latin-1').strip())}\n".encode())
                await writer.drain()
        except (OSError, ValueError):
            pass  # the client is gone, or its line has no end
        finally:
            writer.close()

    def do(self, order: str) -> str:
        """Carry out one order; return ``ok``, what was asked for, or what is wrong with the order."""
        name, _, rest = order.partition(" ")
        unit = self._units.get(name)
        if unit is None:
            return f"error: no unit {name!r}; there are {', '.join(self._units)}"
        verb = next((it for it in sorted(self._verbs, key=len, reverse=True) if f"{rest} ".startswith(f"{it} ")), None)
        if verb is None:
            return f"error: nobody knows how to {rest!r}; known are {', '.join(self._verbs)}"
        try:
            return self._verbs[verb](unit, rest[len(verb) :].strip()) or "ok"
        except (ValueError, KeyError) as err:
            return f"error: {err}"

    @staticmethod
    def _end_replies(unit: SimulatedSmu, word: str) -> None:
        unit.terminator = _TERMINATORS[word.lower()]

    @staticmethod
    def _swap(unit: SimulatedSmu, model: str) -> None:
        cell = load_cell(model, seed=1)
        unit.instrument.unit.stage.touch(lambda leads: leads.swap(cell))

    @staticmethod
    def _state(unit: SimulatedSmu, _: str) -> str:
        point, it = unit.instrument.unit.point(), unit.instrument.unit
        return json.dumps({"output": it.output, "voltage_v": point.voltage_v, "current_a": point.current_a})

    @staticmethod
    def _spoil(unit: SimulatedSmu, what: str) -> None:
        """Spoil the next reply: a word of what happens, then a line's first header or ``any``, then seconds."""
        word = next((it for it in sorted(_SPOILS, key=len, reverse=True) if f"{what} ".startswith(f"{it} ")), None)
        if word is None:
            raise ValueError(f"replies are not spoiled by {what!r}; known are {', '.join(_SPOILS)}")
        command, _, seconds = what[len(word) :].strip().partition(" ")
        fits = None if command.lower() in ("", "any") else command.upper()
        unit.wire.spoil(Fault(_SPOILS[word], fits, seconds=float(seconds or 1.0), at=_HALF_AT, filler=b"\xff"))
