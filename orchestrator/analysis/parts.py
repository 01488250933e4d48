"""The tables of an analysis by their names; nothing heavy is imported for the help of the command line."""

from __future__ import annotations

from enum import StrEnum


class Part(StrEnum):
    """A table of an analysis, by the name that the command line, JSON and files have for it."""

    CYCLES = "cycles"
    RETENTION = "retention"
    RATES = "rates"
    PEAKS = "peaks"
    RESISTANCES = "resistances"
    TITRATION = "titration"
    HALF_CYCLES = "half-cycles"
    HYSTERESIS = "hysteresis"
    FAILURES = "failures"
    CRITICAL_CURRENT = "critical-current"
    RESERVOIR = "reservoir"
    MEAN_EFFICIENCY = "mean-efficiency"
    SPECTRA = "spectra"
    TRENDS = "trends"
