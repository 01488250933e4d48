"""The change of a cell's resistances and conductivity over its cycles, in one row a spectrum, and as a trend.

Each spectrum is fitted and checked as ``orchestrator.analysis.resistance_history`` does; its conductivity is that of
``orchestrator.analysis.conductivity``, where the cell's file says area and thickness. The trend of a resistance is the
straight line over the cycles, each value weighted by the inverse square of its error, with the standard error of its
slope; the scatter about the line enlarges it where the errors alone do not explain it. Three spectra at least have a
trend, and a spectrum that changed while it was measured, or of a shorted cell, has no part in it. A spectrum of a fresh
cell (cycle 0) has none either: interfaces settle in the first cycles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit import fit_cell
from orchestrator.analysis.conductivity import Conductivity, conductivity
from orchestrator.analysis.kramers_kronig import Steadiness, kramers_kronig
from orchestrator.analysis.resistance_history import interface_row
from orchestrator.analysis.sample_blocks import Floats
from protocols.cell import CellKind
from protocols.program import CellFacts

_FEWEST = 3


@dataclass(frozen=True, slots=True)
class SpectrumRow:
    """What one spectrum says; None is what it does not determine. Errors are standard errors in the same unit."""

    cycle: int
    electrolyte_ohm: float | None
    electrolyte_error_ohm: float | None
    interface_ohm: float | None
    interface_error_ohm: float | None
    conductivity_s_cm: float | None
    conductivity_error_s_cm: float | None
    steady: Steadiness
    shorted: bool
    circuit: str
    remark: str


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope of a resistance in ohm a cycle with its standard error, and over how many spectra."""

    of: str
    ohm_per_cycle: float
    error_ohm_per_cycle: float
    spectra: int


def spectrum_rows(
    spectra: Iterable[tuple[int, Spectrum]], cell: CellFacts, series_ohm: float = 0.0
) -> list[SpectrumRow]:
    """Fit spectra given with their cycles, in the order of the cycles; some half a second for each.

    ``series_ohm`` is the resistance of contacts and leads, for the conductivity.
    """
    found = []
    for cycle, spectrum in sorted(spectra, key=lambda pair: pair[0]):
        check = kramers_kronig(spectrum)
        fit = fit_cell(spectrum, CellKind(cell.kind), check.spoiled_hz)
        row, sigma = interface_row(cycle, fit, check), None
        if cell.electrolyte_thickness_um is not None and cell.area_cm2 is not None:
            try:
                sigma = conductivity(fit, cell.electrolyte_thickness_um, cell.area_cm2, series_ohm)
            except ValueError:  # a shorted cell, or a spectrum that does not tell: the remark says so
                sigma = None
        found.append(
            SpectrumRow(
                cycle=cycle,
                electrolyte_ohm=None if row.electrolyte is None else row.electrolyte.value,
                electrolyte_error_ohm=None if row.electrolyte is None else row.electrolyte.error,
                interface_ohm=None if row.interface is None else row.interface.value,
                interface_error_ohm=None if row.interface is None else row.interface.error,
                conductivity_s_cm=_value(sigma),
                conductivity_error_s_cm=None if sigma is None else sigma.value.error,
                steady=row.steady,
                shorted=row.shorted,
                circuit=row.circuit,
                remark=row.remark,
            )
        )
    return found


def _value(sigma: Conductivity | None) -> float | None:
    return None if sigma is None else sigma.value.value


def trends(rows: Sequence[SpectrumRow]) -> list[Trend]:
    """Return the trends of electrolyte and interface that the rows have."""
    found = []
    for of in ("electrolyte", "interface"):
        points = [
            (row.cycle, value, max(error, 1e-6 * abs(value)))
            for row in rows
            if row.cycle and row.steady is not Steadiness.CHANGED and not row.shorted
            if (value := getattr(row, f"{of}_ohm")) is not None
            if (error := getattr(row, f"{of}_error_ohm")) is not None
        ]
        if len({cycle for cycle, _, _ in points}) >= _FEWEST:
            slope, error = _line(*np.array(points, float).T)
            found.append(Trend(of, slope, error, len(points)))
    return found


def _line(x: Floats, y: Floats, error: Floats) -> tuple[float, float]:
    """Return the slope of the weighted straight line, and its standard error."""
    weight = 1 / error**2
    from_x = x - np.average(x, weights=weight)
    from_y = y - np.average(y, weights=weight)
    square = float((weight * from_x**2).sum())
    slope = float((weight * from_x * from_y).sum()) / square
    left = float((weight * (from_y - slope * from_x) ** 2).sum()) / (len(x) - 2)
    return slope, float(np.sqrt(max(1.0, left) / square))
