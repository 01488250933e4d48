"""Lets a program that has been told to end do so: one Ctrl-C ends it in order, further ones break nothing off."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def ended_in_order(main: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that ``asyncio.run`` cancels at Ctrl-C, and let no further one keep it from its end.

    By itself ``asyncio.run`` breaks off at the second, and at the third what its tasks still do: an output that is
    being switched off stays on, an oven hot. Every wait in there has an end of its own.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        return await main
    is_ending = False

    def interrupt(kind: int, frame: FrameType | None) -> None:
        nonlocal is_ending
        if is_ending:
            logger.error("it is ending: what is on is being switched off, and that is waited for")
            return
        is_ending = True
        before(kind, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        return await main
    finally:
        signal.signal(signal.SIGINT, before)
