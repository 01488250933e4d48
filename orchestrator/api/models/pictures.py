"""What is asked of a picture or a file of runs, and the numbers of a picture."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.api.models.fields import said
from orchestrator.report.picture_data import MOST_RUNS, Shown

_Moment = Annotated[float | None, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
_RunIds = Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]], Field(min_length=1)]
Cycles = Annotated[
    str, Field(max_length=200, pattern=r"^[0-9a-z, -]*$"), said("Cycles: numbers, ranges, `last`", "1,5,48-50,last")
]


class PictureFormat(StrEnum):
    """How a picture comes: its numbers as JSON or CSV, or drawn."""

    JSON = "json"
    CSV = "csv"
    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


class PictureQuery(BaseModel):
    """Which picture of which runs is asked for. Over time, ``from`` and ``to`` are its ends, in s."""

    model_config = ConfigDict(extra="forbid")

    runs: Annotated[_RunIds, said(f"Ids of the runs, each once, {MOST_RUNS} at most", ["R000007", "R000008"])]
    x: Annotated[Shown, said("What the picture is over", "cycle")] = Shown.TIME
    cycles: Annotated[Cycles, said("Which cycles, of curves over capacity and of spectra", "1,10,last")] = ""
    begin: Annotated[_Moment, Field(alias="from"), said("Where the window begins, in s", 3600.0)] = None
    end: Annotated[_Moment, Field(alias="to"), said("Where the window ends, in s", 7200.0)] = None
    points: Annotated[int, Field(ge=2, le=8000), said("How many records of each run, or so", 2000)] = 2000
    format: Annotated[PictureFormat, Field(alias="as"), said("How the picture comes", "svg")] = PictureFormat.JSON
    inline: Annotated[bool, said("Whether a browser shows the file in a page, and does not save it", False)] = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(set(self.runs)) != len(self.runs) or len(self.runs) > MOST_RUNS:
            raise ValueError(f"name 1 to {MOST_RUNS} runs, each once")
        if self.begin is not None and self.end is not None and not self.begin < self.end:
            raise ValueError("a window begins before it ends: give from below to")
        return self


class FileQuery(BaseModel):
    """In which format a run is asked for, and which of its cycles; without cycles, the whole run."""

    model_config = ConfigDict(extra="forbid")

    format: Annotated[
        str,
        Field(alias="as", pattern=r"^[a-z0-9-]{1,40}$"),
        said("A format of `cellrig export --list`; `crate` is the package of the run", "xlsx"),
    ]
    cycles: Annotated[Cycles, said("Which cycles", "10")] = ""


class FileProgress(BaseModel):
    """How far a file is that is being made."""

    done: Annotated[int, said("Records that are written", 20000)]
    of: Annotated[int, said("Records that there are; 0 while nothing is being made", 72000)]


class PictureNumbers(BaseModel):
    """The numbers of a picture: what a page draws and what stands in its files."""

    shown: Annotated[Shown, said("What the picture is over", "cycle")]
    runs: Annotated[
        list[dict[str, Any]],
        said("The runs, with their names and looks", [{"run": "R000007", "name": "A17", "simulated": True, "look": 0}]),
    ]
    panels: Annotated[
        list[dict[str, Any]],
        said(
            "Axes with their lines: each has `x`, `y`, its quantity and unit",
            [{"x_axis": {"quantity": "time", "unit": "h"}, "y_axis": {"quantity": "voltage", "unit": "V"}}],
        ),
    ]
    bands: Annotated[
        list[dict[str, Any]],
        said(
            "Spans of x with what they are: out of sight, held, steps",
            [{"begin": 13.0, "end": 27.0, "kind": "unseen", "words": "out of sight"}],
        ),
    ]
    marks: Annotated[
        list[dict[str, Any]],
        said("What happened, at its x, in a sentence", [{"x": 4.1, "kind": "note", "words": "pressed in", "event": 0}]),
    ]
    remarks: Annotated[list[str], said("What is to be known of the picture, a sentence each", [])]
    records: Annotated[int, said("Records behind the picture; 0 where it is of no records", 216000)]
    drawn: Annotated[int, said("Records that are in it", 2305)]
    facts: Annotated[
        list[dict[str, Any]],
        said("A row for each run: first, last and best value, its end", [{"run": "R000007", "state": "completed"}]),
    ]
