"""The commands of a simulated switch: SCPI headers in short and long form, channel lists, and an error queue."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from itertools import product

from simulators.mux.relays import Relays

_QUEUE_LENGTH = 16
_NO_ERROR = (0, "No error")
_TEXTS = {
    -102: "Syntax error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -222: "Data out of range",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
}
_CHANNEL_LIST = re.compile(r"\(@([0-9,: ]+)\)")


class Complaint(Exception):
    """A command that cannot be carried out; the number goes into the error queue."""

    def __init__(self, number: int) -> None:
        """Carry the SCPI error number."""
        super().__init__(_TEXTS[number])
        self.number = number


def _spellings(header: str) -> list[str]:
    """Return every way to write a header: in ``ROUTe:CLOSe?`` each word may be written short (capitals) or whole."""
    query = "?" if header.endswith("?") else ""
    words = [
        {word.upper(), "".join(letter for letter in word if not letter.islower())}
        for word in header.removesuffix("?").split(":")
    ]
    return [":".join(choice) + query for choice in product(*words)]


class Interpreter:
    """Carries out one program message after another on the relays."""

    def __init__(self, relays: Relays, identity: str) -> None:
        """Answer to ``*IDN?`` with ``identity``."""
        self.identity = identity
        self._relays = relays
        self._errors: deque[tuple[int, str]] = deque()
        table: dict[str, Callable[[str], str | None]] = {
            "*IDN?": lambda _: self.identity,
            "*OPC?": lambda _: "1",
            "*CLS": self._clear,
            "*RST": self._open_all,
            "ROUTe:OPEN:ALL": self._open_all,
            "ROUTe:OPEN": lambda argument: self._relays.open(self._ports(argument)),
            "ROUTe:CLOSe": lambda argument: self._relays.close(self._ports(argument)),
            "ROUTe:CLOSe?": self._closed,
            "SYSTem:ERRor?": self._next_error,
            "SYSTem:ERRor:NEXT?": self._next_error,
        }
        self._table = {spelling: action for header, action in table.items() for spelling in _spellings(header)}

    def run(self, message: str) -> str | None:
        """Carry out a message of commands apart by ``;`` and return the answers, if there are any, joined likewise."""
        answers = []
        for unit in message.split(";"):
            header, _, argument = unit.strip().partition(" ")
            if not header:
                continue
            try:
                action = self._table.get(header.removeprefix(":").upper())
                if action is None:
                    raise Complaint(-113)
                answer = action(argument.strip())
            except Complaint as complaint:
                self.complain(complaint.number)
            else:
                answers += [answer] if answer is not None else []
        return ";".join(answers) if answers else None

    def complain(self, number: int) -> None:
        """Put an error into the queue; a full queue ends with its overflow."""
        if len(self._errors) >= _QUEUE_LENGTH:
            self._errors.pop()
            number = -350
        self._errors.append((number, _TEXTS[number]))

    def _clear(self, argument: str) -> None:
        self._nothing_after(argument)
        self._errors.clear()

    def _open_all(self, argument: str) -> None:
        self._nothing_after(argument)
        self._relays.open_all()

    def _closed(self, argument: str) -> str:
        if argument:
            closed = self._relays.closed
            return ",".join("1" if port in closed else "0" for port in self._ports(argument))
        return f"(@{','.join(map(str, self._relays.closed))})"

    def _next_error(self, argument: str) -> str:
        self._nothing_after(argument)
        number, text = self._errors.popleft() if self._errors else _NO_ERROR
        return f'{number},"{text}"'

    @staticmethod
    def _nothing_after(argument: str) -> None:
        if argument:
            raise Complaint(-108)

    def _ports(self, argument: str) -> list[int]:
        """Read a channel list such as ``(@1,3:5)``; nothing is switched when any of it is wrong."""
        if not argument:
            raise Complaint(-109)
        listed = _CHANNEL_LIST.fullmatch(argument)
        if listed is None:
            raise Complaint(-102)
        ports: list[int] = []
        for part in listed[1].split(","):
            ends = [end.strip() for end in part.split(":")]
            if len(ends) > 2 or not all(end.isdigit() and len(end) < 6 for end in ends):
                raise Complaint(-102)
            first, last = int(ends[0]), int(ends[-1])
            if not 1 <= first <= last <= self._relays.ports:
                raise Complaint(-222)
            ports += range(first, last + 1)
        return ports
