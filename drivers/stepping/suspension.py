"""How long this computer has slept: a clock that stands still meanwhile, as an event loop's does, cannot tell."""

from __future__ import annotations

import time


def slept_s() -> float:
    """Return for how many seconds the computer has been suspended since it was started.

    Zero where the system does not tell, or where its steady clock goes on meanwhile: there a decision is seen to be
    late.
    """
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC))
