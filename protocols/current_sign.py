"""The sign of a current, spelled out."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Which way current flows: charge is positive, into the working electrode's terminal."""

    CHARGE = "charge"
    DISCHARGE = "discharge"
