"""Checks a store and reports faults in sentences: damage, gaps, unfinished runs, old backups, a full disk.

Reads only, and also what can no longer be opened for writing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.states import ENDED
from orchestrator.store.archives import packages_there
from orchestrator.store.backup import backups
from orchestrator.store.companion_files import reserve_path, unfinished_backups
from orchestrator.store.connection import BUSY_TIMEOUT_S, Access, check_is_store, connect
from orchestrator.store.disk_space import SpaceVerdict, free_bytes, megabytes, space_verdict
from orchestrator.store.errors import CannotOpen, Damaged, damaged, explained
from orchestrator.store.opening import check_place, unknown_layouts
from orchestrator.store.place import check_path, real_path
from orchestrator.store.record_checks import programs, records
from orchestrator.store.row_checks import MOST, Finding, Level, gaps, loose_ends, open_intents, references
from orchestrator.store.wal import WAL_CAP_BYTES, wal_size_bytes

# A store that was written since its last backup needs a new one after this, in seconds.
# A backup may be dated so far ahead of this machine's clock, of another machine for example.
CLOCKS_DIFFER_S = 300.0
BACKUP_AGE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a check; ``newest_backup_age_s`` is None without a backup. Sizes are in bytes, ages in seconds."""

    store: Path
    findings: tuple[Finding, ...]
    layout: str | None
    size_bytes: int
    wal_bytes: int
    free_bytes: int
    newest_backup: Path | None
    newest_backup_age_s: float | None

    @property
    def sound(self) -> bool:
        """Whether no fault was found."""
        return all(finding.level is not Level.WRONG for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        """Return the fields that ``cellrig store check --json`` prints."""
        row = asdict(self) | {"store": str(self.store), "newest_backup": self.newest_backup and str(self.newest_backup)}
        return {"sound": self.sound, **row}


def check_store(
    path: Path | str,
    *,
    now_unix_s: float,
    backup_folder: Path | None = None,
    free: Callable[[Path], int] = free_bytes,
    wal_cap_bytes: int = WAL_CAP_BYTES,
) -> Health:
    """Check a store for every known fault; ``backup_folder`` None: backups lie beside it.

    The file is read once from end to end; its structure is judged, for SQLite keeps no checksums that would betray a
    number changed inside a row. Raises CannotOpen or NotAStore when there is no store to look at.
    """
    check_path(path)
    place = real_path(path)
    check_place(place, read_only=True)
    if backup_folder is not None and not backup_folder.is_dir():
        raise CannotOpen(f"{backup_folder} is not a folder; say where the backups of {place} lie")
    every = backups(place, backup_folder)
    known = [it for it in every if it[0] <= now_unix_s + CLOCKS_DIFFER_S]
    findings = [_ahead(name, made_unix_s - now_unix_s) for made_unix_s, name in every[: len(every) - len(known)]]
    layout: str | None = None
    try:
        with explained(place), closing(connect(place, Access.READ, BUSY_TIMEOUT_S)) as connection:
            check_is_store(connection, place)
            findings += _integrity(connection, place)
            layout, layout_finding = _layout(connection)
            findings.append(layout_finding)
            if layout_finding.level is Level.OK:
                for look in (references, gaps, loose_ends, open_intents, programs, records):
                    findings += look(connection, now_unix_s)
                findings += packages_there(connection, place)
            if layout_finding.level is not Level.WRONG:
                findings += _backups(connection, place, known, now_unix_s)
    except Damaged as err:
        findings = [Finding("integrity", Level.WRONG, str(err))]
    findings += _unfinished(place, backup_folder or place.parent)
    left, wal_bytes = free(place.parent), wal_size_bytes(place)
    findings += _disk(place, left, wal_bytes, wal_cap_bytes)
    newest_unix_s, newest = known[0] if known else (None, None)
    return Health(
        place,
        tuple(findings),
        layout,
        place.stat().st_size,
        wal_bytes,
        left,
        newest,
        None if newest_unix_s is None else now_unix_s - newest_unix_s,
    )


def _integrity(connection: sqlite3.Connection, place: Path) -> Iterator[Finding]:
    problems = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST})")]
    if problems != ["ok"]:
        # What else is in a damaged file is not worth telling.
        raise damaged(place, "; ".join(problems))
    yield Finding("integrity", Level.OK, f"{place} is whole")


