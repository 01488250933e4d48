"""Quantities are exact, and what is not exactly a quantity is refused with a hint."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.quantities import UNITS, Dimension, QuantityError, parse_quantity

_units = st.sampled_from(sorted(UNITS))
_numbers = st.decimals(min_value=Decimal("1e-9"), max_value=Decimal("1e9"), allow_nan=False, places=9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.2 mA/cm2", 0.0002),
        ("200 mA/g", 0.2),
        ("0.5 C", 0.5),
        ("4.0 V", 4.0),
        ("-0.5 V", -0.5),
        ("0 V", 0.0),
        ("5 mV", 0.005),
        ("1 h", 3600.0),
        ("1.5 d", 129600.0),
        ("0.187 mAh", 0.000187),
        ("170 mAh/g", 0.17),
        ("78.54 mm2", 0.7854),
        ("1.10 mg", 0.0011),
        ("90 um", 0.00009),
        ("10 mHz", 0.01),
        ("1 MHz", 1e6),
        ("60 degC", 60.0),
        ("1e-3 A", 0.001),
        ("30s", 30.0),
        ("0.5C", 0.5),
        ("C/10", 0.1),
        ("1/3 C", 1 / 3),
        ("2C/3", 2 / 3),
        ("10 % of nominal capacity", 0.1),
    ],
)
def test_value_is_the_float_nearest_to_what_was_written(text: str, value: float) -> None:
    """Conversion to the base unit leaves no binary dust."""
    assert parse_quantity(text).value == value


@given(number=_numbers, symbol=_units)
def test_conversion_is_decimal(number: Decimal, symbol: str) -> None:
    """Any number in any unit is its decimal product with the factor, rounded once, at the end."""
    quantity = parse_quantity(f"{number:f} {symbol}")
    assert quantity.exact == number * UNITS[symbol].factor
    assert quantity.value == float(number * UNITS[symbol].factor)
    assert quantity.to(symbol) == float(number)


@given(number=_numbers, symbol=_units)
def test_text_of_a_quantity_reads_back(number: Decimal, symbol: str) -> None:
    """What a quantity prints is the same quantity."""
    quantity = parse_quantity(f"{number:f} {symbol}")
    assert parse_quantity(str(quantity)) == quantity


@given(st.text(max_size=30) | st.from_regex(r"[-+0-9.eE_:, ]{1,12} ?[A-Za-z/0-9µ]{0,7}", fullmatch=True))
def test_any_text_is_a_finite_quantity_or_refused(text: str) -> None:
    """No text gives anything but a finite value or a QuantityError."""
    try:
        quantity = parse_quantity(text)
    except QuantityError:
        return
    assert isfinite(quantity.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "mA",
        "0.2",
        "0.2 ",
        "nan V",
        "NaN V",
        "inf V",
        "-inf V",
        "Infinity s",
        "1e999 A",
        "1e-999 A",
        "1e20 V",
        "0x10 V",
        "1_000 s",
        "1:30 h",
        "1/2 V",
        ".5 V",
        "5. V",
        "- 0.5 V",
        "--1 V",
        "4.0 V V",
        "4.0 V;",
        "4.0 V\n",
        "\u0664 V",
        "4.0\u00a0V",
        "4.0 v",
        "1 H",
        "1 S",
        "1 k\u03a9",
        "1 coulomb",
        "9" * 50 + " V",
        "1 V" + " " * 100,
    ],
)
def test_what_is_not_exactly_a_quantity_is_refused(text: str) -> None:
    """Numbers without units, other number forms, foreign digits and trailing junk are refused."""
    with pytest.raises(QuantityError):
        parse_quantity(text)


@pytest.mark.parametrize("value", [0.2, 1, True, None, ["1 V"], {"V": 1}, b"1 V", float("nan")])
def test_only_text_can_carry_a_unit(value: object) -> None:
    """A bare number has no unit, whatever it is."""
    with pytest.raises(QuantityError, match="without a unit"):
        parse_quantity(value)


@pytest.mark.parametrize(
    ("text", "dimension", "hint"),
    [
        ("0.2 MA", Dimension.CURRENT, "mA"),
        ("0.2 MA/cm2", Dimension.AREAL_CURRENT, "mA/cm2"),
        ("5 MV", Dimension.VOLTAGE, "mV"),
        ("5 \u00b5A", Dimension.CURRENT, "5 uA"),
        ("5 \u03bcA", Dimension.CURRENT, "5 uA"),
        ("60 \u00b0C", Dimension.TEMPERATURE, "degC"),
        ("10 \u03a9", Dimension.RESISTANCE, "ohm"),
        ("0,2 mA", Dimension.CURRENT, "0.2 mA"),
        ("25 C", Dimension.TEMPERATURE, "degC"),
        ("1 V", Dimension.TIME, "s, ms, min, h or d"),
    ],
)
def test_common_slips_are_answered_with_what_to_write(text: str, dimension: Dimension, hint: str) -> None:
    """The message names the spelling that was meant."""
    with pytest.raises(QuantityError) as caught:
        parse_quantity(text, dimension)
    assert hint in caught.value.expected


def test_c_is_a_rate_and_never_a_coulomb() -> None:
    """``0.5 C`` is a rate; it is no charge."""
    assert parse_quantity("0.5 C").dimension is Dimension.RATE
    with pytest.raises(QuantityError, match="C rate"):
        parse_quantity("0.5 C", Dimension.CHARGE)


def test_other_dimension_cannot_be_converted_to() -> None:
    """A voltage cannot be told in seconds."""
    with pytest.raises(ValueError, match="voltage"):
        parse_quantity("1 V").to("s")


def test_milli_and_mega_differ() -> None:
    """``mHz`` and ``MHz`` are a factor of 1e9 apart."""
    assert parse_quantity("1 MHz").exact == parse_quantity("1 mHz").exact * 10**9


@given(
    above=st.decimals(min_value=Decimal("0.1"), max_value=Decimal(99), places=1),
    below=st.decimals(min_value=Decimal("0.1"), max_value=Decimal(999), places=1),
)
def test_rate_as_a_fraction_is_its_quotient_and_keeps_its_text(above: Decimal, below: Decimal) -> None:
    """``2C/3`` and ``2/3 C`` are one rate, of 28 digits, and are printed as they were written."""
    for text in (f"{above}C/{below}", f"{above}/{below} C"):
        rate = parse_quantity(text, Dimension.RATE)
        assert rate.exact == above / below
        assert str(rate) == text
        assert parse_quantity(str(rate)) == rate


@pytest.mark.parametrize("text", ["C/0", "C/", "C/10 C", "1/3", "C", "/3 C", "C/-3", "10 %", "10 % of capacity"])
def test_half_a_fraction_or_share_is_refused(text: str) -> None:
    """Nothing is read into a rate by zero, one without its C, or a share of nothing."""
    with pytest.raises(QuantityError):
        parse_quantity(text, Dimension.RATE, Dimension.CAPACITY_SHARE)
