"""Checks the audit log while the service runs: all of it at the start and once an hour, in between what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.people.audit_check import NOTHING, ChainCheck, check_file

_WHOLE_EVERY_S = 3600.0
_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Checked:
    """A check and when it was made, in Unix seconds."""

    check: ChainCheck
    at_unix_s: float


class ChainWatch:
    """The newest check of the log of a store. ``clock``: unix seconds."""

    def __init__(self, store: Path, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._looking = threading.Lock()
        self._last: Checked | None = None
        self._whole_unix_s = 0.0

    def look(self) -> Checked:
        """Return a check of some seconds ago, or a new one; on any thread. Raises FileUnusable."""
        with self._looking:
            now = self._clock()
            if self._last is not None and 0 <= now - self._last.at_unix_s < _AGAIN_S:
                return self._last
            since = NOTHING if self._last is None or not self._last.check.holds else self._last.check
            if not 0 <= now - self._whole_unix_s < _WHOLE_EVERY_S:
                since, self._whole_unix_s = NOTHING, now
            self._last = Checked(check_file(self._store, since=since), now)
            return self._last
