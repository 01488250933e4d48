"""A shift: three people, a rack of eight channels and the service that dies and comes back, in virtual time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.bench import SimulatedBench
from simulators.cells import load_cell
from simulators.neware.settings import Quirks
from tests.chaos.night import InlineLoop
from tests.orders import people
from tests.orders.book import Book
from tests.orders.lives import Life, Reply
from tests.orders.plan import CHANNELS, Order, pick
from tests.orders.recipes import CELL_OF, KIND_OF, schedule
from tests.orders.truth import Broken, Truth

# After the last order: late starts arrive, and the rack is stopped.
_MORNING_S = 900.0


@dataclass(slots=True)
class Outcome:
    """What a shift has come to: how often each kind was ordered and taken, and what was broken, if anything."""

    ordered: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    tests: int = 0
    slowest_stop_s: float = 0.0
    broken: str = ""
    last: int = 0
    wall_s: float = 0.0
    story: list[str] = field(default_factory=list)


class Shift:
    """Everything that an order may touch."""

    def __init__(self, folder: Path, outcome: Outcome) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, InlineLoop)
        self.outcome = outcome
        cells = {name: load_cell(CELL_OF[KIND_OF[name]], seed=n) for n, name in enumerate(CHANNELS)}
        self.bench = SimulatedBench(
            loop.time, loop.epoch_unix_s, 1, cells, seed=1, negative_voltage=True, quirks=Quirks(reply_delay_s=0.1)
        )
        self.book = Book(loop.time)
        self.truth = Truth(self.bench, self.book, KIND_OF)
        ratings = self.bench.tester.units[0].ratings
        self.by_hand = {kind: schedule(kind, ratings) for kind in CELL_OF}
        self.life: Life | None = None
        self.late_starts = 0
        self._folder = folder

    # The service

    def start(self) -> None:
        """Start the service unless it is up."""
        if self.life is None:
            self.life = Life(self.bench, self._folder, self.book.hear, self.book.sent)
            self.book.claims.clear()
        self.truth.served(self.life)

    async def restart(self, away_s: float, *, kills: bool) -> None:
        """End the service and start it again later; nothing to do while it is away already."""
        life, self.life = self.life, None
        if life is None:
            return
        self.truth.served(None)
        if kills:
            life.kill()
        else:
            await life.end()
        await asyncio.sleep(away_s)
        self.start()

    async def ask(self, it: Order, method: str, path: str, body: object = None) -> Reply | None:
        """Ask the service in an order's course, and keep what it said; None while it is away."""
        if self.life is None:
            return None
        reply = await self.life.ask(method, path, body)
        if method != "GET":
            said = "no answer: the service has died" if reply is None else f"{reply.status}: {_told(reply)}"
            self.tell(f"{it.number}. {method} {path}: {said}")
            self.outcome.said[f"{it.kind}: {reply.status if reply else 'no answer'}"] += 1
            if reply is not None and "stop" in path:
                self.outcome.slowest_stop_s = max(self.outcome.slowest_stop_s, reply.took_s)
        if reply is not None and reply.status >= 500:
            raise Broken(f"{it}: {reply.body}")
        return reply

    def cell_name(self, channel: str) -> str:
        """Give the name on the cell that is in a holder now."""
        return f"cell-{self.book.cell(channel, self.book.now_s())}"

    def tell(self, what: str) -> None:
        """Keep a line of the story."""
        self.outcome.story.append(f"{self.book.now_s():9.1f} s  {what}")

    async def row(self, it: Order, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any] | None:
        """Look at the status for a channel that fits: the order's own, or one by luck."""
        status = await self.ask(it, "GET", "/status")
        rows = [row for row in status.body["channels"] if wanted(row)] if status is not None else []
        own = [row for row in rows if row["channel"] == it.channel]
        return own[0] if own else pick(rows, it.luck) if rows else None

    # The people

    async def work(self, orders: Sequence[Order]) -> None:
        """Let people give their orders, and look after each."""
        self.start()
        try:
            async with asyncio.TaskGroup() as group:
                for it in orders:
                    await asyncio.sleep(it.after_s)
                    self.outcome.last = it.number
                    await self.look(it)
                    group.create_task(self.give(it), name=it.name)
            await self._morning(orders[-1])
        finally:
            if self.life is not None:
                self.life.kill()

    async def give(self, it: Order) -> None:
        """Let an order be given."""
        self.outcome.ordered[it.kind] += 1
        await people.TABLE[it.kind](self, it)

    async def look(self, it: Order) -> None:
        """Check everything that needs no waiting."""
        if self.life is not None and self.life.task.done():
            self.life.task.result()
            raise Broken("the service has ended by itself")
        self.truth.look()
        self.late_starts *= bool(self.bench.wire.is_spoiled)
        status = await self.ask(it, "GET", "/status")
        if status is not None:
            self.truth.check_shown(status.body)

    async def _morning(self, it: Order) -> None:
        self.bench.wire.mend()
        self.start()
        await asyncio.sleep(_MORNING_S)
        await self.look(it)
        await people.stop_rack(self, it)
        await asyncio.sleep(_MORNING_S)
        await self.look(it)
        self.truth.end()
        self.outcome.tests = sum(len(channel.tests) for channel in self.bench.tester.channels.values())


def _told(reply: Reply) -> str:
    if isinstance(reply.body, list):
        return "; ".join(str(row["words"]) for row in reply.body)
    return reply.error or str(reply.body.get("words") or reply.body.get("state"))


def play(orders: Sequence[Order]) -> Outcome:
    """Work through a shift's orders, all of them or those that shrinking has left."""
    outcome = Outcome()
    began_s = time.perf_counter()

    async def main(folder: Path) -> None:
        try:
            await Shift(folder, outcome).work(orders)
        except* Broken as broken:
            outcome.broken = str(_first(broken))

    with tempfile.TemporaryDirectory(prefix="orders-") as folder, asyncio.Runner(loop_factory=InlineLoop) as runner:
        runner.run(main(Path(folder)))
    outcome.wall_s = time.perf_counter() - began_s
    return outcome


def _first(err: BaseException) -> BaseException:
    return _first(err.exceptions[0]) if isinstance(err, BaseExceptionGroup) else err
