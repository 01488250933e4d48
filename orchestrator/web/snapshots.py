"""Control's answers to questions on live state, kept for half a second: all clients together ask twice a second.

A client sees its own order at once: what was asked before an order went to control is not given after it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.web.control_link import ControlLink
from orchestrator.web.loopback_client import Answer

# How old an answer may be, in seconds. Polls of testers are seconds apart; a person sees no difference.
MAX_AGE_S = 0.5
# More than a rack has channels.
_MOST = 256


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    asked_s: float
    generation: int


class Snapshots:
    """The latest answers of control, by target."""

    def __init__(self, link: ControlLink, max_age_s: float = MAX_AGE_S) -> None:
        self._link = link
        self._max_age_s = max_age_s
        self._generation = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._asking: dict[str, tuple[int, asyncio.Task[Answer]]] = {}

    def spoil(self) -> None:
        """Give nothing any more that was asked before now."""
        self._generation += 1

    async def get(self, target: str, waits: Callable[[], None] = lambda: None) -> Answer:
        """Return the answer to ``GET target``, of now or of half a second ago. Raises ControlSilent.

        ``waits`` is called before control has to be waited for.
        """
        kept = self._kept.get(target)
        if kept is not None and self._is_fresh(kept):
            return kept.answer
        generation, asking = self._asking.get(target, (-1, None))
        if asking is None or generation != self._generation:
            asking = asyncio.ensure_future(self._ask(target, self._generation))
            self._asking[target] = self._generation, asking
        waits()
        # Whoever gives up waiting does not end the question of the others.
        return await asyncio.shield(asking)

    def _is_fresh(self, kept: _Kept) -> bool:
        age_s = asyncio.get_running_loop().time() - kept.asked_s
        return kept.generation == self._generation and age_s <= self._max_age_s

    async def _ask(self, target: str, generation: int) -> Answer:
        asked_s = asyncio.get_running_loop().time()
        try:
            answer = await self._link.ask("GET", target)
        finally:
            if self._asking.get(target, (-1, None))[0] == generation:
                del self._asking[target]
        if generation == self._generation:
            self._kept[target] = _Kept(answer, asked_s, generation)
            self._kept.move_to_end(target)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return answer
