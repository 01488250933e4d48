"""Orders to one source meter, each waited for, and settings read back and compared with what was ordered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivers.errors import ConnectionFailed, NotConfirmed, Refused
from drivers.smu.dialects import Setting
from drivers.smu.session import Session
from drivers.smu.wire import differs, filled, parts

_AT_ONCE = 3
"""So many settings go into one line: a 2400 holds few commands (section 5)."""


class Orders:
    """Gives orders in a session and compares answers; ``name`` is that of the source in its errors."""

    def __init__(self, name: str, session: Session) -> None:
        self._name, self._session = name, session

    async def give(self, orders: Sequence[str]) -> None:
        """Send orders, few in a line, and wait until they are done. Raises Refused when one is not understood."""
        for first in range(0, len(orders), _AT_ONCE):
            await self._give(";".join(orders[first : first + _AT_ONCE]))

    async def _give(self, line: str) -> None:
        try:
            await self._session.ask(f"{line};*OPC?")
        except ConnectionFailed as err:
            # What follows an order that is not understood is not answered: the error queue says so, after the fault.
            await self._session.connect()
            if errors := await self._session.errors():
                raise Refused(f"{self._name} refuses {line!r}: {'; '.join(map(str, errors))}") from err
            raise

    async def refuse_errors(self, what: str) -> None:
        """Read the error queue. Raises Refused when there is anything in it."""
        if errors := await self._session.errors():
            raise Refused(f"{self._name} refuses {what}: {'; '.join(map(str, errors))}")

    async def read_back(self, settings: Sequence[Setting], words: dict[str, str]) -> None:
        """Ask for settings and compare them. Raises NotConfirmed on any difference, BadReply."""
        asked = [setting for setting in settings if setting.ask]
        for first in range(0, len(asked), _AT_ONCE):
            group = asked[first : first + _AT_ONCE]
            answer = await self._session.ask(";".join(filled(setting.ask, words) for setting in group))
            self.compare(zip(group, parts(answer, len(group)), strict=True), words)

    def compare(self, answers: Iterable[tuple[Setting, str]], words: dict[str, str]) -> None:
        """Compare answers with what was ordered. Raises NotConfirmed on any difference, BadReply."""
        for setting, answer in answers:
            if differs(setting, words, answer):
                told = f"{self._name} answers {filled(setting.ask, words)} with {answer!r}, ordered was "
                told += filled(setting.wanted, words)
                if setting.key:
                    told += f" by the setting {setting.key} of the bench file: set it to what is true here"
                raise NotConfirmed(told)

    async def disconnect_cell(self, off_states: Sequence[Setting]) -> None:
        """Set high impedance as the off state, which acts at once on an output that is off."""
        await self.give([setting.order for setting in off_states])
        await self.refuse_errors("high impedance as its off state")
        await self.read_back(off_states, {})
