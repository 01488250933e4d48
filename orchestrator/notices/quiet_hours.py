"""The times of day of notices: the quiet hours, in which only alarms are sent, and the daily test message."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta


def is_quiet(now: datetime, begin: time | None, end: time | None) -> bool:
    """Return whether a local time lies in the quiet hours, which may reach over midnight; without any it does not.

    >>> is_quiet(datetime(2026, 11, 27, 23, 30), time(22), time(7))
    True
    """
    if begin is None or end is None:
        return False
    at = now.time()
    return begin <= at < end if begin < end else at >= begin or at < end


def daily_test_is_due(now: datetime, at: time | None, last: date | None) -> bool:
    """Return whether the test message of this local day is due: its time has come, and none was sent today yet.

    A service that was away at that time sends it when it is back on the same day. A test of days to come was sent by a
    clock that has been set back since, and counts for nothing. ``at`` None: never.
    """
    if at is None or now.time() < at:
        return False
    return last is None or last < now.date() or last > now.date() + timedelta(days=1)
