"""Moments for people: local date and time with the zone's offset, made in one place."""

from __future__ import annotations

import ast
import logging
import time
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator.clock.local_time import local_time
from orchestrator.clock.log_times import LocalTimeFormatter
from orchestrator.rack.lock import Owner

ROOT = Path(__file__).resolve().parent.parent
# 2026-11-27T18:02:31Z.
MOMENT_UNIX_S = 1795802551.0
# 2026-10-25T00:30:00Z: an hour later it is half past two again where summer time ends.
BEFORE_THE_CHANGE_UNIX_S = 1792888200.0
# Who may write a date by itself: the two modules on times, and what names files and fills a wire's own fields.
MAY_FORMAT = {
    "orchestrator/clock/iso_time.py",
    "orchestrator/clock/local_time.py",
    "orchestrator/store/companion_files.py",
    "drivers/chi660e/cycling_tester.py",
    "protocols/formats/neware_file.py",
    "orchestrator/export/neware_csv.py",
    "orchestrator/export/spectra_files.py",
}
FORMATS = {"asctime", "ctime", "isoformat", "localtime", "gmtime", "strftime"}


@pytest.fixture
def system_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Give a patch of the environment whose ``TZ`` counts from ``time.tzset`` on, and put the zone back."""
    with monkeypatch.context() as patched:
        yield patched
    if hasattr(time, "tzset"):
        time.tzset()


# Zones as POSIX writes them: they need no files of the system, and a sign the other way round.
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system's zone is not set by TZ")
@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC0", "2026-11-27 18:02:31 +0000"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-11-27 19:02:31 +0100"),
        ("CST-8", "2026-11-28 02:02:31 +0800"),
        ("IST-5:30", "2026-11-27 23:32:31 +0530"),
        ("EST5EDT,M3.2.0,M11.1.0", "2026-11-27 13:02:31 -0500"),
    ],
)
def test_time_for_people_is_that_of_the_machine_and_names_its_zone(
    system_zone: pytest.MonkeyPatch, zone: str, shown: str
) -> None:
    """In tables, sentences and logs a moment is this machine's date and time of day, with the offset from UTC."""
    system_zone.setenv("TZ", zone)
    time.tzset()
    assert local_time(MOMENT_UNIX_S, seconds=True) == shown
    assert local_time(MOMENT_UNIX_S) == f"{shown[:16]} {shown[20:]}"
    record = logging.makeLogRecord({"created": MOMENT_UNIX_S, "msg": "a cell was stopped"})
    assert LocalTimeFormatter("%(asctime)s %(message)s").format(record) == f"{shown} a cell was stopped"
    owner = Owner(7, "rig", "2026-11-27T18:02:31.000Z", "")
    assert str(owner) == f"process 7 on rig, started {shown}"


def test_hour_that_a_clock_shows_twice_is_told_apart() -> None:
    """Where summer time ends, half past two before and after differ in their offsets; in spring none is skipped."""
    berlin = ZoneInfo("Europe/Berlin")
    assert local_time(BEFORE_THE_CHANGE_UNIX_S, berlin) == "2026-10-25 02:30 +0200"
    assert local_time(BEFORE_THE_CHANGE_UNIX_S + 3600, berlin) == "2026-10-25 02:30 +0100"
    spring_unix_s = 1774744200.0  # 2026-03-29T00:30:00Z
    assert local_time(spring_unix_s, berlin) == "2026-03-29 01:30 +0100"
    assert local_time(spring_unix_s + 3600, berlin) == "2026-03-29 03:30 +0200"


def test_moment_is_cut_and_told_also_where_no_calendar_reaches() -> None:
    """The last second of a minute is still in it, and a garbled time of a tester gives words and no error."""
    assert local_time(59.999, UTC) == "1970-01-01 00:00 +0000"
    assert local_time(1e18, UTC).startswith("9999-12-31 ")
    assert local_time(-1e18, timezone(timedelta(hours=-3))) == "0001-01-01 00:00 +0000"
    assert local_time(-1e18, UTC) == "0001-01-01 00:00 +0000"


def test_owner_of_an_earlier_cellrig_is_told_in_its_own_words() -> None:
    """A lock file that an earlier version wrote says its time in words, which are shown as they are."""
    assert "started 2026-11-27 18:02:31 UTC" in str(Owner(7, "rig", "2026-11-27 18:02:31 UTC", ""))


def _date_formats(module: Path) -> Iterator[int]:
    """Yield the lines of a module that make text of a moment: by a method of ``datetime`` or ``time``, or a format."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in FORMATS:
            yield node.lineno
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            spec = "".join(str(part.value) for part in ast.walk(node.format_spec) if isinstance(part, ast.Constant))
            if "%Y" in spec or "%H" in spec:
                yield node.lineno


def test_times_for_people_are_made_in_one_module() -> None:
    """No module but these writes a date of its own; those of a log are made there too."""
    modules = [path for folder in ("orchestrator", "drivers", "protocols") for path in (ROOT / folder).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix(): list(_date_formats(path)) for path in modules}
    own = {name: lines for name, lines in found.items() if lines}
    assert own.keys() == MAY_FORMAT, "use orchestrator.clock.local_time for people, iso_time for programs"
    logs = [path.name for path in modules if "asctime" in path.read_text("utf-8")]
    assert sorted(logs) == ["child.py", "log_times.py"], "a log with times has a LocalTimeFormatter"
