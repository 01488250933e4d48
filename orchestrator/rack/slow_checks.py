"""Makes the checks that may block on threads, each question once at a time: a share that hangs holds one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from orchestrator.checks import Check
from orchestrator.clock.scaled import in_loop_time
from orchestrator.preflight.common import SlowCheck


class SlowChecks:
    """The checks of one service that ask a share, or another program."""

    def __init__(self) -> None:
        self._asked: dict[str, asyncio.Future[Check]] = {}

    async def make(self, checks: Mapping[str, SlowCheck], within_s: float) -> list[Check]:
        """Make checks, by what each asks; one that has not ended within ``within_s`` real seconds is told as late.

        Who asks what is being asked already waits for that answer.
        """
        asked = []
        for what, (check, _) in checks.items():
            before = self._asked.get(what)
            if before is None or before.done():
                before = self._asked[what] = asyncio.ensure_future(asyncio.to_thread(check))
            asked.append(before)
        await asyncio.wait(asked, timeout=in_loop_time(within_s))
        told = zip(asked, checks.values(), strict=True)
        return [found.result() if found.done() else late(within_s) for found, (_, late) in told]
