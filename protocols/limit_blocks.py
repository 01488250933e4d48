"""Limits of voltage as a file gives them: of a whole recipe, layer by layer, and of a phase of it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from protocols.field_types import FileModel, problem
from protocols.quantities import Voltage
from protocols.temperature import TemperatureBand, TemperatureLimitBlock


class BandBlock(FileModel):
    """Allowed voltages."""

    low: Voltage
    high: Voltage


class LimitsBlock(FileModel):
    """Layers of voltage limits, each wider than the one before; a layer left out has the default of the cell's kind.

    ``temperature``: where the cell's place may be; beyond it the run trips.
    """

    host: BandBlock | None = None
    tester: BandBlock | None = None
    absolute: BandBlock | None = None
    # Left out of the text where a file does not say it: hashes of earlier versions hold.
    temperature: Annotated[TemperatureLimitBlock | None, Field(exclude_if=lambda value: value is None)] = None

    @property
    def temperature_band(self) -> TemperatureBand | None:
        """The temperatures outside of which the run trips, as a program keeps them; None without such limits."""
        return None if self.temperature is None else self.temperature.in_program()


class PhaseLimits(FileModel):
    """Limits of some steps in place of the recipe's; what the cell must never see is the whole recipe's to say."""

    host: BandBlock | None = None
    tester: BandBlock | None = None

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if self.host is None and self.tester is None:
            raise problem("no limits", "host, tester or both, such as `host: {low: 2.7 V, high: 3.8 V}`")
        return self


def _is_none(value: object) -> bool:
    return value is None


# Left out of the text where a file does not say it: hashes of earlier versions hold.
LimitsField = Annotated[PhaseLimits | None, Field(exclude_if=_is_none)]
