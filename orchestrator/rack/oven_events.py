"""Writes what happens to one oven as events of the store, each with the name of the oven."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.store import Store, StoreError

logger = logging.getLogger(__name__)


class OvenEvents:
    """The events of one oven."""

    def __init__(self, oven: str, store: Store) -> None:
        self._oven = oven
        self._store = store

    def tell(self, kind: EventKind, message: str, data: Mapping[str, object] | None = None) -> None:
        """Store an event; one that cannot be stored is logged."""
        logger.info("%s", message)
        try:
            self._store.add_event(None, kind, message, wall_time(), json.dumps({"oven": self._oven, **(data or {})}))
        except StoreError as err:
            # A full disk keeps no cell under current: what follows of it is done all the same.
            logger.error("%s: not stored: %s", message, err)
