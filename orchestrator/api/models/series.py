"""What is asked of a run's series, and the answer to it: a window of records over time, thinned for a picture."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.api.models.fields import said

_Moment = Annotated[float | None, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]


class SeriesAxis(StrEnum):
    """What a window is over: run time in s, which counts tests one behind the other, or the clock in unix seconds."""

    TIME = "time"
    CLOCK = "clock"


class SeriesValue(StrEnum):
    """A column of a window."""

    VOLTAGE = "voltage"
    CURRENT = "current"


class SeriesQuery(BaseModel):
    """Which records of a run are asked for, and how few."""

    model_config = ConfigDict(extra="forbid")

    points: Annotated[
        int | None,
        Field(ge=2, le=20_000),
        said("How many rows at most, but for the ends of steps; of a window about so many, and 8000 at most", 2000),
    ] = None
    every: Annotated[
        float | None,
        Field(gt=0, le=1e7, allow_inf_nan=False),
        said("The extremes of so many seconds each", 60.0),
    ] = None
    x: Annotated[SeriesAxis | None, said("Over what a window is asked for: `time` or `clock`", "time")] = None
    y: Annotated[list[SeriesValue], said("The values of a window: `voltage`, `current`, or both", ["voltage"])] = [
        SeriesValue.VOLTAGE,
        SeriesValue.CURRENT,
    ]
    begin: Annotated[
        _Moment, Field(alias="from"), said("Where the window begins, in s; its first record without it", 3600.0)
    ] = None
    end: Annotated[
        _Moment, Field(alias="to"), said("Where the window ends, in s; its newest record without it", 7200.0)
    ] = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.points is not None and self.every is not None:
            raise ValueError("give points or every, not both")
        if self.x is not None and self.every is not None:
            raise ValueError("every is for the whole run, without x: give points")
        if self.x is None and (self.begin is not None or self.end is not None):
            raise ValueError("a window needs x: time or clock")
        if self.begin is not None and self.end is not None and not self.begin < self.end:
            raise ValueError("a window begins before it ends: give from below to")
        return self


class SeriesWindow(BaseModel):
    """The records of a window of a run, thinned: extremes and the ends of executed steps, oldest first."""

    columns: Annotated[
        list[str],
        said("Names of the columns: that of x, the values, and `gap`", ["time_s", "voltage_v", "current_a", "gap"]),
    ]
    rows: Annotated[
        list[list[float | int | None]],
        said(
            "One row a record, one more on each side of the window; `gap` is 1 where the run has no records between "
            "the row before and this one",
            [[3600.0, 0.0866, 0.000157, 0]],
        ),
    ]
    records: Annotated[int, said("Number of records that the run has in all", 72000)]
    is_thinned: Annotated[bool, said("Whether the window has records that are left out", True)]
    first: Annotated[float | None, said("The x of the run's first record; null without any", 0.0)]
    newest: Annotated[float | None, said("The x of the run's newest record; null without any", 259200.0)]
