"""Reports to systemd that the service is alive.

Alive means that every tester's loop goes on, not that this process exists: one that hangs is restarted. systemd and the
lock's file are told in real time, however fast the loop's time runs.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence

from orchestrator.api.system_notice import notify
from orchestrator.clock.scaled import in_loop_time
from orchestrator.rack.supervisor import Supervisor

logger = logging.getLogger(__name__)

_BEAT_S = 5.0


class TickWatch:
    """Finds testers whose polling has stopped for too long."""

    def __init__(self, supervisors: Sequence[Supervisor], patience_s: float, now_s: float) -> None:
        self._supervisors = supervisors
        self._patience_s = patience_s
        self._seen = {supervisor.tester.name: (supervisor.ticks, now_s) for supervisor in supervisors}

    def stalled(self, now_s: float) -> list[str]:
        """Return the testers whose tick counter has not advanced."""
        for supervisor in self._supervisors:
            name = supervisor.tester.name
            if self._seen[name][0] != supervisor.ticks:
                self._seen[name] = (supervisor.ticks, now_s)
        return [name for name, (_, since_s) in self._seen.items() if now_s - since_s > self._patience_s]


async def keep_alive(
    supervisors: Sequence[Supervisor], beat: Callable[[], None], tell: Callable[[str], None] = notify
) -> None:
    """Update the store's lock file and (``tell``) systemd's watchdog regularly, as long as every loop advances."""
    loop = asyncio.get_running_loop()
    patience_s = int(os.environ.get("WATCHDOG_USEC", "600000000")) / 1e6 / 2
    watch = TickWatch(supervisors, in_loop_time(patience_s), loop.time())
    complained: list[str] = []
    while True:
        beat()
        stalled = watch.stalled(loop.time())
        if not stalled:
            tell("WATCHDOG=1")
        elif stalled != complained:
            logger.error("no poll of %s for %.0f s: the watchdog is fed no more", ", ".join(stalled), patience_s)
        complained = stalled
        await asyncio.sleep(in_loop_time(min(_BEAT_S, patience_s / 2)))
