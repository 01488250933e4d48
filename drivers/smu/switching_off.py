"""Switches the output of a source meter off, with more force at each of three attempts, and sees it off."""

from __future__ import annotations

from collections.abc import Callable

from drivers.errors import DriverError, NotConfirmed
from drivers.smu.dialects import Dialect
from drivers.smu.orders import Orders
from drivers.smu.session import OtherInstrument, Session
from drivers.smu.wire import switch

ASK_OUTPUT = ":OUTP?"
OFF = ":OUTP OFF"
OUTPUT_SETTLES_S = 1.0
"""How long an output may take to go on or off before it answers."""
_RESET_S = 10.0
"""A reset takes up to two seconds on some (section 12)."""


class OffLadder:
    """Three attempts at an output, which end when it is seen off.

    Plainly; on a new connection that was freed, with what is measured aborted (section 1.10); by a reset, which is
    announced to ``forget``: no setting is left after it. No reply is waited for less than ``reply_timeout_s``.
    """

    def __init__(
        self, session: Session, orders: Orders, dialect: Dialect, reply_timeout_s: float, forget: Callable[[], None]
    ) -> None:
        self._session, self._orders, self._dialect = session, orders, dialect
        self._reply_timeout_s, self._forget = reply_timeout_s, forget

    async def climb(self, name: str) -> None:
        """Switch off, and see it. Raises NotConfirmed with what each attempt met.

        A connection whose replies are lost may still carry an order: it is used once more before it is given up.
        """
        problems: list[str] = []
        if not self._session.is_whole and self._session.link.is_bound:
            self.shout()
        for attempt in (self._plainly, self._freed, self._by_reset):
            try:
                await attempt()
            except OtherInstrument as err:
                problems.append(str(err))
                break
            except DriverError as err:
                self._session.spoil()
                problems.append(str(err))
            else:
                return
        raise NotConfirmed(f"{name}: its output was not seen off: {'; '.join(dict.fromkeys(problems))}")

    def shout(self) -> None:
        """Send the order to the right instrument at once, from any thread, without waiting for a reply."""
        if self._session.can_shout:
            self._session.link.shout(OFF)

    async def _plainly(self) -> None:
        await self._session.connect()
        await self._see_off(OFF)

    async def _freed(self) -> None:
        await self._session.connect(clear=True)
        await self._see_off(f"{self._dialect.abort};{OFF}")

    async def _by_reset(self) -> None:
        await self._session.connect(clear=True)
        self._forget()
        await self._see_off(self._dialect.reset, _RESET_S)

    async def _see_off(self, line: str, timeout_s: float = OUTPUT_SETTLES_S) -> None:
        answer = await self._session.ask(f"{line};{ASK_OUTPUT}", max(timeout_s, self._reply_timeout_s))
        if switch(answer):
            raise NotConfirmed(f"{self._session.link.name} answers that its output is still on")
        try:
            await self._orders.read_back(self._dialect.off_states, {})
        except NotConfirmed:
            # It was switched off and on since, or somebody has changed what off means.
            await self._orders.disconnect_cell(self._dialect.off_states)
