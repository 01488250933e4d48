"""Field types that recipe and cell files share: counts, numbers, flags, names, lines of text.

Every scalar of a file arrives as the text that was written, so nothing has been guessed before these types read it.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_COUNT = re.compile(r"[1-9][0-9]{0,5}|0")
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,5})(\.[0-9]{1,9})?")


class FileModel(BaseModel):
    """A part of a file: frozen, and a key that it does not know is an error.

    ``written_keys`` may stand in the file as well, and are gone before the model sees it.
    """

    written_keys: ClassVar[tuple[str, ...]] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, str_strip_whitespace=True)


def problem(seen: str, expected: str) -> PydanticCustomError:
    """Make the error that a loader turns into a line with file and field."""
    return PydanticCustomError("problem", "saw {seen}; expected {expected}", {"seen": seen, "expected": expected})


def _count(value: object) -> int:
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise problem(f"{value!r:.60}", "a whole number in plain digits")


def _number(value: object) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, float | int) and not isinstance(value, bool):
        return float(value)
    raise problem(f"{value!r:.60}", "a plain decimal number such as 0.05")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise problem(f"{value!r:.60}", "true or false")


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise problem(f"{value!a:.60}", "one line without control characters")
    return value


def _printable(value: str) -> str:
    if not value.replace("\n", "").isprintable():
        raise problem("a control character", "plain text")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(NAME_PATTERN, value) or value.endswith("."):
        raise problem(f"{value!a:.90}", "letters, digits, '_', '.' and '-', at most 64, a letter or digit first")
    return value


Count = Annotated[int, BeforeValidator(_count, json_schema_input_type=int)]
Number = Annotated[float, BeforeValidator(_number, json_schema_input_type=float)]
Flag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=bool)]
Name = Annotated[str, WithJsonSchema({"type": "string", "pattern": NAME_PATTERN}), AfterValidator(_name)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_printable)]
