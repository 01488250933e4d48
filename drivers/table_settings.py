"""The root of every table in a bench file: unknown keys, NaN and infinities are refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class TableSettings(BaseModel):
    """A table of a bench file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
