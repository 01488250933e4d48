"""Asks the operating system whether something keeps the clock of this computer synchronised."""

from __future__ import annotations

import ctypes
import sys

# The kernel's answer where nothing has set the clock for a while (adjtimex(2), TIME_ERROR).
_NOT_SYNCHRONISED = 5
# ``struct timex`` has 208 bytes on 64-bit Linux; ``modes`` 0, its first field, only asks.
_TIMEX_BYTES = 512


def is_clock_synchronised() -> bool | None:
    """Return whether the clock is synchronised, as Linux's kernel knows it; None where that cannot be told."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
        answer = int(ask(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != _NOT_SYNCHRONISED
