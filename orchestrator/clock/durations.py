"""Says a duration as people do: in two units at most, such as ``19 h 5 min``."""

from __future__ import annotations

# Each unit in seconds with the next smaller one, in which the rest is told.
_UNITS = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))


def duration_words(duration_s: float) -> str:
    """Return a duration in days and hours, hours and minutes, minutes and seconds, or seconds; none is below 0 s."""
    for unit, unit_s, rest, rest_s in _UNITS:
        # Rounded first: 3599.7 s is an hour, and no 59 min 60 s.
        whole, left = divmod(round(duration_s / rest_s), unit_s // rest_s)
        if whole > 0:
            return f"{whole} {unit} {left} {rest}" if left else f"{whole} {unit}"
    return f"{max(0, round(duration_s))} s"
