"""The names of the files beside a store, such as its log, its reserve, its backups. Nothing here opens a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

_TIME = "%Y%m%dT%H%M%SZ"


def wal_path(store: Path) -> Path:
    """Return SQLite's write-ahead log of a store."""
    return store.with_name(f"{store.name}-wal")


def logs_of(store: Path) -> tuple[Path, Path]:
    """Return the files in which SQLite keeps what is not folded into a store yet: its log, and the log's index."""
    return wal_path(store), store.with_name(f"{store.name}-shm")


def reserve_path(store: Path) -> Path:
    """Return the file that reserves disk space for a store's last commits."""
    return store.with_name(f"{store.name}-reserve")


def newest_path(store: Path) -> Path:
    """Return the file that tells how far a store was written (``orchestrator.store.newest_commit``)."""
    return store.with_name(f"{store.name}-newest")


def mqtt_marks_path(store: Path) -> Path:
    """Return the file that tells how far the MQTT feed has sent a store (``orchestrator.feed.marks``)."""
    return store.with_name(f"{store.name}-mqtt")


def notices_path(store: Path) -> Path:
    """Return the file in which the notices to people keep what was told to whom (``orchestrator.notices``)."""
    return store.with_name(f"{store.name}-notices")


def archive_lock_path(store: Path) -> Path:
    """Return the file that one archive of a store locks (``orchestrator.packaging.archive_lock``)."""
    return store.with_name(f"{store.name}-archiving")


def simulated_path(store: Path) -> Path:
    """Return the store of the runs of ``run --simulate``, beside the usual one; one that is named so is it already.

    >>> simulated_path(Path("cellrig.db")).name
    'cellrig-simulated.db'
    >>> simulated_path(Path("cellrig-simulated.db")).name
    'cellrig-simulated.db'
    """
    if store.stem.endswith("-simulated"):
        return store
    return store.with_name(f"{store.stem}-simulated{store.suffix}")


def partial_path(backup: Path) -> Path:
    """Return the name of a backup before it is verified."""
    return backup.with_name(f"{backup.name}.partial")


def backup_name(store: Path, made_unix_s: float, number: int = 1) -> str:
    """Name a backup after its UTC time; ``number`` counts those of the same second from 1."""
    again = "" if number == 1 else f"-{number}"
    return f"{store.stem}.backup-{datetime.fromtimestamp(made_unix_s, UTC).strftime(_TIME)}{again}{store.suffix}"


def before_name(store: Path, migration: str) -> str:
    """Name the copy that is made before a migration changes the layout."""
    return f"{store.stem}.before-{migration}{store.suffix}"


def backup_key(store: Path, name: str) -> tuple[float, int] | None:
    """Return the time (Unix, seconds) and the number in a backup's name, None for any other name."""
    pattern = rf"{re.escape(store.stem)}\.backup-(\d{{8}}T\d{{6}}Z)(?:-(\d+))?{re.escape(store.suffix)}"
    found = re.fullmatch(pattern, name, re.ASCII)
    if found is None:
        return None
    try:
        made = datetime.strptime(found[1], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return made.timestamp(), int(found[2] or 1)


def named_backups(store: Path, folder: Path) -> list[Path]:
    """Return the files in a folder that are named like backups of a store, the newest first."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    keyed = [(key, path) for path in files if (key := backup_key(store, path.name)) is not None]
    return [path for _, path in sorted(keyed, reverse=True)]


def unfinished_backups(store: Path, folder: Path) -> list[Path]:
    """Return the files that interrupted backups have left in a folder."""
    partials = folder.glob("*.partial")
    return sorted(path for path in partials if backup_key(store, path.name.removesuffix(".partial")) is not None)
