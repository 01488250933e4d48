"""The root of every table in a bench file: unknown keys, NaN and infinities are refused."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,255}")


class TableSettings(BaseModel):
    """A table of a bench file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _only_a_host(value: str) -> str:
    # What was written is not repeated: a user and a password may stand in it.
    if not _HOST.fullmatch(value):
        raise ValueError("write a host name or an IP address alone: no user, password, port or path")
    return value


def _without_user(value: str) -> str:
    if "@" in value:
        raise ValueError("an address has no user and no password here; take out what stands before the @")
    return value


# A host name or an address, which errors may show.
Host = Annotated[str, AfterValidator(_only_a_host)]
# The name or URL of a serial line, which errors may show.
LineAddress = Annotated[str, AfterValidator(_without_user)]