def _layout(connection: sqlite3.Connection) -> tuple[str | None, Finding]:
    from orchestrator.store.schema import MIGRATIONS
    from orchestrator.store.sqlite_library import Database

    db = Database(connection, execute_plugins=False)
    applied = [migration.name for migration in MIGRATIONS.applied(db)]
    layout = applied[-1] if applied else None
    if unknown := unknown_layouts(db, MIGRATIONS):
        return layout, Finding(
            "layout", Level.WRONG, f"a newer cellrig wrote it ({', '.join(unknown)}); update cellrig"
        )
    if pending := [migration.name for migration in MIGRATIONS.pending(db)]:
        sentence = f"an older cellrig wrote it; opening it for writing adds {', '.join(pending)}, after a copy was made"
        sentence += "; its records are checked after that: cellrig store upgrade"
        return layout, Finding("layout", Level.NOTE, sentence)
    return layout, Finding("layout", Level.OK, f"its layout is {layout}")


def _backups(
    connection: sqlite3.Connection, place: Path, known: list[tuple[float, Path]], now_unix_s: float
) -> Iterator[Finding]:
    first, changed = connection.execute(
        "SELECT min(created_unix_s), max(max(state_unix_s, coalesce((SELECT max(at_unix_s) FROM event), 0))) FROM run"
    ).fetchone()
    states = {row[0] for row in connection.execute("SELECT DISTINCT state FROM run")}
    if first is None:
        yield Finding("backup", Level.OK, "there is nothing to back up yet")
        return
    since = known[0][0] if known else first
    age = f"{(now_unix_s - since) / 3600:.0f} h old"
    what = f"the newest backup is {known[0][1].name}, {age}" if known else "there is no backup"
    if known and changed <= since and states <= ENDED:
        yield Finding("backup", Level.OK, f"{what}, and nothing was written since")
    elif now_unix_s - since > BACKUP_AGE_S:
        yield Finding("backup", Level.WRONG, f"{what}; make one: cellrig store backup --store {place}")
    else:
        yield Finding("backup", Level.OK if known else Level.NOTE, what)


def _ahead(backup: Path, ahead_s: float) -> Finding:
    """Tell a backup from the future, which would hide for years that there is no newer one."""
    sentence = f"{backup.name} is dated {ahead_s / 3600:.0f} h ahead of this machine's clock, and does not count as the"
    return Finding("backup", Level.NOTE, f"{sentence} newest; a simulated rack's clock may be ahead")


def _unfinished(place: Path, folder: Path) -> Iterator[Finding]:
    for path in unfinished_backups(place, folder):
        yield Finding("backup", Level.NOTE, f"{path} is an unfinished backup; delete it unless one is being made now")


def _disk(place: Path, free: int, wal_bytes: int, wal_cap_bytes: int) -> Iterator[Finding]:
    held = reserve_path(place).exists()
    verdict = space_verdict(free, 0, int(held))
    space = f"the disk has {megabytes(free)} free"
    if verdict is SpaceVerdict.OK:
        yield Finding("space", Level.OK, space)
    else:
        yield Finding("space", Level.WRONG, f"{space}; free space before records are lost")
    log = f"the log has {megabytes(wal_bytes)}"
    if wal_bytes <= wal_cap_bytes:
        yield Finding("log", Level.OK, log)
    else:
        yield Finding("log", Level.WRONG, f"{log}; close what has the store open for reading, it keeps the log growing")
