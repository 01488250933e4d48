"""A thermometer that sends lines of text, as a ``TemperatureProbe``.

Lines bear no number: after a fault the line is closed, opened and drained before it is believed again, and what had
arrived before it was asked for is dropped, since nobody knows how old it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply
from drivers.temperatures import TemperatureReading
from drivers.thermometer.settings import ThermometerSettings
from drivers.thermometer.text import LineReader
from drivers.transport.candidates import first_answering
from drivers.transport.identity import is_identity
from drivers.transport.line import Line, Lines
from drivers.transport.line_framer import LineFramer
from drivers.transport.pauses import Pauses
from drivers.transport.port_finding import ports_of

T = TypeVar("T")

_MOST_SHOWN = 80
_SECOND_ANSWER_S = 0.05
"""So long a second answer is waited for: a line of 48 characters at 9600 baud."""
_MOST_OTHER_LINES = 32
"""A heading, a remark and an echo may come before a line of numbers; more of them is another instrument."""


class LineThermometer:
    """A thermometer on a serial line, with one or several sensors.

    ::

        thermometer = LineThermometer(settings, wall_time)
        await thermometer.open()
        readings = await thermometer.read()     # {"21-1-1": TemperatureReading(...), ...}
    """

    def __init__(self, settings: ThermometerSettings, clock: Callable[[], float], lines: Lines | None = None) -> None:
        self.name = settings.name
        self._settings = settings
        self._clock = clock
        self._lines = lines or ports_of(settings)
        self._reader = LineReader(settings)
        self._lock = asyncio.Lock()
        self._line: Line | None = None
        self._framer = LineFramer()
        # False until the end of a line was seen: the first may be a part of one.
        self._is_in_step = False
        self._has_failed = False
        self._pauses = Pauses(settings.reconnect_first_s, settings.reconnect_longest_s)

    def places(self) -> tuple[str, ...]:
        """Return the places that the settings name."""
        return tuple(self._settings.places)

    async def open(self) -> None:
        """Connect, and see that the right instrument answers. Raises ConnectionFailed."""
        async with self._lock:
            await self._connect(at_once=True)

    async def close(self) -> None:
        """Drop the connection."""
        async with self._lock:
            await self._drop()

    async def read(self) -> dict[str, TemperatureReading]:
        """Measure every place. Raises ConnectionFailed: at once while an instrument that failed is left alone."""
        async with self._lock:
            line = await self._connect(at_once=False)
            try:
                fields = await self._fields(line)
            except BaseException as err:
                await self._drop()
                self._has_failed = True
                if isinstance(err, ConnectionFailed):
                    self._pauses.failed(err)
                raise
            return self._reader.readings(fields, self._clock())

    async def _connect(self, *, at_once: bool) -> Line:
        if self._line is not None:
            return self._line
        if not at_once:
            self._pauses.check()
        try:
            self._line = await first_answering(await self._lines(), self._greet)
        except ConnectionFailed as err:
            self._pauses.failed(err)
            raise
        self._pauses.answered()
        self._has_failed = False
        return self._line

    async def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def _greet(self, line: Line) -> None:
        """Open a line and see that its lines of text are those of the settings."""
        timeout_s = self._settings.reply_timeout_s
        self._framer, self._is_in_step = LineFramer(), False
        try:
            async with asyncio.timeout(timeout_s):
                await line.open()
        except TimeoutError as err:
            raise NoReply(f"{line.name} did not open within {timeout_s:g} s") from err
        # What was on its way when the line was closed arrives meanwhile, and is dropped by the next question.
        await asyncio.sleep(self._settings.boot_s + (timeout_s if self._has_failed else 0.0))
        if self._settings.identify:
            answer = await self._answer(line, self._settings.identify, self._identity)
            if not is_identity(answer, self._settings.identity):
                raise ConnectionFailed(
                    f"{self.name}: {line.name} answers as {answer!r}, not as {self._settings.identity!r}: check "
                    "which adapter is plugged in where, and `identity` in the bench file"
                )
        await self._fields(line)

    def _identity(self, text: bytes) -> str | None:
        """Return a line as an identity; None for a line of numbers, which some send all the time."""
        return text.decode("ascii") if self._reader.fields(text) is None else None

    async def _fields(self, line: Line) -> dict[str, str]:
        """Return the next line of numbers, as text by sensor."""
        return await self._answer(line, self._settings.request, self._reader.fields)

    async def _answer(self, line: Line, request: str, read: Callable[[bytes], T | None]) -> T:
        """Send a request, or wait for what is sent unasked; return the first line that ``read`` makes something of.

        Where one request has two answers, one is an earlier request's, and nobody knows which. Raises BadReply.
        """
        timeout_s, others, last = self._settings.reply_timeout_s, 0, b""
        try:
            async with asyncio.timeout(timeout_s):
                self._cut(await line.discard())
                if request:
                    self._framer, self._is_in_step = LineFramer(), True
                    await line.write((request + self._settings.line_end).encode("ascii"))
                while True:
                    texts = self._cut(await line.read())
                    for at, text in enumerate(texts, 1):
                        if (found := read(text)) is not None:
                            if request:
                                await self._see_no_second(line, texts[at:], read)
                            return found
                        others, last = others + 1, text
                    if others > _MOST_OTHER_LINES:
                        raise BadReply(_other_form(self.name, line, last))
        except TimeoutError as err:
            if others:
                raise BadReply(_other_form(self.name, line, last)) from err
            raise NoReply(f"{self.name}: {line.name} sent no line of numbers within {timeout_s:g} s") from err
        except OSError as err:
            raise LinkClosed(f"{self.name}: the line to {line.name} broke: {err}") from err

    async def _see_no_second(self, line: Line, texts: list[bytes], read: Callable[[bytes], object]) -> None:
        """Wait for a moment, and see that no second answer comes."""
        await asyncio.sleep(_SECOND_ANSWER_S)
        texts = [*texts, *self._cut(await line.discard())]
        if second := next((text for text in texts if read(text) is not None), None):
            raise BadReply(
                f"{self.name}: {line.name} sent {second[:_MOST_SHOWN]!r} as a second answer to one request: a reply "
                "came too late (raise reply_timeout_s), or another program asks it too"
            )

    def _cut(self, data: bytes) -> list[bytes]:
        """Return the lines that bytes complete; without the first after opening, whose begin nobody has seen."""
        texts = self._framer.feed(data)
        if not self._is_in_step and texts:
            self._is_in_step = True
            return texts[1:]
        return texts


def _other_form(name: str, line: Line, last: bytes) -> str:
    """Return the sentence on an instrument whose lines are not those of the settings."""
    return (
        f"{name}: {line.name} sends {last[:_MOST_SHOWN]!r}, in which pattern or columns of the bench file find no "
        "temperature: check them, and which adapter is plugged in where"
    )
