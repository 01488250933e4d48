"""The root of every table in a bench file: what is no number, or no number of its unit, is refused.

So are unknown keys, NaN and infinities. A table's own fields have narrower bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

_HOST = re.compile(r"[A-Za-z0-9_.:%-]{1,255}")
# By the unit at the end of a key: the least magnitude above 0 and the largest, and what those are.
_MAGNITUDES = {
    "s": (1e-6, 1e9, "a microsecond and 30 years: no instrument answers faster, and no experiment lasts longer"),
    "v": (1e-6, 1e3, "a microvolt and 1000 V: nothing here measures less, and no cell has more"),
    "a": (1e-15, 1e3, "a femtoampere and 1000 A: nothing here measures less, and no coin cell takes more"),
    "k": (1e-3, 300.0, "a thousandth of a kelvin and 300 K: no thermometer here shows less, and no oven has more"),
    "degc": (0.0, 1000.0, "-1000 and 1000 degC"),
    "ms": (1e-3, 1e9, "a microsecond and ten days"),
    "hz": (1e-9, 1e9, "a nanohertz and a gigahertz"),
}
SHORTEST_POLL_S = 0.01
"""No instrument here has something new so soon, and a shorter wait would do nothing but ask."""
SERIAL_NUMBER = r"\S(.*\S)?|"
"""A serial number has something in it, and no blanks around it; empty is none."""


class TableSettings(BaseModel):
    """A table of a bench file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _has_numbers_of_their_units(cls, table: object) -> object:
        """Refuse ``true`` where a number belongs, and a number that its unit makes impossible."""
        if isinstance(table, Mapping):
            # A validator of the single field is no way: a key that tells tables apart can have none.
            known = [(name, value) for name, value in table.items() if name in cls.model_fields]
            found = [f"{name}: {problem}" for name, value in known if (problem := cls._problem(name, value))]
            if found:
                raise ValueError("; ".join(found))
        return table

    @classmethod
    def _problem(cls, name: str, value: object) -> str:
        """Say why a setting cannot have a value, whatever its own bounds; empty where it may."""
        numbers = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(one, bool) for one in numbers) and not _may_be_bool(cls.model_fields[name].annotation):
            return "true and false are no value of this setting"
        low, high, words = _MAGNITUDES.get(name.rpartition("_")[2] if "_" in name else "", (0.0, 0.0, ""))
        for one in numbers if words else ():
            if isinstance(one, int | float) and one != 0 and isfinite(one) and not low <= abs(one) <= high:
                return f"it is not between {words}"
        return ""


def _may_be_bool(kind: object) -> bool:
    if kind in (bool, Any, object) or (
        get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel)
    ):
        return True
    return any(_may_be_bool(one) for one in get_args(kind))


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
