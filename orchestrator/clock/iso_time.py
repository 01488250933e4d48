"""Moments as ISO 8601 text in UTC, for programs, and the other way round for what a client asks by date."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isfinite

# The years that ISO 8601 has four digits for.
_FIRST_UNIX_S = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LAST_UNIX_S = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
# A ``+`` in a query means a space, and many clients send the zone of a time unquoted.
_ZONE_AFTER_SPACE = r"(T.*\d) (\d\d(:?\d\d)?)$"


def iso_utc(unix_s: float) -> str:
    """Return a moment as ISO 8601 text in UTC, to the millisecond; one outside of years 1 to 9999 as the nearest."""
    moment = datetime.fromtimestamp(within_years(unix_s), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def within_years(unix_s: float) -> float:
    """Return the nearest moment that has a date: within the years 1 to 9999, in UTC."""
    return min(max(unix_s, _FIRST_UNIX_S), _LAST_UNIX_S)


def unix_time(text: str) -> float:
    """Read a moment: a date or a date and time in ISO 8601 (without a zone: UTC), or seconds since 1970.

    Raises ValueError with a sentence.
    """
    try:
        unix_s = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(re.sub(_ZONE_AFTER_SPACE, r"\1+\2", text.strip()))
        except ValueError:
            raise ValueError(
                f"a date (2026-11-27), a date and time (2026-11-27T16:40:00Z) or seconds since 1970, not {text[:40]!r}"
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not isfinite(unix_s):
        raise ValueError(f"seconds since 1970 are a number, not {text[:40]!r}")
    return unix_s
