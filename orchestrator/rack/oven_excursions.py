"""Writes the time spans in which runs were not at their temperature, as deviations of each run."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from orchestrator.runs.run import Run
from orchestrator.store import DeviationCategory, Store, StoreError

logger = logging.getLogger(__name__)

_KIND = DeviationCategory.TEMPERATURE_EXCURSION


class Excursions:
    """The open deviations of one oven's runs. What the store does not take is written after the next reading."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, int] = {}

    def note(self, live: Sequence[Run], effect: str, now_unix_s: float) -> None:
        """Open a deviation for each run that goes on, or close it where there is no ``effect`` or no current."""
        affected = {run.run_id for run in live} if effect else set()
        try:
            for run_id in affected - self._open.keys():
                self._open[run_id] = self._left(run_id) or self._store.add_deviation(
                    run_id, _KIND, now_unix_s, None, effect
                )
            for run_id in self._open.keys() - affected:
                self._store.end_deviation(self._open[run_id], now_unix_s)
                del self._open[run_id]
        except StoreError as err:
            logger.error("deviations of temperature cannot be stored: %s", err)

    def _left(self, run_id: str) -> int | None:
        """Return the deviation that a process before this one has left open."""
        rows = [row.id for row in self._store.deviations(run_id) if row.category is _KIND and row.ended_unix_s is None]
        return rows[-1] if rows else None
