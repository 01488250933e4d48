"""The change of a cell's resistances over its cycles, from the spectra measured between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit import fit_cell
from orchestrator.analysis.impedance import Quantity
from orchestrator.analysis.kramers_kronig import kramers_kronig
from protocols.cell import CellKind


@dataclass(frozen=True, slots=True)
class InterfaceRow:
    """The results of one spectrum in a row, with the cycle after which it was measured.

    ``interface`` is None for a cell without an arc. ``steady`` is the Kramers-Kronig verdict. ``remark`` is empty for
    an ordinary spectrum.
    """

    cycle: int
    electrolyte: Quantity
    interface: Quantity | None
    relative_residual: float
    steady: bool
    remark: str


def interface_over_cycles(
    spectra: Iterable[tuple[int, Spectrum]], kind: CellKind = CellKind.LI_LI
) -> list[InterfaceRow]:
    """Fit spectra given with their cycle numbers; the rows come in the order of the cycles. About 0.5 s a spectrum."""
    rows = []
    for cycle, spectrum in sorted(spectra, key=lambda pair: pair[0]):
        fit, check = fit_cell(spectrum, kind), kramers_kronig(spectrum)
        remarks = [fit.remark] if check.passes else [fit.remark, check.sentence]
        rows.append(
            InterfaceRow(
                cycle=cycle,
                electrolyte=fit.electrolyte,
                interface=fit.interface,
                relative_residual=fit.relative_residual,
                steady=check.passes,
                remark="; ".join(filter(None, remarks)),
            )
        )
    return rows
