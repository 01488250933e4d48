"""One Modbus request and its reply as bytes: pymodbus makes and reads the frames, this module says which one answers.

A serial frame bears no number, and pymodbus takes any valid frame of the unit for the answer. Here a reply must have
the request's function, as many registers as were asked for, or the written value; other bytes are counted, so that
noise, an echo and a second master are told apart (reference smu-and-ovens, sections 18 and 24).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.diag_message import ReturnQueryDataRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.errors import BadReply, NoReply, Refused

logger = logging.getLogger(__name__)

_CAP_BYTES = 1024
_SHORTEST_FRAME = 5
_MOST_SHOWN = 24

_WORDS = {
    1: "it has no such function",
    2: "it has no such register",
    3: "it does not take that value, or that many registers",
    4: "it could not do that now",
    5: "it is still at it",
    6: "it is busy",
    10: "the gateway has no way to it",
    11: "the gateway gets no answer from it",
}
NO_REGISTER = 2
_GATEWAY = frozenset({10, 11})


class RefusedByUnit(Refused):
    """The unit answered with an exception, and changed nothing. ``code`` is its number."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a unit: ``count`` registers from ``address`` by ``function``, or ``values`` written there.

    Function 8 sends back its one value.
    """

    unit: int
    function: int
    address: int = 0
    count: int = 0
    values: tuple[int, ...] = ()

    @property
    def is_write(self) -> bool:
        """Whether the request changes something."""
        return self.function in {6, 16}

    def __str__(self) -> str:
        """Name the request for errors."""
        if self.function == 8:
            return f"unit {self.unit}: loop back"
        what = f"write {self.values}" if self.is_write else f"read {self.count}"
        return f"unit {self.unit}: {what} at {self.address} (0x{self.address:04X})"

    def pdu(self, transaction: int = 0) -> ModbusPDU:
        """Return the request as pymodbus knows it."""
        unit, values = self.unit, list(self.values)
        match self.function:
            case 3:
                return ReadHoldingRegistersRequest(unit, transaction, self.address, self.count)
            case 4:
                return ReadInputRegistersRequest(unit, transaction, self.address, self.count)
            case 6:
                return WriteSingleRegisterRequest(unit, transaction, self.address, registers=values)
            case 8:
                return ReturnQueryDataRequest(values[0].to_bytes(2, "big"), unit, transaction)
            case _:
                return WriteMultipleRegistersRequest(unit, transaction, self.address, registers=values)

    def registers_of(self, reply: ModbusPDU) -> tuple[int, ...] | None:
        """Return the registers that a reply holds; None where it answers something else."""
        if reply.function_code != self.function:
            return None
        if self.function == 8:
            sent = self.values[0].to_bytes(2, "big")
            return self.values if getattr(reply, "message", b"") == sent else None
        if self.function == 6:
            echo = (reply.address, *reply.registers)
            return self.values if echo == (self.address, *self.values) else None
        if self.function == 16:
            return self.values if (reply.address, reply.count) == (self.address, len(self.values)) else None
        return tuple(reply.registers) if len(reply.registers) == self.count else None


class Exchange:
    """One request on its way. ``feed`` takes what is received and returns the registers once the reply is there."""

    data: bytes

    def __init__(self, request: Request) -> None:
        self.request = request
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[int, ...] | None:
        """Add received bytes; return the reply's registers when it is complete, else None.

        Raises RefusedByUnit when it is an exception, NoReply when it is a gateway's, BadReply when too much came.
        """
        self._buffer += data
        if len(self._buffer) > _CAP_BYTES:
            raise BadReply(f"{self.request}: over {_CAP_BYTES} bytes came, and no reply is among them")
        return self._reply()

    def _reply(self) -> tuple[int, ...] | None:
        raise NotImplementedError

    @property
    def unread(self) -> str:
        """Return the bytes that came instead of a reply, for an error; empty when there were none."""
        shown = bytes(self._buffer[:_MOST_SHOWN]).hex(" ")
        return f"{shown} ..." if len(self._buffer) > _MOST_SHOWN else shown

    def _answer(self, reply: ModbusPDU) -> tuple[int, ...] | None:
        if isinstance(reply, ExceptionResponse):
            code = int(reply.exception_code)
            if reply.function_code & 0x7F != self.request.function:
                return None
            words = f"{self.request}: exception {code}, {_WORDS.get(code, 'which no table explains')}"
            if code in _GATEWAY:
                raise NoReply(words)
            raise RefusedByUnit(words, code)
        return self.request.registers_of(reply)


class RtuExchange(Exchange):
    """A request on a serial line. ``echo``: the line gives back what was sent, before the reply.

    A line that turns round may add ``noise`` bytes to a frame; more are somebody else's words.
    """

    def __init__(self, request: Request, *, echo: bool, noise: int = 3) -> None:
        super().__init__(request)
        self._noise = noise
        self._framer = FramerRTU(DecodePDU(False))
        self.data = self._framer.buildFrame(request.pdu())
        self._echo = self.data if echo else b""

    def _reply(self) -> tuple[int, ...] | None:
        if self._echo:
            if not self._echo.startswith(self._buffer[: len(self._echo)]):
                raise BadReply(
                    f"{self.request}: the line gave back {self.unread} for {self.data.hex(' ')}: either it does not "
                    "echo (echo = false), or another master speaks on it"
                )
            if len(self._buffer) < len(self._echo):
                return None
            del self._buffer[: len(self._echo)]
            self._echo = b""
        # The reply to a write, or to function 8, has the very bytes of the request.
        if not self.request.is_write and self.request.function != 8 and self.data in self._buffer:
            raise BadReply(
                f"{self.request}: the line gives back what is sent: set echo = true for it, or take another master "
                "that asks the same off it"
            )
        frames = list(self._frames())
        answers = [(start, end, registers) for start, end, registers in frames if registers is not None]
        if not answers:
            return None
        start, end, registers = answers[0]
        others = start + len(self._buffer) - end
        if others > self._noise:
            raise BadReply(
                f"{self.request}: {others} bytes beside the reply, {self.unread}: another master speaks on this line, "
                "or two units have one number"
            )
        return registers

    def _frames(self) -> Iterator[tuple[int, int, tuple[int, ...] | None]]:
        """Yield each whole frame of the unit: its begin, its end, and its registers if it answers."""
        wanted = {self.request.function, self.request.function | 0x80}
        for start in range(len(self._buffer) - _SHORTEST_FRAME + 1):
            if self._buffer[start] != self.request.unit or self._buffer[start + 1] not in wanted:
                continue
            tail = bytes(self._buffer[start:])
            # The end is found by length: pymodbus takes all that is there for one frame.
            kind = self._framer.decoder.lookupPduClass(tail)
            size = kind.calculateRtuFrameSize(tail) if kind is not None else 0
            if not 0 < size <= len(tail):
                continue
            try:
                _, reply = self._framer.handleFrame(tail[:size], self.request.unit, 0)
            except ModbusException as err:
                logger.debug("%s: %s", self.request, err)
                continue
            if reply is not None:
                yield start, start + size, self._answer(reply)


class TcpExchange(Exchange):
    """A request in Modbus TCP, whose number its reply bears; replies with other numbers are dropped."""

    _numbers = itertools.count()

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._framer = FramerSocket(DecodePDU(False))
        self._number = next(self._numbers) % 0xFFFF + 1
        self.data = self._framer.buildFrame(request.pdu(self._number))

    def _reply(self) -> tuple[int, ...] | None:
        while len(self._buffer) >= FramerSocket.MIN_SIZE:
            number, protocol, length = (int.from_bytes(self._buffer[at : at + 2], "big") for at in (0, 2, 4))
            if protocol != 0 or not 2 <= length <= 254:
                raise BadReply(f"{self.request}: {self.unread} is no Modbus TCP: is another service at this port?")
            if len(self._buffer) < 6 + length:
                return None
            frame = bytes(self._buffer[: 6 + length])
            del self._buffer[: 6 + length]
            if number != self._number:
                logger.warning("%s: dropped a reply to another request, %s", self.request, frame.hex(" "))
                continue
            if frame[6] != self.request.unit:
                raise BadReply(f"{self.request}: unit {frame[6]} answers")
            try:
                _, reply = self._framer.handleFrame(frame, self.request.unit, self._number)
            except ModbusException as err:
                raise BadReply(f"{self.request}: {frame.hex(' ')} cannot be read: {err}") from err
            registers = None if reply is None else self._answer(reply)
            if registers is None:
                raise BadReply(f"{self.request}: {frame.hex(' ')} answers something else")
            return registers
        return None
