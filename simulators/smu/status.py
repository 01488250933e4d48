"""The status of a unit: its error queue and its registers (reference smu-and-ovens, section 11)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import IntFlag

_QUEUE_LENGTH = 10

ERROR_TEXTS = {
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -285: "TSP Syntax error",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    701: "Invalid in RS-232: ASCII data only",
    802: "OUTPUT blocked by output enable",
    803: "Not permitted with OUTPUT off",
    810: "Over-temperature, output blocked",
    822: "Too small for sense range",
    824: "Cannot exceed compliance range",
    826: "Attempt to exceed power limit",
    828: "Command not allowed on 1A range",
    1133: "Element not allowed in this format",
    5074: "Output voltage limited by interlock",
}
"""Error numbers of the three makes with their texts; the texts of -285, 701 and 5074 are ours."""


class Complaint(Exception):
    """A command that a unit does not carry out; the number goes into its error queue."""

    def __init__(self, number: int) -> None:
        super().__init__(ERROR_TEXTS[number])
        self.number = number


class StandardEvent(IntFlag):
    """The bits of the standard event register."""

    OPERATION_COMPLETE = 1
    QUERY_ERROR = 4
    DEVICE_ERROR = 8
    EXECUTION_ERROR = 16
    COMMAND_ERROR = 32
    USER_REQUEST = 64
    POWER_ON = 128


class Measurement(IntFlag):
    """The bits of a 2400's measurement register that this unit sets."""

    READING_AVAILABLE = 1 << 6
    OVERFLOW = 1 << 7
    BUFFER_AVAILABLE = 1 << 8
    BUFFER_FULL = 1 << 9
    OUTPUT_ENABLE = 1 << 11
    OVER_TEMPERATURE = 1 << 12
    OVER_VOLTAGE = 1 << 13
    COMPLIANCE = 1 << 14


class Register:
    """A condition register with its events, which stay until they are read, and its enable mask."""

    def __init__(self, summary: int, condition: int = 0) -> None:
        """``summary`` is its bit in the status byte, ``condition`` what is true at first."""
        self.summary, self.condition = summary, condition
        self.event = self.enable = 0

    def set(self, bits: int, *, on: bool) -> None:
        """Let conditions be true or false; those that become true are events."""
        if on:
            self.event |= bits & ~self.condition
            self.condition |= bits
        else:
            self.condition &= ~bits

    def read_event(self) -> int:
        """Return the events and forget them."""
        event, self.event = self.event, 0
        return event


class Status:
    """Error queue, standard event register and the three registers of conditions of one unit."""

    def __init__(self, write_error: Callable[[int, str], str], idle: int) -> None:
        """``write_error`` makes the answer of one entry of the queue; ``idle`` are a unit's operation bits at rest."""
        self._write_error = write_error
        self._idle = idle
        self.errors: deque[int] = deque()
        self.standard_event = StandardEvent(0)
        self.standard_enable = self.service_enable = 0
        self.measurement, self.questionable, self.operation = Register(1), Register(8), Register(128, idle)

    def power_on(self) -> None:
        """Forget everything but that the power has come on."""
        self.errors.clear()
        self.standard_event = StandardEvent.POWER_ON
        self.standard_enable = self.service_enable = 0
        self.measurement, self.questionable = Register(1), Register(8)
        self.operation = Register(128, self._idle)

    def complain(self, number: int) -> None:
        """Put an error into the queue; in a full one the last entry becomes -350."""
        if len(self.errors) >= _QUEUE_LENGTH:
            self.errors[-1] = -350
        else:
            self.errors.append(number)
        if -200 < number <= -100:
            self.standard_event |= StandardEvent.COMMAND_ERROR
        elif -300 < number <= -200 or number > 0:
            self.standard_event |= StandardEvent.EXECUTION_ERROR
        elif -400 < number <= -300:
            self.standard_event |= StandardEvent.DEVICE_ERROR
        else:
            self.standard_event |= StandardEvent.QUERY_ERROR

    def next_error(self) -> str:
        """Return the oldest entry of the queue and remove it."""
        return self._written(self.errors.popleft() if self.errors else 0)

    def all_errors(self) -> str:
        """Return all entries of the queue and empty it."""
        entries = [self._written(number) for number in self.errors] or [self._written(0)]
        self.errors.clear()
        return ",".join(entries)

    def _written(self, number: int) -> str:
        return self._write_error(number, ERROR_TEXTS.get(number, "No error"))

    def read_standard_event(self) -> int:
        """Return the standard events and forget them."""
        event, self.standard_event = self.standard_event, StandardEvent(0)
        return int(event)

    def clear(self) -> None:
        """Do as ``*CLS``: empty the queue and forget all events; what is enabled stays."""
        self.errors.clear()
        self.standard_event = StandardEvent(0)
        for register in (self.measurement, self.questionable, self.operation):
            register.event = 0

    def preset(self) -> None:
        """Do as ``:STAT:PRES``: nothing of the three registers is summed up any more."""
        for register in (self.measurement, self.questionable, self.operation):
            register.enable = 0

    def byte(self, *, answer_waits: bool = False) -> int:
        """Return the status byte: sums of registers, error queue (4), answer waiting (16), standard event (32)."""
        value = 4 if self.errors else 0
        for register in (self.measurement, self.questionable, self.operation):
            value |= register.summary if register.event & register.enable else 0
        value |= 16 if answer_waits else 0
        value |= 32 if self.standard_event & self.standard_enable else 0
        return value | (64 if value & self.service_enable else 0)
