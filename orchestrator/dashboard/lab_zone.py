"""The name of the lab's time zone, which is this machine's: two people must read the same time in two places."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LINK = Path("/etc/localtime")
_FOLDER = "zoneinfo"


@lru_cache(maxsize=1)
def lab_zone() -> str:
    """Return the name of this machine's zone, such as ``Europe/Zurich``; its offset of now where it has no name."""
    for name in (os.environ.get("TZ", "").lstrip(":"), _linked()):
        if name and _is_zone(name):
            return name
    return offset_of(datetime.now(UTC).astimezone())


def offset_of(moment: datetime) -> str:
    """Return the offset of a moment's zone from UTC, as ``+01:00``."""
    minutes = round((moment.utcoffset() or (moment - moment)).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _linked() -> str:
    try:
        parts = _LINK.resolve().parts
    except OSError:
        return ""
    return "/".join(parts[parts.index(_FOLDER) + 1 :]) if _FOLDER in parts else ""


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
