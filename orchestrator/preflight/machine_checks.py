"""The checks of what keeps the records: the disk, the backups, the clock; and of instruments' calibration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import Check, CheckName, failed, not_asked, passed, warned
from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.store.disk_space import FLOOR_BYTES, free_bytes, megabytes, predicted_bytes

# More than any disk holds, where a program has no bound.
MOST_ROWS = 1e15
_BACKUP = "make one: cellrig store backup"
_FREE_SPACE = "free space on that disk, then order the run again"


def disk_check(
    folder: Path,
    own_rows: float,
    other_rows: float,
    settings: PreflightSettings,
    free: Callable[[Path], int] = free_bytes,
) -> Check:
    """Judge whether the disk of a folder holds the records of a run, and of those that go on, several times over.

    ``own_rows`` and ``other_rows`` are the records that they will still make.
    """
    try:
        there = free(_existing(folder))
    except OSError as err:
        seen = f"how much the disk with {folder} has free is not known: {err.strerror}"
        return warned(CheckName.DISK, seen, "see that the folder is there and can be read")
    own, other = (predicted_bytes(int(min(rows, MOST_ROWS))) for rows in (own_rows, other_rows))
    needed = settings.disk_factor * (own + other) + FLOOR_BYTES
    told = f"the disk with {folder} has {megabytes(there)} free; this run will write about {megabytes(own)}"
    told += f", those that go on {megabytes(other)}" if other else ""
    if there < needed:
        wanted = f"{settings.disk_factor:g} times as much and {megabytes(FLOOR_BYTES)} are wanted"
        return failed(CheckName.DISK, f"{told}; {wanted}, {megabytes(int(needed))} in all", _FREE_SPACE)
    return passed(CheckName.DISK, told)


def backup_check(newest_unix_s: float | None, now_unix_s: float, settings: PreflightSettings) -> Check:
    """Judge the age of the newest backup of the store; None: there is none."""
    if newest_unix_s is None:
        return warned(CheckName.BACKUP, "the store has no backup yet", _BACKUP)
    age_s = max(0.0, now_unix_s - newest_unix_s)
    told = f"the newest backup is {duration_words(age_s)} old"
    if age_s > settings.backup_max_age_h * 3600:
        return warned(CheckName.BACKUP, f"{told}, more than {settings.backup_max_age_h:g} h", _BACKUP)
    return passed(CheckName.BACKUP, f"{told} ({local_time(newest_unix_s)})")


def clock_check(is_synchronised: bool | None, drift: str = "") -> Check:
    """Judge the clock of this computer (None: not told), and what was found of the tester's (empty: nothing)."""
    if drift:
        return warned(CheckName.CLOCK, drift, "set the clock of the tester's computer, and let it be kept right")
    if is_synchronised is None:
        return not_asked(CheckName.CLOCK, "whether the clock of this computer is synchronised cannot be told here")
    if not is_synchronised:
        seen = "nothing keeps the clock of this computer right: records would have wrong times"
        return warned(CheckName.CLOCK, seen, "switch on its time service (timedatectl set-ntp true)")
    return passed(CheckName.CLOCK, "the clock of this computer is synchronised")


def calibration_check(name: str, now_unix_s: float, settings: PreflightSettings) -> Check:
    """Judge how long ago an instrument was calibrated, where the bench file says it."""
    day = settings.calibrated.get(name)
    if day is None:
        unknown = f"the bench file does not say when {name} was calibrated"
        write = f'write [preflight] calibrated = {{"{name}" = YYYY-MM-DD}} into it'
        return not_asked(CheckName.CALIBRATION, unknown, write)
    age = (datetime.fromtimestamp(now_unix_s, UTC).date() - day).days
    told = f"{name} was calibrated on {day.isoformat()}"
    if age < 0:
        return warned(CheckName.CALIBRATION, f"{told}, which is still to come", "correct the date in the bench file")
    if age > settings.calibration_valid_days:
        late = f"{told}, {age} days ago; {settings.calibration_valid_days} are allowed"
        return warned(CheckName.CALIBRATION, late, "calibrate it, and write the date into the bench file")
    return passed(CheckName.CALIBRATION, f"{told}, {age} days ago")


def oven_check() -> Check:
    """Say that no temperature is checked: a bench file names no oven."""
    return not_asked(CheckName.OVEN, "this bench names no oven: the temperature of the cell is not checked")


def notices_check() -> Check:
    """Say that no notice is checked: a bench file names nobody to tell."""
    return not_asked(CheckName.NOTICES, "this bench names nobody who is told when a run stops: look at it yourself")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists: a store may still be to be made."""
    return next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)
