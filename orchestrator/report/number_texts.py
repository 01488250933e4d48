"""Numbers as reports print them."""

from __future__ import annotations


def figures(value: float, most: int = 4) -> str:
    """Return a number with so many significant figures, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 10**most else f"{value:#.{most}g}".rstrip(".")
