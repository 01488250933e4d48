"""The settings of the auxiliary temperature inputs of a CT-4008 in a bench file."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from drivers.table_settings import TableSettings
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE, INSTRUMENT_NAME

_INPUT = re.compile(r"(?:([A-Za-z0-9-]{1,24})/)?([A-Za-z]{1,16}[0-9]{0,3})")


class AuxSettings(TableSettings):
    """Which auxiliary input is at which channel or oven, as the vendor's client has mapped it to a channel.

    ``places`` names for each place the attribute in which BTS shows it, such as ``T1``; for an oven, or an input that
    is mapped to another channel, with that channel before it: ``21-1-5/T1``. Which attributes there are, and in which
    unit, no print tells for sure (reference neware-ct4008, section 4.3): ``scale`` is what one of its units is in
    kelvin, 0.1 where it shows tenths. What is outside of ``valid_degc`` is no temperature.
    """

    places: dict[str, str] = Field(min_length=1)
    scale: float = Field(default=1.0, gt=0, le=1)
    valid_degc: tuple[float, float] = (-100.0, 400.0)
    poll_period_s: float = Field(default=10.0, ge=5, le=60)

    @field_validator("places")
    @classmethod
    def _are_inputs(cls, places: dict[str, str]) -> dict[str, str]:
        for place, shown in places.items():
            if not (CHANNEL_NAME.fullmatch(place) or re.fullmatch(INSTRUMENT_NAME, place)):
                raise ValueError(f"{place!r} is no channel or oven; a name has {CHANNEL_NAME_RULE}")
            if not _INPUT.fullmatch(shown):
                raise ValueError(f"{place} is at {shown!r}; write an attribute as T1, or CHANNEL/T1")
        return places

    @model_validator(mode="after")
    def _is_a_range(self) -> AuxSettings:
        if not self.valid_degc[0] < self.valid_degc[1]:
            raise ValueError(f"valid_degc: {self.valid_degc[0]:g} is not below {self.valid_degc[1]:g}")
        return self

    def inputs(self) -> dict[str, tuple[str, str]]:
        """Return for each place the channel to which its input is mapped, and the attribute that shows it."""
        found = {}
        for place, shown in self.places.items():
            channel, _, attribute = shown.rpartition("/")
            found[place] = channel or place, attribute
        return found
