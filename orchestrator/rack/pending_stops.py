"""Keeps the ordered stops of channels without a run over a restart, as events of the rig.

An intent belongs to a run, and what works on such a channel has none. So the order of a stop that is not confirmed is
an event with the channel and the person in its data, and so is its end: the newest of a channel says what holds.
"""

from __future__ import annotations

import json
import logging

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.store import Store, StoreError
from orchestrator.store.errors import explained

logger = logging.getLogger(__name__)

_NEWEST = """
    SELECT json_extract(data_json, '$.stop_of_channel') AS channel, json_extract(data_json, '$.pending_for'), max(id)
    FROM event WHERE run_id IS NULL AND kind = ? AND data_json IS NOT NULL
    AND json_extract(data_json, '$.stop_of_channel') IS NOT NULL GROUP BY channel
"""


class PendingStops:
    """The stops of channels without a run that a store knows to be ordered and not confirmed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Channels whose pending stop is in the store, as far as this process has written or read it.
        self._kept: set[str] = set()
        self._is_read = False

    def left_behind(self) -> dict[str, str]:
        """Return, once, the channels whose stop an earlier process left pending, with who ordered it.

        Raises StoreError; then the next call returns them.
        """
        if self._is_read:
            return {}
        with explained(self._store.path):
            rows = self._store.connection.execute(_NEWEST, (EventKind.COMMAND,)).fetchall()
        pending = {channel: by for channel, by, _ in rows if by is not None}
        self._kept, self._is_read = set(pending), True
        return pending

    def keep(self, channel: str, by: str) -> None:
        """Store that the stop of a channel is ordered and not confirmed; once is enough."""
        if channel not in self._kept:
            self._write(channel, f"the stop of channel {channel} is ordered by {by} and not confirmed yet", by)

    def drop(self, channel: str, why: str) -> None:
        """Store that a pending stop is over; nothing where none was stored."""
        if channel in self._kept:
            self._write(channel, f"the stop of channel {channel} is over: {why}", None)

    def _write(self, channel: str, message: str, by: str | None) -> None:
        """Write the event; a store that takes nothing keeps no channel under current."""
        data = json.dumps({"stop_of_channel": channel, "pending_for": by})
        try:
            self._store.add_event(None, EventKind.COMMAND, message, wall_time(), data)
        except StoreError:
            logger.exception("%s; not stored", message)
            return
        self._kept = self._kept | {channel} if by is not None else self._kept - {channel}
