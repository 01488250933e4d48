"""Writes what happens to one oven as events of the store, each with the oven and the runs that are in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.run import Run
from orchestrator.store import Store, StoreError

logger = logging.getLogger(__name__)


Inside = Callable[[], Sequence[tuple[Supervisor, Run]]]
"""Gives the runs on the channels that are inside an oven, each with its supervisor."""


class OvenEvents:
    """The events of one oven. Each names the runs inside that are not over: ``RunData.events`` finds it by them."""

    def __init__(self, oven: str, store: Store, inside: Inside) -> None:
        self._oven = oven
        self._store = store
        self._inside = inside

    def tell(self, kind: EventKind, message: str, data: Mapping[str, object] | None = None) -> None:
        """Store an event; one that cannot be stored is logged."""
        logger.info("%s", message)
        told = {"oven": self._oven, "runs": [run.run_id for _, run in self._inside() if not run.state.is_over]}
        try:
            self._store.add_event(None, kind, message, wall_time(), json.dumps({**told, **(data or {})}))
        except StoreError as err:
            # A full disk keeps no cell under current: what follows of it is done all the same.
            logger.error("%s: not stored: %s", message, err)
