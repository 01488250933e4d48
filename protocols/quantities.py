"""Quantities as a technician writes them, a decimal number and one unit out of a closed table, and the fields for them.

General unit libraries read ``0.5 C`` as half a coulomb and refuse ``mA/cm2``, so the table is our own. Numbers stay
decimal until the last moment: 0.2 mA/cm2 on 0.7854 cm2 is 0.00015708 A, without binary dust.

>>> parse_quantity("0.2 mA/cm2", Dimension.AREAL_CURRENT).value
0.0002
>>> parse_quantity("1.10 mg").to("ug")
1100.0
>>> parse_quantity("C/10") == parse_quantity("0.1 C"), str(parse_quantity("1/3 C"))
(True, '1/3 C')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from protocols.field_types import problem
from protocols.meant_words import meant_quantity, meant_several
from protocols.measured_source import SOURCE_PATTERN, MeasuredSource, meant_source, taken_from


class Dimension(StrEnum):
    """What a unit measures; the value is the words used in messages."""

    CURRENT = "current"
    AREAL_CURRENT = "current per area"
    SPECIFIC_CURRENT = "current per mass"
    RATE = "C rate"
    POWER = "power"
    AREAL_POWER = "power per area"
    SPECIFIC_POWER = "power per mass"
    VOLTAGE = "voltage"
    TIME = "time"
    CHARGE = "charge"
    AREAL_CAPACITY = "charge per area"
    SPECIFIC_CAPACITY = "charge per mass"
    CAPACITY_SHARE = "share of the nominal capacity"
    LENGTH = "length"
    AREA = "area"
    MASS = "mass"
    RESISTANCE = "resistance"
    TEMPERATURE = "temperature"
    FREQUENCY = "frequency"
    SCAN_RATE = "scan rate"
    CONDUCTIVITY = "conductivity"


# Per dimension: spelling and factor to the base unit. The base unit is the spelling with factor 1, or, where that is
# not a spelling (A/cm2, Ah/cm2, Ah/g, m), the obvious one. The rate's base is 1/h, that of a share 1.
_TABLE: Mapping[Dimension, Mapping[str, str]] = {
    Dimension.CURRENT: {"A": "1", "mA": "1e-3", "uA": "1e-6"},
    Dimension.AREAL_CURRENT: {"mA/cm2": "1e-3", "uA/cm2": "1e-6"},
    Dimension.SPECIFIC_CURRENT: {"A/g": "1", "mA/g": "1e-3"},
    Dimension.RATE: {"C": "1"},
    Dimension.POWER: {"W": "1", "mW": "1e-3", "uW": "1e-6"},
    Dimension.AREAL_POWER: {"mW/cm2": "1e-3"},
    Dimension.SPECIFIC_POWER: {"W/g": "1", "mW/g": "1e-3"},
    Dimension.VOLTAGE: {"V": "1", "mV": "1e-3"},
    Dimension.TIME: {"s": "1", "ms": "1e-3", "min": "60", "h": "3600", "d": "86400"},
    Dimension.CHARGE: {"Ah": "1", "mAh": "1e-3"},
    Dimension.AREAL_CAPACITY: {"mAh/cm2": "1e-3"},
    Dimension.SPECIFIC_CAPACITY: {"mAh/g": "1e-3"},
    Dimension.CAPACITY_SHARE: {"% of nominal capacity": "1e-2"},
    Dimension.LENGTH: {"mm": "1e-3", "um": "1e-6"},
    Dimension.AREA: {"cm2": "1", "mm2": "1e-2"},
    Dimension.MASS: {"g": "1", "mg": "1e-3", "ug": "1e-6"},
    Dimension.RESISTANCE: {"ohm": "1", "kohm": "1e3"},
    Dimension.TEMPERATURE: {"degC": "1"},
    Dimension.FREQUENCY: {"Hz": "1", "kHz": "1e3", "mHz": "1e-3", "MHz": "1e6"},
    Dimension.SCAN_RATE: {"V/s": "1", "mV/s": "1e-3"},
    Dimension.CONDUCTIVITY: {"S/cm": "1", "mS/cm": "1e-3"},
}


@dataclass(frozen=True, slots=True)
class Unit:
    """One spelling; a number times ``factor`` is in the base unit of its dimension."""

    symbol: str
    dimension: Dimension
    factor: Decimal


UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        symbol: Unit(symbol, dimension, Decimal(factor))
        for dimension, spellings in _TABLE.items()
        for symbol, factor in spellings.items()
    }
)

_TEXT_MAX = 60
_MEASURED_TEXT_MAX = 120
_QUANTITY = re.compile(
    r"([+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?) *([A-Za-z][A-Za-z0-9/]*|% of nominal capacity)"
)
# A rate as a fraction, as people say it: C/10, 1/3 C, 2C/3.
_FRACTION = re.compile(
    r"(?:(?P<times>[0-9]{1,6}(?:\.[0-9]{1,6})?)? *C *|(?P<above>[0-9]{1,6}(?:\.[0-9]{1,6})?) *)"
    r"/ *(?P<below>[0-9]{1,6}(?:\.[0-9]{1,6})?)(?P<unit> *C)?"
)
_PERCENT = re.compile(
    r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *%(?: of (?:the )?(?:capacity|nominal|nominal_capacity|nominal capacity))?"
)
_PERCENT_ALONE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *%")
_ONE_VALUE = "one value; several stand in a block, or in `for_each` around a step"
_BARE_NUMBER = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+ *[A-Za-z].*")
_ABSOLUTE_ZERO_DEGC = Decimal("-273.15")
_SMALLEST, _LARGEST = Decimal("1e-18"), Decimal("1e15")
_ASCII_FOR = {"\u00b5": "u", "\u03bc": "u", "\u03a9": "ohm", "\u2126": "ohm", "\u00b0": "deg", "\u00b2": "2"}


class QuantityError(ValueError):
    """A text is not a quantity of the wanted kind; ``seen`` and ``expected`` are for the technician."""

    def __init__(self, seen: str, expected: str) -> None:
        super().__init__(f"saw {seen}; expected {expected}")
        self.seen = seen
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Quantity:
    """A decimal number with a unit of the table, as it was written.

    ``exact`` is the number in the base unit of its ``dimension`` (A, A/cm2, A/g, 1/h, W, W/cm2, W/g, V, s, Ah,
    Ah/cm2, Ah/g, 1, m, cm2, g, ohm, degC, Hz, V/s, S/cm), ``value`` the float nearest to it. ``fraction``: the text of
    a rate that was written as one; its number is the nearest decimal one of 28 digits. ``of``: the measured charge to
    which a rate or a share refers in place of the nominal capacity.
    """

    number: Decimal
    unit: Unit
    fraction: str | None = field(default=None, repr=False, compare=False)
    of: MeasuredSource | None = field(default=None, repr=False)
    dimension: Dimension = field(init=False, repr=False, compare=False)
    exact: Decimal = field(init=False, repr=False, compare=False)
    value: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        exact = self.number * self.unit.factor
        object.__setattr__(self, "dimension", self.unit.dimension)
        object.__setattr__(self, "exact", exact)
        object.__setattr__(self, "value", float(exact))

    def to(self, symbol: str) -> float:
        """Give the number in another unit of the same dimension; KeyError or ValueError for any other."""
        unit = UNITS[symbol]
        if unit.dimension is not self.dimension:
            raise ValueError(f"{self} is a {self.dimension}, {symbol} a {unit.dimension}")
        return float(self.exact / unit.factor)

    def times(self, factor: Decimal) -> Quantity:
        """Give so many times this quantity, in its unit."""
        return Quantity(Decimal(format((self.number * factor).normalize(), "f")), self.unit, of=self.of)

    def __str__(self) -> str:
        if self.of is None:
            return self.fraction or f"{self.number} {self.unit.symbol}"
        part = f"{self.number} %" if self.dimension is Dimension.CAPACITY_SHARE else f"{self.number} C"
        return f"{self.fraction or part} of {self.of}"


def spellings(*dimensions: Dimension) -> str:
    """List the unit spellings of these dimensions for a message: ``mA, uA or A``."""
    symbols = [symbol for dimension in dimensions for symbol in _TABLE[dimension]]
    return symbols[0] if len(symbols) == 1 else f"{', '.join(symbols[:-1])} or {symbols[-1]}"


def parse_quantity(text: object, *dimensions: Dimension) -> Quantity:
    """Read ``0.2 mA/cm2``. Without ``dimensions`` any unit will do; raises QuantityError for everything else."""
    wanted = dimensions or tuple(_TABLE)
    expected = f"{_article(wanted)} with a unit out of {spellings(*wanted)}"
    if Dimension.CAPACITY_SHARE in wanted:
        expected = f"{expected}, or such as '10 % of step NAME', a name without spaces"
    if isinstance(text, list) and all(isinstance(one, str) for one in text) and len(text) > 1:
        raise QuantityError(f"a list of {len(text)} values", _ONE_VALUE)
    if not isinstance(text, str):
        raise QuantityError(f"{text!r:.60} without a unit", expected)
    if Dimension.RATE in wanted and (rate := _rate(text)) is not None:
        return rate
    if (taken := taken_from(text)) is not None:
        return _measured(text, *taken, wanted)
    match = _QUANTITY.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if match is None:
        raise QuantityError(_show(text), _hint(text) or _share(text, wanted) or _meant(text, wanted) or expected)
    unit = UNITS.get(match[2])
    if unit is None:
        meant = _near_unit(match[1], match[2], wanted) or _meant(text, wanted)
        raise QuantityError(f"{_show(text)} with the unknown unit {match[2]}", meant or expected)
    if unit.dimension not in wanted:
        raise QuantityError(f"{_show(text)}, a {unit.dimension}", expected)
    quantity = Quantity(Decimal(match[1]), unit)
    if quantity.exact and not _SMALLEST <= abs(quantity.exact) <= _LARGEST:
        raise QuantityError(_show(text), "a number of a size that can be measured")
    return quantity


def _measured(text: str, head: str, source: MeasuredSource, wanted: tuple[Dimension, ...]) -> Quantity:
    """Read a rate, or a share, of a charge that the run has measured. Raises QuantityError."""
    share = _PERCENT_ALONE.fullmatch(head)
    if share is not None and Dimension.CAPACITY_SHARE in wanted and Decimal(share[1]):
        return Quantity(Decimal(share[1]), UNITS["% of nominal capacity"], of=source)
    rate = _rate(head)
    match = _QUANTITY.fullmatch(head)
    if rate is None and match is not None and match[2] == "C":
        rate = Quantity(Decimal(match[1]), UNITS["C"])
    if rate is not None and Dimension.RATE in wanted:
        return Quantity(rate.number, rate.unit, rate.fraction, source)
    if (near := meant_source(text)) is not None and near != text.strip():
        raise QuantityError(ascii(text), f"'{near}'")
    if Dimension.RATE in wanted:
        raise QuantityError(ascii(text), f"a C rate, such as 'C/3 of {source}'")
    if Dimension.CAPACITY_SHARE in wanted:
        raise QuantityError(ascii(text), f"a part above zero in per cent, such as '80 % of {source}'")
    raise QuantityError(ascii(text), f"{_article(wanted)} with a unit out of {spellings(*wanted)}")


def _rate(text: str) -> Quantity | None:
    """Read a C rate that is written as a fraction; None for any other text, and for one by zero."""
    match = _FRACTION.fullmatch(text.strip()) if len(text) <= _TEXT_MAX else None
    if match is None or (match["above"] is None) != (match["unit"] is None) or not Decimal(match["below"]):
        return None
    above = Decimal(match["above"] or match["times"] or 1)
    return Quantity(above / Decimal(match["below"]), UNITS["C"], text.strip())


def _article(dimensions: tuple[Dimension, ...]) -> str:
    words = " or ".join(dimensions)
    return f"{'an' if words.startswith('a') else 'a'} {words}"


def _show(text: str) -> str:
    return "nothing" if not text.strip() else ascii(text[:_TEXT_MAX]) + ("..." if len(text) > _TEXT_MAX else "")


def _hint(text: str) -> str | None:
    """Say what to write instead, where the slip is a common one."""
    if any(sign in text for sign in _ASCII_FOR):
        spelled = "".join(_ASCII_FOR.get(sign, sign) for sign in text)
        return f"ASCII only, u for micro: {spelled[:_TEXT_MAX]!a}"
    if _BARE_NUMBER.fullmatch(text):
        return None
    if text.startswith(("[", "from ")):
        return _ONE_VALUE
    if _DECIMAL_COMMA.fullmatch(text):
        return f"a decimal point: {text.replace(',', '.', 1)!a}"
    several = meant_several(text) if len(text) <= _TEXT_MAX else None
    return None if several is None else f"{_ONE_VALUE}, as {several}"


def _share(text: str, wanted: tuple[Dimension, ...]) -> str | None:
    """Write a share of the nominal capacity, where a percentage of nothing, or of another word for it, is written."""
    match = _PERCENT.fullmatch(text.strip()) if Dimension.CAPACITY_SHARE in wanted else None
    if match is not None:
        return f"'{match[1]} % of nominal capacity'"
    is_measurable = Dimension.CAPACITY_SHARE in wanted or Dimension.RATE in wanted
    near = meant_source(text) if is_measurable and len(text) <= _MEASURED_TEXT_MAX else None
    if near is None or (taken := taken_from(near)) is None:
        return None
    try:
        return f"'{_measured(near, *taken, wanted)}'"
    except QuantityError as err:
        return err.expected


def _near_unit(number: str, symbol: str, wanted: tuple[Dimension, ...]) -> str | None:
    """Write the number with the wanted spellings that differ by case only: ``MA`` is megaampere and never meant."""
    known = [symbol for symbol, unit in UNITS.items() if unit.dimension in wanted]
    near = [f"'{number} {other}'" for other in known if other.lower() == symbol.lower()]
    return f"{' or '.join(near)} (upper and lower case matter)" if near else None


def _meant(text: str, wanted: tuple[Dimension, ...]) -> str | None:
    """Write the quantity that was meant, where it would be one of the wanted."""
    meant = meant_quantity(text.strip()) if len(text) <= _TEXT_MAX else None
    match = None if meant is None else _QUANTITY.fullmatch(meant)
    unit = None if match is None else UNITS.get(match[2])
    return f"'{meant}'" if unit is not None and unit.dimension in wanted else None


def _reader(
    dimensions: tuple[Dimension, ...], accepts: Callable[[Decimal], bool], rule: str, *, measured: bool = False
) -> Callable[[object], Quantity]:
    def read(value: object) -> Quantity:
        """Read a value of a file as a quantity of these dimensions. Raises what the file's model reports."""
        try:
            quantity = value if isinstance(value, Quantity) else parse_quantity(value, *dimensions)
        except QuantityError as err:
            raise problem(err.seen, err.expected) from None
        if quantity.dimension not in dimensions:
            raise problem(f"{quantity}, a {quantity.dimension}", _article(dimensions))
        if quantity.of is not None and not measured:
            where = "the `current` of a step with constant current and the `capacity` that ends a step"
            raise problem(str(quantity), f"a value that is known before the run; only {where} may be measured")
        if not accepts(quantity.exact):
            raise problem(str(quantity), rule)
        return quantity

    return read


