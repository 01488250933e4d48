"""Makes the checks that may block on threads, each question once at a time: a share that hangs holds one thread.

These threads are daemons and belong to no pool. The end of the service waits for none of them, and what loads programs
on the pool of the loop finds it free, however many shares hang.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from orchestrator.checks import Check
from orchestrator.clock.scaled import in_loop_time
from orchestrator.preflight.common import SlowCheck
from orchestrator.preflight.daemon_threads import DaemonThreads

# How often it is looked whether anybody still waits, in seconds.
_LOOK_S = 0.25


class SlowChecks:
    """The checks of one service that ask a share, or another program. ``clock`` is in real seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[str, asyncio.Future[Check]] = {}
        self._threads = DaemonThreads()

    async def make(
        self, checks: Mapping[str, SlowCheck], within_s: float, is_over: Callable[[], bool] = lambda: False
    ) -> list[Check]:
        """Make checks, by what each asks; one that has not ended within ``within_s`` real seconds is told as late.

        Who asks what is being asked already waits for that answer. ``is_over``: nobody wants the answers any more, and
        those that are not made yet are left out.
        """
        asked, loop = [], asyncio.get_running_loop()
        for what, (check, _) in checks.items():
            before = self._asked.get(what)
            if before is None or before.done():
                before = self._asked[what] = loop.run_in_executor(self._threads, check)
            asked.append(before)
        # Shares and other programs go by no clock of ours, whatever the loop's is.
        until_s = self._clock() + within_s
        waiting = set(asked)
        while waiting and not is_over() and self._clock() < until_s:
            _, waiting = await asyncio.wait(waiting, timeout=in_loop_time(min(within_s, _LOOK_S)))
        told = [
            (found.result() if found.done() else late(within_s), found.done())
            for found, (_, late) in zip(asked, checks.values(), strict=True)
        ]
        return [check for check, is_made in told if is_made or not is_over()]
