"""The parameters of a recipe: values that are set when it is used, each with its default and what it may be.

>>> one = Parameter.model_validate({"default": "0.2 mA/cm2", "from": "0.01 mA/cm2", "to": "1 mA/cm2"})
>>> one.objection("2 mA/cm2")
'0.01 mA/cm2 to 1 mA/cm2'
>>> one.objection("0.3 mA")
'a current per area, as 0.01 mA/cm2'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from protocols.field_types import FileModel, Line, problem
from protocols.quantities import Dimension, Quantity, QuantityError, parse_quantity
from protocols.value_lists import members
from protocols.written_steps import Scalar

_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[
    tuple[Scalar, ...],
    BeforeValidator(_listed, json_schema_input_type=Scalar | list[Scalar]),
    Field(min_length=1, max_length=1000),
]


class Parameter(FileModel):
    """A parameter: its ``default``, the ends of its range or the words it is ``one_of``, and what it is for (``why``).

    Without a default it must be set each time.
    """

    default: Texts | None = None
    low: Annotated[Scalar | None, Field(alias="from")] = None
    high: Annotated[Scalar | None, Field(alias="to")] = None
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=20)] | None = None
    why: Line | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        low, high = (None if end is None else _amount(end) for end in (self.low, self.high))
        for end, amount in ((self.low, low), (self.high, high)):
            if end is not None and amount is None:
                raise problem(f"{end!a}", "a value with its unit, such as 0.01 mA/cm2, or a plain number")
        if low and high and (low[1] != high[1] or low[0] > high[0]):
            raise problem(f"from {self.low} to {self.high}", "two values of one kind, the lower one first")
        if self.one_of is not None and (low or high):
            raise problem("a range and one_of", "either of them")
        for value in self.default or ():
            if value.startswith("$"):
                raise problem(f"the default {value}", "a value: defaults are not made of other parameters")
        if self.default is not None and (why := self._refused(self.default)):
            raise problem(f"the default {why[0]}", why[1])
        return self

    def objection(self, *values: str) -> str:
        """Say what is expected in place of values; empty where all of them may be."""
        found = self._refused(values)
        return found[1] if found else ""

    def _refused(self, values: Sequence[str]) -> tuple[str, str] | None:
        try:
            singles = [one for value in values for one in members(value)]
        except PydanticCustomError as err:
            context = err.context or {}
            return values[0], str(context.get("expected"))
        return next(((one, why) for one in singles if (why := self._one(one))), None)

    def _one(self, value: str) -> str:
        if self.one_of is not None:
            return "" if value in self.one_of else self.range
        like = next(
            (one for text in (self.low, self.high, *(self.default or ())) if text for one in members(text)), None
        )
        kind, amount = None if like is None else _amount(like), _amount(value)
        if like is None or kind is None:
            return ""
        if amount is None or amount[1] != kind[1]:
            return f"a {kind[1] or 'plain number'}, as {like}"
        if (self.low or self.high) and amount[2] != kind[2]:
            return f"a value such as {like}, which its range can bound"
        ends = [None if end is None else _amount(end) for end in (self.low, self.high)]
        is_outside = (ends[0] and amount[0] < ends[0][0]) or (ends[1] and amount[0] > ends[1][0])
        return self.range if is_outside else ""

    @property
    def range(self) -> str:
        """What it may be, in words, and why, where that is said; empty where nothing is said of it."""
        words = allowed(self.one_of or (), self.low, self.high)
        return f"{words} ({self.why})" if words and self.why else words


def allowed(one_of: Sequence[str], low: str | None, high: str | None) -> str:
    """Say what a parameter may be; empty where nothing is said of it."""
    if one_of:
        return " or ".join(one_of)
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def _amount(text: str) -> tuple[Decimal, Dimension | None, str] | None:
    """Read a value as a number of a dimension, in its base unit, and what it is a part of; None for a word."""
    if _NUMBER.fullmatch(text):
        return Decimal(text), None, ""
    try:
        quantity: Quantity = parse_quantity(text)
    except QuantityError:
        return None
    return quantity.exact, quantity.dimension, "" if quantity.of is None else str(quantity.of)
