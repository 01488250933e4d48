"""The checks of what keeps the records: the disk, the backups, the clock; and of instruments' calibration."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import Check, CheckName, failed, not_asked, passed, warned
from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.events import EventKind
from orchestrator.store import Store
from orchestrator.store.disk_space import FLOOR_BYTES, existing, free_bytes, megabytes, predicted_bytes
from orchestrator.store.errors import explained

# More than any disk holds, where a program has no bound.
MOST_ROWS = 1e15
# Days are counted from here, as seconds of the wall clock are.
_EPOCH, _DAY_S = date(1970, 1, 1), 86_400
_BACKUP = "make one: cellrig store backup"
_TEST_NOTICES = "see which targets work: cellrig notices test --bench FILE"
_NEWEST_TEST = "SELECT at_unix_s, data_json FROM event WHERE kind = ? ORDER BY id DESC LIMIT 1"
# One test a day; a service that was away at its time sends it later.
_TEST_MAX_AGE_S = 26 * 3600.0
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
        there = free(existing(folder))
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
    age = int(now_unix_s // _DAY_S) - (day - _EPOCH).days
    told = f"{name} was calibrated on {day}"
    if age < 0:
        return warned(CheckName.CALIBRATION, f"{told}, which is still to come", "correct the date in the bench file")
    if age > settings.calibration_valid_days:
        late = f"{told}, {age} days ago; {settings.calibration_valid_days} are allowed"
        return warned(CheckName.CALIBRATION, late, "calibrate it, and write the date into the bench file")
    return passed(CheckName.CALIBRATION, f"{told}, {age} days ago")


def oven_check(*, has_ovens: bool = False) -> Check:
    """Say that no temperature is checked: a bench file names no oven, or none around this channel."""
    if has_ovens:
        return not_asked(CheckName.OVEN, "the channel is in no oven, and the recipe says no temperature")
    return not_asked(CheckName.OVEN, "this bench names no oven: the temperature of the cell is not checked")


def unmeasured(channel: str) -> Check:
    """Refuse a program that ends a step, or trips, by a temperature that nothing measures."""
    return failed(
        CheckName.OVEN,
        f"the recipe ends a step or trips by temperature, and no oven or thermometer of the bench file is at {channel}",
        f"name {channel} among the places of an oven or a thermometer, or take temperature_above, temperature_below "
        "and the limits of temperature out of the recipe",
    )


def notices_check() -> Check:
    """Say that no notice is checked: a bench file names nobody to tell."""
    return not_asked(CheckName.NOTICES, "this bench names nobody who is told when a run stops: look at it yourself")


def told_people_check(store: Store, now_unix_s: float) -> Check:
    """Judge the newest daily test of the notices in the store: whether any target has taken it.

    ``now_unix_s`` is by the clock of the service, which has stored the test. Raises StoreError.
    """
    with explained(store.path):
        row = store.connection.execute(_NEWEST_TEST, (EventKind.NOTICES_TESTED,)).fetchone()
    if row is None:
        return warned(CheckName.NOTICES, "no test message was sent to people yet", _TEST_NOTICES)
    at_unix_s, data_json = row
    outcome = json.loads(data_json or "{}")
    delivered, not_taken = list(outcome.get("delivered", [])), sorted(outcome.get("failed", {}))
    when = f"the test message of {local_time(at_unix_s)}"
    if now_unix_s - at_unix_s > _TEST_MAX_AGE_S:
        return warned(CheckName.NOTICES, f"{when} was the last one", _TEST_NOTICES)
    if not delivered:
        return warned(CheckName.NOTICES, f"{when} was taken by nobody: no alarm would reach anybody", _TEST_NOTICES)
    if not_taken:
        return warned(CheckName.NOTICES, f"{when} was not taken by {', '.join(not_taken)}", _TEST_NOTICES)
    return passed(CheckName.NOTICES, f"{when} was taken by {', '.join(delivered)}")
