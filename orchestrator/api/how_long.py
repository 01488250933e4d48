"""For how long a person may put off what needs one."""

from __future__ import annotations

from enum import StrEnum


class HowLong(StrEnum):
    """For how long something may be put off."""

    QUARTER = "15min"
    HOUR = "1h"
    TOMORROW = "tomorrow"
