"""Writes numbers as the program does [9.3]."""

from __future__ import annotations


def exponent(value: float, figures: int = 4) -> str:
    """Write ``d.ddde+x``, the exponent without padding."""
    return _unpadded(f"{value:.{figures - 1}e}")


def decimal(value: float, places: int = 3) -> str:
    """Write a plain decimal as potentials of sweeps are: no zeros at its end."""
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def parameter(value: float) -> str:
    """Write a parameter: the shortest form, ``0.025``, ``3600``, ``5e-4``, ``2e+6``."""
    if value == 0.0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.10g}"
    mantissa, _, power = f"{value:.9e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    return _unpadded(f"{mantissa}e{power}")


def _unpadded(text: str) -> str:
    mantissa, _, power = text.partition("e")
    return f"{mantissa}e{power[0]}{power[1:].lstrip('0') or '0'}"
