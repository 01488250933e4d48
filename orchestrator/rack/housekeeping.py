"""Maintains the store of a service: checks disk space and log size, and makes a backup each day.

A tester that rides on keeps its records itself. When the disk is nearly full, runs that go on are therefore left alone
and nothing new is started; their records are fetched when there is room again. Minute and day are those of the disk:
real time, however fast the loop's time runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from orchestrator.clock.scaled import in_loop_time, others_unix_s
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.store import Store, StoreError
from orchestrator.store.backup import back_up, backups
from orchestrator.store.disk_space import SpaceGuard, SpaceVerdict, predicted_bytes
from orchestrator.store.record_checks import damage_in
from orchestrator.store.wal import watch_wal

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
BACKUP_EVERY_S = 86400.0
SPACE_EVENTS = {
    SpaceVerdict.OK: EventKind.SPACE_OK,
    SpaceVerdict.WARN: EventKind.SPACE_WARN,
    SpaceVerdict.RELEASE_RESERVE: EventKind.SPACE_RELEASE_RESERVE,
    SpaceVerdict.HOLD: EventKind.SPACE_HOLD,
}


class Housekeeping:
    """Maintains one store, once a minute."""

    def __init__(self, store: Store, guard: SpaceGuard, backup_folder: Path | None = None) -> None:
        self._store = store
        self._guard = guard
        self._backup_folder = backup_folder
        self._told = SpaceVerdict.OK
        self._log_told = False
        self._tried_unix_s = 0.0
        # When the newest backup was made, 0 where there is none; None until it was looked for.
        self.newest_backup_unix_s: float | None = None

    async def run(self, rows_to_come: Callable[[], int], refuse_starts: Callable[[str | None], None]) -> None:
        """Check once a minute until cancelled.

        ``refuse_starts`` is called with the reason while there is no room for new runs, and with None when there is.
        """
        while True:
            try:
                self.look(rows_to_come(), refuse_starts)
                await self._back_up_daily()
            except StoreError as err:
                logger.error("housekeeping: %s", err)
            await asyncio.sleep(in_loop_time(LOOK_EVERY_S))

    def look(self, rows_to_come: int, refuse_starts: Callable[[str | None], None]) -> None:
        """Check disk space and log size once; a change for the worse becomes an event of the rig."""
        report = self._guard.watch(predicted_bytes(rows_to_come))
        refuse_starts(report.sentence if report.verdict is SpaceVerdict.HOLD else None)
        if report.verdict is not self._told:
            logger.warning("%s", report.sentence)
            self._store.add_event(None, SPACE_EVENTS[report.verdict], report.sentence, wall_time())
            # Only now: what a full disk does not take is told when it does.
            self._told = report.verdict
        log = watch_wal(self._store)
        if log.held_by_reader and not self._log_told:
            logger.warning("%s", log.sentence)
            self._store.add_event(None, EventKind.LOG_GROWS, log.sentence, wall_time())
        self._log_told = log.held_by_reader

    async def _back_up_daily(self) -> None:
        # By the clock of people and disks: 'cellrig store backup' beside a fast rack names its backups by it too.
        now = others_unix_s()
        # One that was made in a time to come was made by a clock that has been set back since.
        if 0 <= now - self._tried_unix_s < BACKUP_EVERY_S:
            return
        try:
            made = [at for at, _ in backups(self._store.path, self._backup_folder)]
            # One that is named after a time to come, as those of a fast rack once were, is none of today.
            newest = self.newest_backup_unix_s = max((at for at in made if at <= now), default=0.0)
            self._tried_unix_s = now if now - newest >= BACKUP_EVERY_S else newest
            if self._tried_unix_s == newest:
                return
            # On a thread of its own: the copy reads the file by itself and never touches the writer's connection.
            backup = await asyncio.to_thread(back_up, self._store.path, self._backup_folder, now_unix_s=now)
        except (StoreError, OSError) as err:
            self._tried_unix_s = now
            logger.error("backup: %s", err)
            self._store.add_event(None, EventKind.BACKUP_FAILED, str(err), wall_time())
            return
        self.newest_backup_unix_s = now
        what = f"{backup.path.name}: {backup.rows} rows, verified"
        self._store.add_event(None, EventKind.BACKUP, what, wall_time())
        # The copy has every page of the store, and reading it is in nobody's way.
        for damage in await asyncio.to_thread(damage_in, backup.path):
            logger.error("%s: %s", backup.path.name, damage)
            self._store.add_event(None, EventKind.STORE_DOUBTED, f"{backup.path.name}: {damage}", wall_time())
