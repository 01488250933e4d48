"""Numbers of other programs as a recipe writes them: decimal from the file to the recipe, without binary dust.

>>> time_text(Decimal(7200)), milliampere_text(Decimal("0.157080")), capacity_text(Decimal("0.0005"))
('2 h', '0.15708 mA', '0.5 mAh')
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from protocols.formats.file_contents import FormatError

_TIMES = (("h", 3600), ("min", 60), ("s", 1))
# Finer than any tester sets: times of files in ms with six decimals, charges that were divided by 3600.
_FINEST = Decimal("1e-12")
# In any unit of any file: more than a tester counts in its life.
_LARGEST = Decimal("1e15")


def plain(value: Decimal) -> str:
    """Give a number in plain digits."""
    rounded = value.quantize(_FINEST) if abs(value) < 10**9 else value
    return f"{rounded.normalize():f}" if rounded else "0"


def exact(value: float) -> Decimal:
    """Give the shortest decimal number that is this float."""
    return Decimal(repr(value))


def number(value: object, where: str) -> Decimal:
    """Read a finite number of a file. Raises FormatError."""
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise FormatError(f"{where} is {value!r:.60}; expected a number") from None
    if isinstance(value, bool) or not found.is_finite() or abs(found) > _LARGEST:
        raise FormatError(f"{where} is {value!r:.60}; expected a number")
    return found


def positive(value: object, where: str) -> Decimal | None:
    """Read a number that is none where it is 0. Raises FormatError for one below 0."""
    found = number(value, where)
    if found < 0:
        raise FormatError(f"{where} is {plain(found)}, below 0")
    return found or None


def count(value: object, where: str) -> int:
    """Read a whole number. Raises FormatError."""
    found = number(value, where)
    if found % 1:
        raise FormatError(f"{where} is {plain(found)}; expected a whole number")
    return int(found)


def time_text(seconds: Decimal) -> str:
    """Give a time with the largest unit of which it is a whole number."""
    symbol, factor = next((one for one in _TIMES if seconds % one[1] == 0), _TIMES[-1])
    return f"{plain(seconds / factor)} {symbol}"


def milliampere_text(milliamperes: Decimal) -> str:
    """Give a current. Raises FormatError for one that is 0 in the finest digits of a recipe."""
    digits = plain(milliamperes)
    if digits == "0":
        raise FormatError(f"a current of {milliamperes} mA is none that a tester could set")
    return f"{digits} mA"


def voltage_text(volts: Decimal) -> str:
    """Give a voltage."""
    return f"{plain(volts)} V"


def capacity_text(ampere_hours: Decimal) -> str:
    """Give a charge."""
    return f"{plain(ampere_hours * 1000)} mAh"
