"""The times of log lines. A module of its own: most commands log nothing, and loading ``logging`` takes a while."""

from __future__ import annotations

import logging

from orchestrator.clock.local_time import local_time


class LocalTimeFormatter(logging.Formatter):
    """Writes log lines whose ``asctime`` is in the same form as all times for people."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - its name there
        """Return when a line was logged, to the second."""
        return local_time(record.created, seconds=True)
