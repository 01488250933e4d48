"""Leaves an instrument that failed alone for a while, longer after each failure, so that it holds up no other."""

from __future__ import annotations

import asyncio

from drivers.errors import ConnectionFailed, NoReply


class Pauses:
    """The pauses of one instrument: ``first_s`` after its first failure, then twice that, up to ``longest_s``."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0
        self._not_before_s = -1e9
        self._error = ""

    @property
    def has_failed(self) -> bool:
        """Whether the instrument has not answered since it failed."""
        return self._failures > 0

    def check(self) -> None:
        """Raise NoReply, with the words of the failure, while the instrument is left alone."""
        if (wait_s := self._not_before_s - asyncio.get_running_loop().time()) > 0:
            raise NoReply(f"{self._error}; it is asked again in {wait_s:.0f} s")

    def failed(self, err: ConnectionFailed) -> None:
        """Begin a pause."""
        wait_s = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._not_before_s = asyncio.get_running_loop().time() + wait_s
        self._failures += 1
        self._error = str(err)

    def answered(self) -> None:
        """Forget all failures: the instrument answers."""
        self._failures, self._not_before_s = 0, -1e9
