"""The settings ``[plausibility]`` of a bench file: bands of this laboratory in the place of the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, RootModel, model_validator

from drivers.table_settings import TableSettings
from protocols.cell import CellKind
from protocols.usual_bands import BANDS, Judged, UsualBand, UsualBands, replaced, usual


class BandSettings(TableSettings):
    """One band: an end left out stays as it was; ``source`` says why this laboratory does otherwise."""

    low: float | None = Field(default=None, ge=0)
    high: float | None = Field(default=None, gt=0)
    source: Annotated[str, Field(min_length=10, max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]


class PlausibilitySettings(RootModel[Mapping[CellKind, Mapping[Judged, BandSettings]]]):
    """Bands by kind of cell and quantity: ``[plausibility.lfp.c_rate]`` with ``high = 50`` and a ``source``."""

    root: Mapping[CellKind, Mapping[Judged, BandSettings]] = {}

    @model_validator(mode="after")
    def _ends_are_in_order(self) -> PlausibilitySettings:
        for kind, bands in self.in_place_of_usual().items():
            for judged, band in bands.items():
                if band.low >= band.high:
                    raise ValueError(f"{kind}.{judged}: low, {band.low:g}, is not below high, {band.high:g}")
        return self

    def in_place_of_usual(self) -> UsualBands:
        """Give the usual bands with these in their place."""
        own = {
            kind: {judged: _band(kind, judged, it) for judged, it in there.items()} for kind, there in self.root.items()
        }
        return replaced(BANDS, own)


def _band(kind: CellKind, judged: Judged, band: BandSettings) -> UsualBand:
    there = usual(kind).get(judged)
    low = band.low if band.low is not None else there.low if there else 0.0
    high = band.high if band.high is not None else there.high if there else float("inf")
    return UsualBand(low, high, f"the bench file, {band.source}")
