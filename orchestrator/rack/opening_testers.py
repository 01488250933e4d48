"""Opens the testers of a service, each until it answers, and refuses one that another entry leads to as well."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from drivers.errors import DriverError
from orchestrator.bench.double_entries import double_entry
from orchestrator.clock.scaled import in_loop_time

if TYPE_CHECKING:
    from drivers.interfaces import BatteryTester
    from orchestrator.rack.supervisor import Supervisor

logger = logging.getLogger(__name__)

_RETRY_S = 5.0
_RETRY_MAX_S = 60.0


class TesterOpening:
    """The testers of a service that are open, and the sentences on those that are refused."""

    def __init__(self) -> None:
        self._open: list[BatteryTester] = []
        self._refused: dict[str, str] = {}

    @property
    def troubles(self) -> list[str]:
        """Sentences on the testers that are refused."""
        return list(self._refused.values())

    async def open(self, supervisor: Supervisor) -> None:
        """Open a tester, and try again until it answers and is nobody else's: it may be switched on later."""
        tester, delay_s = supervisor.tester, _RETRY_S
        while True:
            try:
                if not tester.channels():
                    await tester.open()
                if not await self._is_refused(tester):
                    self._open.append(tester)
                    return
            except DriverError as err:
                logger.warning("%s cannot be opened yet: %s", tester.name, err)
            supervisor.ticks += 1
            await asyncio.sleep(in_loop_time(delay_s))
            delay_s = min(2 * delay_s, _RETRY_MAX_S)

    async def _is_refused(self, tester: BatteryTester) -> bool:
        """Close a tester that has channels of an open one; the one that was open first goes on with its runs."""
        why = double_entry(tester, self._open)
        if not why:
            self._refused.pop(tester.name, None)
            return False
        if self._refused.get(tester.name) != why:
            logger.error("%s is refused: %s", tester.name, why)
        self._refused[tester.name] = f"{tester.name} is refused, and nothing is done through it: {why}"
        await tester.close()
        return True
