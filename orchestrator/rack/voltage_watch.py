"""Watches the voltage of channels at rest for some seconds before a start, each in a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester
from orchestrator.checks import Check, CheckName, not_asked, postponed
from orchestrator.judging.steadiness import LEAST_READINGS, Reading, steadiness_check

logger = logging.getLogger(__name__)

FRESH_S = 60.0
"""So long the answer of a watch holds for those who ask beforehand; before a start it is always made anew."""
_LEAST_PERIOD_S = 1.0
# A watch that is too short for the readings it needs goes on for so many of them more, and then they are missing.
_MOST_MISSED = 2


def duration_s(tester: BatteryTester, watch_s: float) -> float:
    """Return how long a watch of ``watch_s`` takes where a tester's live values are renewed too seldom for it."""
    return max(watch_s, (LEAST_READINGS - 1) * _period_s(tester))


def _period_s(tester: BatteryTester) -> float:
    return max(tester.traits.refresh_s, _LEAST_PERIOD_S)


@dataclass(slots=True)
class _Watch:
    """One watch: its readings so far, and the task that takes them."""

    began_s: float
    readings: list[Reading] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    ended_s: float | None = None


async def watched(
    tester: BatteryTester, channel: str, watch_s: float, into: list[Reading], is_over: Callable[[], bool]
) -> None:
    """Read a channel's live voltage for ``watch_s``, one reading a refresh; ends early when ``is_over``.

    While there are too few readings to judge it goes on for a little longer.
    """
    loop, period_s = asyncio.get_running_loop(), _period_s(tester)
    until_s = loop.time() + duration_s(tester, watch_s)
    latest_s = until_s + _MOST_MISSED * period_s
    while not is_over():
        try:
            status = (await tester.status([channel]))[channel]
            if not status.state.is_at_rest:
                return
            into.append(Reading(loop.time(), status.voltage_v))
        except DriverError as err:
            logger.info("%s: a reading of %s is missing: %s", tester.name, channel, err)
        if loop.time() >= (until_s if len(into) >= LEAST_READINGS else latest_s):
            return
        await asyncio.sleep(period_s)


class VoltageWatches:
    """The watches of one service, one a channel; ``watch_s`` 0: none is made."""

    def __init__(self, watch_s: float) -> None:
        self.watch_s = watch_s
        self._watches: dict[str, _Watch] = {}

    def ask(self, tester: BatteryTester, channel: str, *, is_symmetric: bool) -> tuple[Check, float]:
        """Return what the watch of a channel has shown, and the seconds that it still takes; begins one if need be."""
        if not self.watch_s:
            return self.switched_off(), 0.0
        now_s = asyncio.get_running_loop().time()
        watch = self._watches.get(channel)
        if watch is None or (watch.ended_s is not None and now_s - watch.ended_s > FRESH_S):
            watch = self._watches[channel] = _Watch(now_s)
            watch.task = asyncio.create_task(self._watch(tester, channel, watch), name=f"watch voltage of {channel}")
        if watch.ended_s is None:
            left_s = max(1.0, watch.began_s + duration_s(tester, self.watch_s) - now_s)
            return postponed(CheckName.STEADY, f"the voltage is being watched, for another {left_s:.0f} s"), left_s
        return steadiness_check(watch.readings, is_symmetric=is_symmetric), 0.0

    async def before_start(
        self, tester: BatteryTester, channel: str, is_called_off: Callable[[], bool], *, is_symmetric: bool
    ) -> Check:
        """Watch a channel that is about to start, and judge it; a stop that waits for the start ends the watch."""
        if not self.watch_s:
            return self.switched_off()
        readings: list[Reading] = []
        await watched(tester, channel, self.watch_s, readings, is_called_off)
        return steadiness_check(readings, is_symmetric=is_symmetric)

    def not_now(self, why: str) -> Check:
        """Say why the voltage is not watched beforehand, where it is before a start."""
        return postponed(CheckName.STEADY, why) if self.watch_s else self.switched_off()

    def switched_off(self) -> Check:
        """Say that no voltage is watched, and how it would be."""
        off = "the voltage is not watched before a start"
        return not_asked(CheckName.STEADY, off, "write [preflight] watch_s = 30 into the bench file to watch it")

    async def _watch(self, tester: BatteryTester, channel: str, watch: _Watch) -> None:
        try:
            await watched(tester, channel, self.watch_s, watch.readings, lambda: False)
        finally:
            watch.ended_s = asyncio.get_running_loop().time()

    async def end(self) -> None:
        """End all watches."""
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None and not watch.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