def _schema(dimensions: tuple[Dimension, ...], signed: bool, *, measured: bool = False) -> WithJsonSchema:
    symbols = "|".join(symbol for symbol, unit in UNITS.items() if unit.dimension in dimensions)
    number = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"
    pattern = f"{'[+-]' if signed else '[+]'}?{number} *({symbols})"
    if Dimension.RATE in dimensions:
        pattern = rf"({pattern}|([0-9.]+ *)?C */ *[0-9.]+|[0-9.]+ */ *[0-9.]+ *C)"
    if measured:
        part = r"[0-9.]+ *%" if Dimension.CAPACITY_SHARE in dimensions else r"[0-9./ ]*C( */ *[0-9.]+)?"
        pattern = rf"({pattern}|{part} of {SOURCE_PATTERN})"
    description = f"a {' or '.join(dimensions)} with its unit"
    return WithJsonSchema({"type": "string", "description": description, "pattern": f"^{pattern}$"})


def _positive(*dimensions: Dimension, measured: bool = False) -> tuple[PlainValidator, WithJsonSchema, PlainSerializer]:
    rule = "more than 0 (leave the key out if it is not wanted)"
    read = _reader(dimensions, lambda exact: exact > 0, rule, measured=measured)
    return PlainValidator(read), _schema(dimensions, signed=False, measured=measured), PlainSerializer(str)


