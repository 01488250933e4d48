"""Several values written as one: ``[0.1, 0.2, 0.5] mA/cm2`` and ``from 0.05 to 2 in steps of 0.05 mA/cm2``.

Steps of a range are decimal and exact, and both of its ends are in it. The unit behind all is that of each number that
has none of its own; ``of`` behind all is of each value.

>>> members("[C/10, C/5, 1 C]"), members("from 0.1 to 0.3 in steps of 0.1 mA/cm2")
(('C/10', 'C/5', '1 C'), ('0.1 mA/cm2', '0.2 mA/cm2', '0.3 mA/cm2'))
>>> members("[C/10, 1 C] of step check"), members("[5, 10] % of cycle 1")
(('C/10 of step check', '1 C of step check'), ('5 % of cycle 1', '10 % of cycle 1'))
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field

from protocols.field_types import problem
from protocols.meant_words import meant_several

VALUES_MAX = 1000
"""A ramp in steps of a thousandth of its end; more would be a slip in the steps."""

_Value = TypeVar("_Value")
_SHOWN = 60
_LIST = re.compile(r"\[([^\[\]]*)\] *(.*)")
_RANGE = re.compile(
    r"from (?P<first>[+-]?[0-9.]+) *(?P<first_unit>\S.*?)? to (?P<last>[+-]?[0-9.]+) *(?P<last_unit>\S.*?)? "
    r"in steps of (?P<step>[+-]?[0-9.]+) *(?P<unit>\S.*)?"
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")
_BARE = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?( */ *[0-9]+(\.[0-9]+)?)?")


def is_several(text: str) -> bool:
    """Tell whether a text stands for several values."""
    return text.startswith(("[", "from "))


def members(text: str) -> tuple[str, ...]:
    """Give each value of a text with its unit, in order; one that is no list and no range alone.

    Raises the error that a loader turns into a line with file and field.
    """
    text = text.strip()
    if text.startswith("["):
        return _listed(text)
    if text.startswith("from "):
        return _in_range(text)
    if (meant := meant_several(text)) is not None:
        raise problem(f"{text[:_SHOWN]!a}", meant)
    return (text,)


def _listed(text: str) -> tuple[str, ...]:
    match = _LIST.fullmatch(text)
    if match is None:
        raise problem(f"{text[:_SHOWN]!a}", "a list with one unit behind it, such as [0.1, 0.2, 0.5] mA/cm2")
    parts, unit = [part.strip() for part in match[1].split(",")], match[2].strip()
    if not all(parts):
        raise problem(f"{text[:_SHOWN]!a}, with an empty place", "a value between all commas")
    return _bounded(text, _with_unit(text, parts, unit))


def _with_unit(text: str, parts: list[str], unit: str) -> tuple[str, ...]:
    """Give each value the unit behind the list, if it has none; what values are a part of is that of each of them."""
    if unit.startswith("of "):
        return tuple(f"{part} {unit}" for part in parts)
    bare = [part for part in parts if _BARE.fullmatch(part)]
    if unit and not bare:
        raise problem(
            f"{text[:_SHOWN]!a}, where every value has its own unit", "nothing behind the list, or bare numbers"
        )
    if " of " in unit and len(bare) < len(parts):
        other = next(part for part in parts if part not in bare)
        raise problem(f"{text[:_SHOWN]!a}, of which '{other}' has a unit of its own", f"numbers alone before '{unit}'")
    return tuple(f"{part} {unit}" if unit and part in bare else part for part in parts)


def _in_range(text: str) -> tuple[str, ...]:
    match = _RANGE.fullmatch(text)
    if match is None or not all(_NUMBER.fullmatch(match[name]) for name in ("first", "last", "step")):
        raise problem(f"{text[:_SHOWN]!a}", "a range, such as from 0.05 to 2 in steps of 0.05 mA/cm2")
    units = {match[name] for name in ("first_unit", "last_unit", "unit")} - {None}
    if len(units) > 1:
        raise problem(f"{text[:_SHOWN]!a}", "one unit for both ends and the steps")
    first, last, step = (Decimal(match[name]) for name in ("first", "last", "step"))
    step = abs(step) if last >= first else -abs(step)
    if not step:
        raise problem(f"{text[:_SHOWN]!a}", "steps of more than 0")
    count, left = divmod(last - first, step)
    if count >= VALUES_MAX:
        raise problem(f"{int(count) + 1} values in {text[:_SHOWN]!a}", f"at most {VALUES_MAX}: larger steps")
    if left:
        reached = _plain(first + count * step)
        raise problem(f"{text[:_SHOWN]!a}", f"an end that the steps reach: {reached} or {_plain(last - left + step)}")
    unit = f" {units.pop()}" if units else ""
    return tuple(f"{_plain(first + number * step)}{unit}" for number in range(int(count) + 1))


def _bounded(text: str, found: tuple[str, ...]) -> tuple[str, ...]:
    if len(found) > VALUES_MAX:
        raise problem(f"{len(found)} values in {text[:_SHOWN]!a}", f"at most {VALUES_MAX}")
    return found


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _read(value: Any) -> Any:  # noqa: ANN401 - of a file, before it is read
    if isinstance(value, str):
        return members(value)
    return value


def exact_ratio(ratio: float) -> Decimal:
    """Give a ratio as the decimal number that a file has for it."""
    return Decimal(repr(ratio))


# One value or several, as a tuple: what a block that has a step for each of them takes.
Values = Annotated[
    tuple[_Value, ...],
    BeforeValidator(_read, json_schema_input_type=str | list[str]),
    Field(min_length=1, max_length=VALUES_MAX),
]
