"""The tables ``[preflight.commissioned.NAME]`` of a bench file: who has tried which instrument, and what was found.

``cellrig commission`` writes them::

    [preflight.commissioned.ct4008]
    on = 2026-11-28
    by = "ada"
    at = "21-1-3, a resistor of 1000 ohm"
    versions = "devtype 27"
    found = {continue_after_stop = false, stop_delay_s = 0.4}

A source meter is an instrument of its own among those of its tester: ``[preflight.commissioned."smu/smu-1"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import Field, StrictBool

from drivers.table_settings import TableSettings

Fact = bool | int | float | str
"""One thing that was found; its name holds the unit."""


class CommissionedSettings(TableSettings):
    """One instrument that was commissioned: the day, the person, on what, its versions then, and what was found.

    ``open``: questions that were not answered, or not asked yet.
    """

    on: date
    by: str = Field(min_length=1)
    at: str = ""
    versions: str = ""
    found: Mapping[str, StrictBool | int | float | str] = Field(default_factory=dict)
    open: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The channel or instrument that was tried, as it stands at the beginning of ``at``."""
        return place_of(self.at)


def commissioned_name(instrument: str, channel: str = "") -> str:
    """Return the name of a table: that of the instrument, or of one channel that is an instrument of its own."""
    return f"{instrument}/{channel}" if channel else instrument


def place_of(at: str) -> str:
    """Return the channel or instrument that words such as ``smu-1, a resistor of 1000 ohm`` begin with."""
    return at.partition(",")[0].strip()
