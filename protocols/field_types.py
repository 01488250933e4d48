"""Field types that recipe and cell files share: quantities with a unit, counts, flags, names, lines of text.

Every scalar of a file arrives as the text that was written, so nothing has been guessed before these types read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from protocols.quantities import UNITS, Dimension, Quantity, QuantityError, parse_quantity

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_COUNT = re.compile(r"[1-9][0-9]{0,5}|0")
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,5})(\.[0-9]{1,9})?")


class FileModel(BaseModel):
    """A part of a file: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, str_strip_whitespace=True)


def problem(seen: str, expected: str) -> PydanticCustomError:
    """Make the error that a loader turns into a line with file and field."""
    return PydanticCustomError("problem", "saw {seen}; expected {expected}", {"seen": seen, "expected": expected})


def _reader(
    dimensions: tuple[Dimension, ...], accepts: Callable[[Decimal], bool], rule: str
) -> Callable[[object], Quantity]:
    def read(value: object) -> Quantity:
        try:
            quantity = value if isinstance(value, Quantity) else parse_quantity(value, *dimensions)
        except QuantityError as err:
            raise problem(err.seen, err.expected) from None
        if quantity.dimension not in dimensions:
            raise problem(f"{quantity}, a {quantity.dimension}", f"a {' or '.join(dimensions)}")
        if not accepts(quantity.exact):
            raise problem(str(quantity), rule)
        return quantity

    return read


def _schema(dimensions: tuple[Dimension, ...], signed: bool) -> WithJsonSchema:
    symbols = "|".join(symbol for symbol, unit in UNITS.items() if unit.dimension in dimensions)
    number = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"
    return WithJsonSchema(
        {
            "type": "string",
            "description": f"a {' or '.join(dimensions)} with its unit",
            "pattern": f"^{'[+-]' if signed else '[+]'}?{number} *({symbols})$",
        }
    )


def _positive(*dimensions: Dimension) -> tuple[PlainValidator, WithJsonSchema, PlainSerializer]:
    read = _reader(dimensions, lambda exact: exact > 0, "more than 0 (leave the key out if it is not wanted)")
    return PlainValidator(read), _schema(dimensions, signed=False), PlainSerializer(str)


def _signed(*dimensions: Dimension) -> tuple[PlainValidator, WithJsonSchema, PlainSerializer]:
    return (
        PlainValidator(_reader(dimensions, lambda exact: True, "")),
        _schema(dimensions, signed=True),
        PlainSerializer(str),
    )


Current = Annotated[
    Quantity,
    *_positive(Dimension.CURRENT, Dimension.AREAL_CURRENT, Dimension.SPECIFIC_CURRENT, Dimension.RATE),
]
Capacity = Annotated[
    Quantity,
    *_positive(Dimension.CHARGE, Dimension.AREAL_CAPACITY, Dimension.SPECIFIC_CAPACITY),
]
Voltage = Annotated[Quantity, *_signed(Dimension.VOLTAGE)]
VoltageStep = Annotated[Quantity, *_positive(Dimension.VOLTAGE)]
Duration = Annotated[Quantity, *_positive(Dimension.TIME)]
Frequency = Annotated[Quantity, *_positive(Dimension.FREQUENCY)]
ScanRate = Annotated[Quantity, *_positive(Dimension.SCAN_RATE)]
Resistance = Annotated[Quantity, *_positive(Dimension.RESISTANCE)]
Area = Annotated[Quantity, *_positive(Dimension.AREA)]
Mass = Annotated[Quantity, *_positive(Dimension.MASS)]
Length = Annotated[Quantity, *_positive(Dimension.LENGTH)]
Temperature = Annotated[Quantity, *_signed(Dimension.TEMPERATURE)]


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
