"""The tables ``[preflight.commissioned.NAME]`` of a bench file: who has tried which instrument, and what was found.

``cellrig commission`` writes them::

    [preflight.commissioned.ct4008]
    on = 2026-11-28
    by = "ada"
    at = "21-1-3, a resistor of 1000 ohm"
    versions = "devtype 27"
    found = {continue_after_stop = false, stop_delay_s = 0.4}
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

    ``open``: questions that were asked and not answered.
    """

    on: date
    by: str = Field(min_length=1)
    at: str = ""
    versions: str = ""
    found: Mapping[str, StrictBool | int | float | str] = Field(default_factory=dict)
    open: tuple[str, ...] = ()
