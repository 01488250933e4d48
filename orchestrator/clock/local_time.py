"""Moments for people: this machine's local date and time with the zone's offset, such as ``2026-11-27 19:02 +0100``.

Every time on a terminal, in a table, in a sentence and in a log is made here. The offset is a number, not a name: it is
unambiguous in the hour that a clock shows twice in autumn, and in a sentence that is read in another zone later. What
programs read has ``iso_utc``.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, tzinfo

from orchestrator.clock.iso_time import within_years


def local_time(unix_s: float, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """Return a moment as date, time of day and offset of a zone, by default this machine's.

    It is cut to the minute, or to the second: a moment is never told before it has come. What this machine has no local
    time for, as Windows before 1970, is told in UTC.
    """
    moment = datetime.fromtimestamp(within_years(unix_s), UTC)
    with contextlib.suppress(OSError, OverflowError, ValueError):
        moment = moment.astimezone(zone)
    shown = moment.replace(tzinfo=None).isoformat(" ", "seconds" if seconds else "minutes")
    return f"{shown} {moment:%z}"