def _signed(
    *dimensions: Dimension, accepts: Callable[[Decimal], bool] = lambda exact: True, rule: str = ""
) -> tuple[PlainValidator, WithJsonSchema, PlainSerializer]:
    return (
        PlainValidator(_reader(dimensions, accepts, rule)),
        _schema(dimensions, signed=True),
        PlainSerializer(str),
    )


_CURRENTS = (Dimension.CURRENT, Dimension.AREAL_CURRENT, Dimension.SPECIFIC_CURRENT, Dimension.RATE)
Current = Annotated[Quantity, *_positive(*_CURRENTS)]
# The current of a step: also a rate of a charge that the run has measured before it.
StepCurrent = Annotated[Quantity, *_positive(*_CURRENTS, measured=True)]
Power = Annotated[Quantity, *_positive(Dimension.POWER, Dimension.AREAL_POWER, Dimension.SPECIFIC_POWER)]
Capacity = Annotated[
    Quantity,
    *_positive(Dimension.CHARGE, Dimension.AREAL_CAPACITY, Dimension.SPECIFIC_CAPACITY),
]
# What a step may pass: of a cell whose nominal capacity is known, also a share of that.
_CHARGES = (Dimension.CHARGE, Dimension.AREAL_CAPACITY, Dimension.SPECIFIC_CAPACITY, Dimension.CAPACITY_SHARE)
Charge = Annotated[Quantity, *_positive(*_CHARGES)]
# The same, also a share of a charge that the run has measured before the step.
StepCharge = Annotated[Quantity, *_positive(*_CHARGES, measured=True)]
Voltage = Annotated[Quantity, *_signed(Dimension.VOLTAGE)]
VoltageStep = Annotated[Quantity, *_positive(Dimension.VOLTAGE)]
TemperatureStep = Annotated[Quantity, *_positive(Dimension.TEMPERATURE)]
Duration = Annotated[Quantity, *_positive(Dimension.TIME)]
Frequency = Annotated[Quantity, *_positive(Dimension.FREQUENCY)]
ScanRate = Annotated[Quantity, *_positive(Dimension.SCAN_RATE)]
Resistance = Annotated[Quantity, *_positive(Dimension.RESISTANCE)]
Area = Annotated[Quantity, *_positive(Dimension.AREA)]
Mass = Annotated[Quantity, *_positive(Dimension.MASS)]
Length = Annotated[Quantity, *_positive(Dimension.LENGTH)]
Conductivity = Annotated[Quantity, *_positive(Dimension.CONDUCTIVITY)]
Temperature = Annotated[
    Quantity,
    *_signed(
        Dimension.TEMPERATURE,
        accepts=lambda exact: exact > _ABSOLUTE_ZERO_DEGC,
        rule=f"more than {_ABSOLUTE_ZERO_DEGC} degC, absolute zero",
    ),
]
