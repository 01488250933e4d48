"""Instruments that fail at one very moment, which no spoiled wire can hit: what a test tells them is said in verbs.

A fault acts on the driver's own methods, by name: ``tester.faults.fail("records", BadReply("garbled"))``.
Faults of one method act one inside the other, the newest outermost; ``mend`` takes all of them away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from drivers.errors import NoReply, OutcomeUnknown
from drivers.interfaces import ChannelStatus, ExecutedStep, LoadedProgram, Sample, TestIdentity
from drivers.mux import RelayMultiplexer
from drivers.neware.aux_thermometer import NewareTesterWithAux
from protocols.program import CyclingSegment

T = TypeVar("T")
Args = tuple[Any, ...]
Call = Callable[[], Awaitable[Any]]
Around = Callable[[Call, Args], Awaitable[Any]]


class Faults:
    """What is to go wrong with an instrument's methods; without a word of a test, nothing."""

    def __init__(self) -> None:
        self._around: dict[str, list[Around]] = {}

    async def call(self, method: str, real: Callable[..., Awaitable[T]], *args: Any) -> T:  # noqa: ANN401 - as the method's
        """Call a method through its faults."""

        async def proceed() -> Any:  # noqa: ANN401 - as the method's
            return await real(*args)

        whole: Call = proceed
        for around in self._around.get(method, []):
            whole = _wrapped(around, whole, args)
        result: T = await whole()
        return result

    def mend(self) -> None:
        """Take all faults away; a call under way keeps its own."""
        self._around.clear()

    def fail(self, method: str, error: BaseException, only: Callable[..., bool] = lambda *_: True) -> None:
        """Raise in place of each call, or of those whose arguments fit."""

        async def around(proceed: Call, args: Args) -> object:
            if not only(*args):
                return await proceed()
            raise error

        self._add(method, around)

    def silence(self, after_s: float = 0.0) -> None:
        """Let the instrument answer no question about its channels, each after so many seconds."""

        async def around(_: Call, __: Args) -> object:
            await asyncio.sleep(after_s)
            raise NoReply("silent")

        self._add("status", around)

    def lose_reply(self, method: str, number: int = 1, then: Callable[[], None] = lambda: None) -> None:
        """Let the call with this number happen, and its reply be lost; ``then`` is done at that moment."""
        calls = 0

        async def around(proceed: Call, _: Args) -> object:
            nonlocal calls
            calls += 1
            result = await proceed()
            if calls != number:
                return result
            then()
            raise OutcomeUnknown("the reply is lost")

        self._add(method, around)

    def delay(self, method: str, before_s: float = 0.0, after_s: float = 0.0) -> None:
        """Let each call begin, and its reply come, so much later."""

        async def around(proceed: Call, _: Args) -> object:
            await asyncio.sleep(before_s)
            result = await proceed()
            await asyncio.sleep(after_s)
            return result

        self._add(method, around)

    def answer(self, method: str, result: object) -> None:
        """Give this in place of what the instrument would say."""

        async def around(_: Call, __: Args) -> object:
            return result

        self._add(method, around)

    def change(self, method: str, into: Callable[[Any], object]) -> None:
        """Give what this makes of each reply."""

        async def around(proceed: Call, _: Args) -> object:
            return into(await proceed())

        self._add(method, around)

    def before(self, method: str, does: Callable[..., object]) -> None:
        """Do something with the arguments of each call before it begins."""

        async def around(proceed: Call, args: Args) -> object:
            does(*args)
            return await proceed()

        self._add(method, around)

    def after(self, method: str, does: Callable[[], object]) -> None:
        """Do something when a call has succeeded, before its caller knows."""

        async def around(proceed: Call, _: Args) -> object:
            result = await proceed()
            does()
            return result

        self._add(method, around)

    def _add(self, method: str, around: Around) -> None:
        self._around.setdefault(method, []).append(around)


def _wrapped(around: Around, inner: Call, args: Args) -> Call:
    async def call() -> object:
        return await around(inner, args)

    return call


class SpoiledTester(NewareTesterWithAux):
    """The CT-4008's driver with faults of a test's choice."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the driver's
        super().__init__(*args, **named)
        self.faults = Faults()

    async def status(self, channels: Sequence[str]) -> dict[str, ChannelStatus]:
        """Ask, through the faults."""
        return await self.faults.call("status", super().status, channels)

    async def load(self, channel: str, segment: CyclingSegment, label: str) -> LoadedProgram:
        """Load, through the faults."""
        return await self.faults.call("load", super().load, channel, segment, label)

    async def step_log(self, identity: TestIdentity) -> list[ExecutedStep]:
        """Read the step log, through the faults."""
        return await self.faults.call("step_log", super().step_log, identity)

    async def start(self, program: LoadedProgram, barcode: str) -> TestIdentity:
        """Start, through the faults."""
        return await self.faults.call("start", super().start, program, barcode)

    async def stop(self, identity: TestIdentity) -> None:
        """Stop, through the faults."""
        await self.faults.call("stop", super().stop, identity)

    async def records(self, identity: TestIdentity, last: Sample | None, count: int) -> list[Sample]:
        """Fetch, through the faults."""
        return await self.faults.call("records", super().records, identity, last, count)

    async def record_count(self, identity: TestIdentity) -> int:
        """Count, through the faults."""
        return await self.faults.call("record_count", super().record_count, identity)


class SpoiledSwitch(RelayMultiplexer):
    """The relays' driver with faults of a test's choice."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the driver's
        super().__init__(*args, **named)
        self.faults = Faults()

    async def select(self, port: int | None) -> None:
        """Select, through the faults."""
        await self.faults.call("select", super().select, port)
