"""A source meter as a ``Source``: its orders, each confirmed by reading back, and its readings.

The output is in one of three conditions for this driver: off, on with what was prepared, or on for another reason;
in the last nothing is changed, and ``read`` says only that it is on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from drivers.errors import BadReply, ConnectionFailed, DriverError, NotConfirmed, OutcomeUnknown, Refused
from drivers.interfaces import HostLoss
from drivers.smu.dead_man import DeadMan
from drivers.smu.dialects import DIALECTS
from drivers.smu.links import Link
from drivers.smu.orders import Orders
from drivers.smu.planning import Plan, changed
from drivers.smu.session import OtherInstrument, Session
from drivers.smu.settings import LATE_S, SmuUnitSettings
from drivers.smu.switching_off import ASK_OUTPUT, OUTPUT_SETTLES_S, OffLadder
from drivers.smu.wire import ErrorEntry, event_flags, filled, measured, parts, switch
from drivers.sources import Drive, Held, SourceReading

logger = logging.getLogger(__name__)

T = TypeVar("T")

_POWERED_UP = 1 << 7
"""The bit of the standard event register that tells of a power cut (section 11)."""
_LOOK_EVERY_S = 5.0
"""How often level and limit are read again under a cell: somebody may turn a knob (fault B03)."""
_LONGER = 1.5
"""A reading is lost when it is ``LATE_S`` late, and so much longer than planned: within the usual second in which a
decision is lost there is time for a second one (section 12)."""


class SmuSource:
    """One output of a source meter with one cell at it.

    ``decision_timeout_s``: after a due call is so late, the output is switched off by the driver itself.
    """

    def __init__(self, settings: SmuUnitSettings, link: Link, decision_timeout_s: float) -> None:
        self.name = f"{settings.model} {settings.channel}"
        self._settings = settings
        self._dialect = DIALECTS[settings.model]
        self._session = session = Session(settings, self._dialect.asks_language, link)
        self._orders = orders = Orders(self.name, session)
        self._ladder = OffLadder(session, orders, self._dialect, settings.reply_timeout_s, self._forget)
        self._decision_timeout_s = decision_timeout_s
        self._dead_man = DeadMan(self.name, self.switch_off, self._ladder.shout)
        self._lock = asyncio.Lock()
        self._plan: Plan | None = None
        self._words: dict[str, str] = {}
        self._reading = ""
        self._interval_s = 0.0
        # The connection whose instrument has been looked at: a new one may have another state.
        self._looked_at = 0
        self._is_on = False
        self._changed_by_others = ""
        self._errors: list[ErrorEntry] = []
        self._look_due_s = 0.0

    def host_loss(self, drive: Drive) -> HostLoss:
        """Return what the cell sees when this computer dies under an order."""
        return self._settings.host_loss_of(drive)

    async def open(self) -> None:
        """Connect, identify, and look: an output that is on is left alone, one that is off is disconnected."""
        async with self._turn():
            await self._twice(self._ready)

    async def close(self) -> None:
        """Drop the connection and leave the output as it is."""
        self._dead_man.close()
        async with self._lock:
            await self._session.drop()

    async def prepare(self, drive: Drive, interval_s: float) -> None:
        """Set everything while the output is off, read it back, and empty the error queue."""
        plan = self._settings.reach.plan(drive, interval_s)
        async with self._turn():
            await self._twice(partial(self._prepare, plan))
            self._interval_s = interval_s

    async def _prepare(self, plan: Plan) -> None:
        await self._ready()
        if switch(await self._session.ask(ASK_OUTPUT)):
            raise NotConfirmed(f"{self.name}: its output is on, and nothing is set under a cell: switch it off first")
        self._note(await self._session.errors())
        self._plan, self._changed_by_others = None, ""
        words = plan.words()
        settings = (*self._dialect.off_states, *self._dialect.setup)
        await self._orders.give([filled(setting.order, words) for setting in settings])
        await self._orders.refuse_errors("what was set")
        await self._orders.read_back(settings, words)
        self._plan, self._words = plan, words
        self._reading = filled(self._dialect.reading, words)

    async def switch_on(self) -> None:
        """Read limit and off state back, switch the output on, and confirm it."""
        async with self._turn():
            await self._twice(self._see_prepared)
            self._dead_man.arm(self._decision_timeout_s + self._interval_s, by_thread=self._session.link.keeps_time)
            try:
                answer = await self._session.ask(
                    f":OUTP ON;{ASK_OUTPUT}", max(OUTPUT_SETTLES_S, self._settings.reply_timeout_s)
                )
                self._is_on = switch(answer)
            except ConnectionFailed as err:
                await self._find_out("switched on", err)
            errors = await self._session.errors()
            if not self._is_on or errors:
                self._note(errors)
                why = "; ".join(map(str, errors)) or "no error is reported"
                raise (Refused if errors else NotConfirmed)(f"{self.name} was to be switched on: {why}")
            self._look_due_s = asyncio.get_running_loop().time() + _LOOK_EVERY_S

    async def _see_prepared(self) -> None:
        await self._ready()
        self._prepared()
        dialect = self._dialect
        await self._orders.read_back((*dialect.off_states, dialect.function, dialect.level, dialect.limit), self._words)

    async def ask(self, *lines: str) -> str:
        """Send lines that no run sends, while the output is off, and return the answer to the last one.

        For a commissioning, which learns what documents leave open. Raises NotConfirmed with the output on.
        """
        async with self._turn():
            await self._ready()
            if switch(await self._session.ask(ASK_OUTPUT)):
                raise NotConfirmed(f"{self.name}: its output is on, and nothing but a reading is asked of it then")
            for line in lines[:-1]:
                await self._session.link.send(line, self._settings.reply_timeout_s)
            return await self._session.ask(lines[-1])

    async def adjust(self, drive: Drive) -> None:
        """Change level and limit in the ranges that are set, the smaller limit first, and read both back."""
        async with self._turn():
            await self._ready()
            before = self._prepared()
            plan = changed(before, drive)
            words, level, limit = plan.words(), self._dialect.level, self._dialect.limit
            order = (limit, level) if drive.limit <= before.drive.limit else (level, limit)
            lines = [filled(setting.order, words) for setting in order]
            asked = [filled(setting.ask, words) for setting in (level, limit)]
            self._plan, self._words = plan, words
            try:
                answer = await self._session.ask(";".join([*lines, *asked, ASK_OUTPUT]))
            except ConnectionFailed as err:
                await self._find_out("changed", err)
                return
            *found, output = parts(answer, 3)
            self._orders.compare(zip((level, limit), found, strict=True), words)
            await self._orders.refuse_errors(" and ".join(lines))
            self._is_on = switch(output)

    async def switch_off(self) -> None:
        """Switch the output off and see it off, with more force at each of three attempts. Raises NotConfirmed."""
        async with self._turn():
            await self._ladder.climb(self.name)
            self._is_on, self._changed_by_others = False, ""
            self._dead_man.disarm()

    def _forget(self) -> None:
        self._plan = None

    async def read(self) -> SourceReading:
        """Measure; a reading whose reply is spoiled is asked for once more, on a new connection.

        Raises NotConfirmed when somebody else has changed level, limit or function under the cell.
        """
        async with self._turn():
            return await self._twice(self._read)

    async def _read(self) -> SourceReading:
        await self._ready()
        if self._changed_by_others:
            raise NotConfirmed(self._changed_by_others)
        if not self._is_on or self._plan is None:
            self._is_on = switch(await self._session.ask(ASK_OUTPUT))
            return SourceReading(None, None, False, self._is_on)
        reading = await self._measure(self._plan)
        now_s = asyncio.get_running_loop().time()
        if reading.output_on and now_s >= self._look_due_s:
            self._look_due_s = now_s + _LOOK_EVERY_S
            await self._look_for_changes()
            if self._changed_by_others:
                raise NotConfirmed(self._changed_by_others)
        return reading

    async def _measure(self, plan: Plan) -> SourceReading:
        timeout_s = LATE_S * max(1.0, self._settings.reply_timeout_s) + _LONGER * plan.integration.reading_s
        text = await self._session.ask(self._reading, timeout_s)
        found = measured(text, self._dialect.values, self._dialect.has_trip, plan.drive.held is Held.VOLTAGE)
        self._is_on = found.output_on
        if not found.output_on:
            self._dead_man.disarm()
        return SourceReading(found.voltage_v, found.current_a, found.at_limit, found.output_on)

    # Connections -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One call at a time; each is a sign of life, at its begin and at its end."""
        async with self._lock:
            self._dead_man.word()
            try:
                yield
            except BadReply:
                # It was a whole line, and the answer to something else.
                self._session.spoil()
                raise
            finally:
                self._dead_man.word()

    async def _twice(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do once more, on a new connection, what orders nothing under a cell. Raises ConnectionFailed."""
        try:
            return await work()
        except OtherInstrument:
            raise
        except ConnectionFailed as err:
            logger.info("%s: asked again: %s", self.name, err)
            self._session.spoil()
        return await work()

    async def _ready(self) -> None:
        """Connect where the line is spoiled, and look at an instrument that was connected anew."""
        await self._session.connect()
        if self._looked_at != self._session.connects:
            await self._look_around()
            self._looked_at = self._session.connects

    async def _look_around(self) -> None:
        """Read errors, output and, under a cell, level and limit before anything else is said (section 25)."""
        session = self._session
        self._note(await session.errors())
        was_cut = bool(event_flags(await session.ask("*ESR?")) & _POWERED_UP)
        self._is_on = switch(await session.ask(ASK_OUTPUT))
        if was_cut and self._plan is not None:
            logger.error("%s has lost its power since it was last asked: nothing is prepared any more", self.name)
            self._plan = None
        if self._is_on:
            await self._look_for_changes()
            return
        # A power cut brings the power-on setup back, which may drain the cell (section 14).
        await self._orders.disconnect_cell(self._dialect.off_states)

    async def _look_for_changes(self) -> None:
        if self._plan is None:
            return
        try:
            await self._orders.read_back(
                (self._dialect.function, self._dialect.level, self._dialect.limit), self._words
            )
        except NotConfirmed as err:
            self._changed_by_others = f"{err}: somebody has changed it, or another program"

    async def _find_out(self, what: str, err: ConnectionFailed) -> None:
        """After a lost reply to an order, read what the instrument does. Raises NotConfirmed, OutcomeUnknown."""
        try:
            await self._ready()
        except DriverError as why:
            raise OutcomeUnknown(f"{self.name} was to be {what}; {err}; it cannot be asked: {why}") from err
        if self._changed_by_others or not self._is_on:
            said = "; ".join(map(str, self._errors))
            seen = self._changed_by_others or "its output is off"
            raise NotConfirmed(f"{self.name} was to be {what}; {err}; {seen}{'; ' if said else ''}{said}") from err

    def _prepared(self) -> Plan:
        if self._plan is None:
            raise NotConfirmed(f"{self.name}: nothing is prepared, or its power was cut since: prepare it again")
        return self._plan

    def _note(self, errors: list[ErrorEntry]) -> None:
        self._errors = errors
        if errors:
            logger.warning("%s had errors: %s", self.name, "; ".join(map(str, errors)))
