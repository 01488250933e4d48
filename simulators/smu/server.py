"""A simulated source meter at the end of a byte stream: over memory, TCP, or a serial line at its own speed.

The unit carries out one line at a time, whoever sent it. A line takes the time that its commands take; what comes in
meanwhile waits, but for what a 2400 hears while its trigger model works.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from simulators.cells.model import CellModel
from simulators.faults import Wire
from simulators.smu.dialects.trigger_2400 import FOREVER_S
from simulators.smu.instrument import Instrument, first_word
from simulators.smu.models import MODELS
from simulators.smu.settings import Quirks, SecondClient

_LONGEST_LINE = 2048
_OVERRUN = -363
_BITS_A_BYTE = 10
_NO_PAUSE_S = 1e-4
"""Shorter pauses of the loop's time are none: a fast clock makes most of them so short."""

_CLEARS = (0x03, 0x18)
"""Ctrl-C and Ctrl-X on a serial line end what is pending (section 4)."""


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A serial line: its speed in bits a second."""

    baud: int = 9600

    def seconds(self, count: int) -> float:
        """Return how long so many bytes take."""
        return count * _BITS_A_BYTE / self.baud


class _Cleared(Exception):
    """What is carried out was ended from outside."""


class SimulatedSmu:
    """A source meter with one cell. Its ``wire`` may be spoiled; ``instrument`` has what hands can do to it.

    ``received`` holds the latest lines that came in, so that a test can tell what a wrong device was told. Faults of
    the wire name replies by their line's first header in capitals, as it was sent: ``Fault(Spoil.SILENT, ":READ?")``.
    """

    def __init__(
        self,
        model: str,
        clock: Callable[[], float],
        cell: CellModel,
        *,
        seed: str = "1",
        quirks: Quirks | None = None,
        speed: float = 1.0,
        line: SerialLine | None = None,
        serial: str = "4000001",
    ) -> None:
        """Switch a unit on, with its ``serial`` number, at a network or at a serial ``line``.

        ``clock`` gives seconds, ``speed`` of them in one of the event loop's.
        """
        if model not in MODELS:
            raise ValueError(f"no model {model!r}; there are {', '.join(MODELS)}")
        self.instrument = Instrument(MODELS[model], clock, cell, seed, quirks, serial)
        self.quirks = self.instrument.quirks
        self.wire = Wire()
        self.received: deque[str] = deque(maxlen=10_000)
        self.terminator = self.quirks.terminator
        self._speed = speed
        self._line = line
        self._random = Random(f"{seed}/wire")
        self._turn = asyncio.Lock()
        self._pausing: asyncio.Future[None] | None = None
        self._waits_for_trigger = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._held_until_s = 0.0
        self._silence: asyncio.TimerHandle | None = None
        self._port_hangs = False
        self._swallowed: set[asyncio.StreamWriter] = set()

    def take_cell(self) -> CellModel:
        """Let a switch bring the cell to another instrument; return it as it is now."""
        stage = self.instrument.unit.stage
        stage.advance()
        cell = stage.leads.cell
        stage.touch(lambda leads: leads.take())
        return cell

    def give_cell_back(self) -> None:
        """Have the cell back from another instrument."""
        self.instrument.unit.stage.touch(lambda leads: leads.give_back())

    def catch_up(self) -> None:
        """Bring the cell to now, so that no question finds weeks to be computed."""
        self.instrument.unit.stage.advance()

    # Hands at the link -----------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """Close every connection, as a cable that is pulled out with a reset behind it."""
        for writer in tuple(self._writers):
            writer.close()

    def lose_connections(self) -> None:
        """Lose every connection without closing it: nothing comes in or goes out on it any more (half-open)."""
        self._swallowed |= self._writers

    def hold(self, seconds: float) -> None:
        """Hold all replies back from now on, as XOFF does on a serial line, for so many of the loop's seconds."""
        self._held_until_s = asyncio.get_running_loop().time() + seconds

    def visit_dead_socket(self) -> None:
        """Free the port from a client that died."""
        self._port_hangs = False

    def cut_power(self) -> None:
        """Cut the power: output off, connections lost without a word, silence."""
        self.instrument.cut_power()
        self.lose_connections()
        self._clear()

    def restore_power(self) -> None:
        """Give the power back."""
        self._port_hangs = False
        self.instrument.restore_power()

    # Serving ---------------------------------------------------------------------------------------------------

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it hangs up or a fault of the wire does; the unit goes on in its state."""
        if self._refuses():
            writer.close()
            return
        self._writers.add(writer)
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        executing = asyncio.ensure_future(self._execute(lines, writer))
        try:
            await self._receive(reader, writer, lines, executing)
            lines.put_nowait(None)
            await executing
        except OSError:
            pass  # the client is gone: a unit does not mind
        finally:
            executing.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await executing
            self._writers.discard(writer)
            self._swallowed.discard(writer)
            self._client_has_gone()
            writer.close()

    def _refuses(self) -> bool:
        # A port that holds on to a client serves one, also before it has seen that one go.
        serves_one = self.quirks.second_client is SecondClient.REFUSED or self.quirks.port_hangs_after_disconnect
        occupied = bool(self._writers - self._swallowed) and serves_one
        return self.wire.refuses or self._port_hangs or occupied or not self.instrument.unit.powered

    def _client_has_gone(self) -> None:
        self._port_hangs = self._port_hangs or (self.quirks.port_hangs_after_disconnect and not self._writers)
        if not self.quirks.output_stays_on_disconnect and self.instrument.unit.powered:
            self.instrument.unit.switch_off()

    async def _receive(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        lines: asyncio.Queue[str | None],
        executing: asyncio.Future[None],
    ) -> None:
        """Cut what comes in into lines; LF ends one, and CR on a serial line."""
        buffer = bytearray()
        while not executing.done() and (data := await reader.read(4096)):
            if writer in self._swallowed:
                continue
            if self._line is not None:
                await asyncio.sleep(self._line.seconds(len(data)))
                if any(byte in _CLEARS for byte in data):
                    while not lines.empty():
                        lines.get_nowait()
                    self._clear()
                    data = data[1 + max(data.rfind(byte) for byte in _CLEARS) :]
                    buffer.clear()
                data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            buffer += data
            while (end := buffer.find(b"\n")) >= 0:
                line = bytes(buffer[:end]).decode("latin-1").strip()
                del buffer[: end + 1]
                if line:
                    self._take(line, lines)
            if len(buffer) > _LONGEST_LINE:
                buffer.clear()
                self.instrument.unit.status.complain(_OVERRUN)

    def _take(self, line: str, lines: asyncio.Queue[str | None]) -> None:
        """Queue a line; one that ends a 2400's trigger model, or lets it go on, acts now (section 1.10)."""
        self.received.append(line)
        self._hear()
        if self._pausing is not None and self.instrument.hears_while_busy(line):
            if not line.upper().startswith("*TRG"):
                self._clear()
            elif self._waits_for_trigger:
                self._go_on()
                return
        lines.put_nowait(line)

    def _hear(self) -> None:
        """Begin the silence anew after which the output goes off."""
        if self._silence is not None:
            self._silence.cancel()
        if (silent_s := self.quirks.off_after_silence_s) is not None:
            self._silence = asyncio.get_running_loop().call_later(silent_s / self._speed, self._switch_off_unheard)

    def _switch_off_unheard(self) -> None:
        if self.instrument.unit.powered:
            self.instrument.unit.switch_off()

    def _go_on(self) -> None:
        if self._pausing is not None and not self._pausing.done():
            self._pausing.set_result(None)

    def _clear(self) -> None:
        """End what is being carried out."""
        if self._pausing is not None and not self._pausing.done():
            self._pausing.set_exception(_Cleared())

    async def _execute(self, lines: asyncio.Queue[str | None], writer: asyncio.StreamWriter) -> None:
        while (line := await lines.get()) is not None:
            late_s = self.wire.delay_of(first_word(line))
            if late_s is not None:
                asyncio.get_running_loop().call_later(late_s, self._carry_out_unasked, line)
                continue
            async with self._turn:
                answer = await self._carry_out(line)
            if answer is not None and not await self._answer(line, answer, writer):
                return

    def _is_dead(self) -> bool:
        return not self.instrument.unit.powered

    async def _carry_out(self, line: str) -> str | None:
        """Carry out a line in the unit's own time; None where there is no answer."""
        if self._is_dead():
            return None
        steps = self.instrument.run(line)
        try:
            while True:
                await self._pause(next(steps) / self._speed)
                if self._is_dead():
                    return None
        except StopIteration as end:
            answer: str | None = end.value
            return answer
        except _Cleared:
            return None
        finally:
            steps.close()

    def _carry_out_unasked(self, line: str) -> None:
        """Carry out a line that has been under way for long; nobody waits for its answer any more."""
        for _ in self.instrument.run(line) if self.instrument.unit.powered else ():
            pass

    async def _pause(self, seconds: float) -> None:
        """Let time pass; it can be cut short."""
        if seconds < _NO_PAUSE_S:
            return
        loop = asyncio.get_running_loop()
        self._pausing = loop.create_future()
        self._waits_for_trigger = seconds * self._speed >= FOREVER_S
        timer = loop.call_later(seconds, self._go_on)
        try:
            await self._pausing
        finally:
            timer.cancel()
            self._pausing = None

    async def _answer(self, line: str, answer: str, writer: asyncio.StreamWriter) -> bool:
        """Send an answer; False when the connection is to be closed."""
        await asyncio.sleep(max(0.0, self._held_until_s - asyncio.get_running_loop().time()))
        data = answer.encode("ascii") + self.terminator
        if self._line is not None:
            await asyncio.sleep(self._line.seconds(len(data)))
        if writer in self._swallowed:
            return True
        return await self.wire.send(writer, first_word(line), data, cuts=self._cuts(len(data)))

    def _cuts(self, size: int) -> list[int]:
        """Choose where an answer of so many bytes falls apart."""
        if not self.quirks.split_replies or size < 2:
            return []
        return sorted(self._random.randrange(1, size) for _ in range(self._random.randrange(1, 4)))
