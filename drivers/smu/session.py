"""The conversation with one source meter: one question at a time, its identity first, and the rule after a fault.

After a time-out, a cancelled call or a reply of another shape the line is spoiled: the tail of that reply would be the
next one, without an error (decision 32). Another is opened, and asked who is there before anything else is sent. The
spoiled one is kept until that has succeeded, since an order to switch off may still go through it (decision 38).
"""

from __future__ import annotations

import asyncio
import logging
import re

from drivers.errors import BadReply, ConnectionFailed, LinkClosed, NoReply
from drivers.smu.links import Link, Unreachable
from drivers.smu.settings import SmuUnitSettings
from drivers.smu.wire import ErrorEntry, error_entry, identity

logger = logging.getLogger(__name__)

_MOST_ERRORS = 32
"""More entries than an error queue has: an instrument that always has another is not answering the question."""


class OtherInstrument(ConnectionFailed):
    """Another instrument than the one of the settings has answered; it was told nothing."""


class Session:
    """Asks one source meter, of which it knows that it is the right one.

    ``connects`` counts connections: who remembers the number sees that there was a new one in between.
    """

    def __init__(self, settings: SmuUnitSettings, language: bool, link: Link) -> None:
        self.connects = 0
        self.link = link
        self._settings = settings
        self._asks_language = language
        self._is_whole = False
        self._is_identified = False

    @property
    def is_whole(self) -> bool:
        """Whether question and answer are in step."""
        return self._is_whole

    @property
    def is_identified(self) -> bool:
        """Whether the line is open, and the right instrument has answered on it since it was opened."""
        return self._is_identified

    async def connect(self, *, clear: bool = False) -> None:
        """Open a spoiled or closed line anew and identify the instrument. Raises ConnectionFailed, SettingsError.

        ``clear`` frees an instrument that takes no commands, not even the question who it is, before it is asked.
        """
        if self._is_whole and not clear:
            return
        if self._is_identified and self.link.is_bound:
            await self.link.set_aside()
        self._is_whole = self._is_identified = False
        remedies = [self._let_in, self._freed]
        while True:
            try:
                await self._connect(clear=clear)
            except OtherInstrument:
                raise
            except ConnectionFailed as err:
                while remedies and not await remedies[0](err):
                    del remedies[0]
                if not remedies:
                    raise
                del remedies[0]
            else:
                return

    async def _let_in(self, err: ConnectionFailed) -> bool:
        """Give up what was set aside, where it may be why no other is let in; return whether there was one."""
        is_refused = isinstance(err, LinkClosed | Unreachable)
        if not (is_refused and self.link.has_aside):
            return False
        await self.link.let_go()
        return True

    async def _freed(self, _: ConnectionFailed) -> bool:
        return await self.link.free()

    async def _connect(self, *, clear: bool) -> None:
        await self.link.close()
        timeout_s = self._settings.connect_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self.link.open()
        except TimeoutError as err:
            await self.link.close()
            raise NoReply(f"{self.link.name} did not open within {timeout_s:g} s") from err
        try:
            if clear:
                await self.link.clear()
            await self._identify()
        except BaseException:
            await self.link.close()
            raise
        await self.link.let_go()
        self._is_whole = self._is_identified = True
        self.connects += 1

    async def drop(self) -> None:
        """Close the line, so that the next use opens it anew."""
        self._is_whole = self._is_identified = False
        await self.link.let_go()
        await self.link.close()

    @property
    def can_shout(self) -> bool:
        """Whether an order sent without a question reaches the right instrument."""
        return self._is_identified or self.link.has_aside

    async def ask(self, line: str, timeout_s: float | None = None) -> str:
        """Send a line and return its answer; without a whole one the line is spoiled. Raises ConnectionFailed."""
        self._is_whole = False
        wait_s = timeout_s or self._settings.reply_timeout_s
        text = await (self.link.ask(line, wait_s) if self._settings.joins_answers else self._one_by_one(line, wait_s))
        self._is_whole = True
        return text

    async def _one_by_one(self, line: str, timeout_s: float) -> str:
        """Send the parts of a line in lines of their own, and join their answers."""
        answers: list[str] = []
        for part in line.split(";"):
            if "?" in part:
                answers.append(await self.link.ask(part, timeout_s))
            else:
                await self.link.send(part, timeout_s)
        return ";".join(answers)

    def spoil(self) -> None:
        """Note that question and answer are out of step."""
        self._is_whole = False

    async def errors(self) -> list[ErrorEntry]:
        """Read the error queue until it is empty. Raises ConnectionFailed."""
        found: list[ErrorEntry] = []
        while True:
            entry = error_entry(await self.ask(":SYST:ERR?"))
            if entry.code == 0:
                return found
            found.append(entry)
            if len(found) > _MOST_ERRORS:
                raise BadReply(f"{self.link.name} has over {_MOST_ERRORS} errors; the last was {entry}")

    async def _identify(self) -> None:
        """Ask who is there, and say nothing else to another instrument (fault A02)."""
        settings = self._settings
        text = await self.link.ask("*IDN?", settings.reply_timeout_s)
        if settings.idn_pattern:
            is_right = re.search(settings.idn_pattern, text) is not None
            wanted = f"something like {settings.idn_pattern!r}"
        else:
            try:
                who = identity(text)
                is_right = (who.type_name, who.serial) == (settings.facts.type_name, settings.serial)
            except BadReply:
                is_right = False
            wanted = f"a {settings.facts.type_name} with serial number {settings.serial}"
        if not is_right:
            raise OtherInstrument(
                f"{self.link.name} answers as {text!r}, expected {wanted}; it was told nothing else: check which "
                "instrument is where, and `model` and `serial` in the bench file"
            )
        if self._asks_language:
            spoken = (await self.link.ask("*LANG?", settings.reply_timeout_s)).strip('"').upper()
            if spoken != "SCPI":
                raise ConnectionFailed(
                    f"{self.link.name} speaks {spoken}: choose SCPI in its menu (System, Settings, Command Set) and "
                    "switch it off and on"
                )
