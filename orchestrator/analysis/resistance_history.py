"""The change of a cell's resistances over its cycles, from the spectra measured between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.interfaces import Spectrum
from orchestrator.analysis.circuit import fit_cell
from orchestrator.analysis.circuit_fit import CircuitFit
from orchestrator.analysis.impedance import Quantity
from orchestrator.analysis.kramers_kronig import KramersKronig, Steadiness, kramers_kronig
from protocols.cell import CellKind


@dataclass(frozen=True, slots=True)
class InterfaceRow:
    """The results of one spectrum in a row, with the cycle after which it was measured.

    ``electrolyte`` and ``interface`` are None where the cell has none, or the data do not determine it; ``remark`` says
    which, and is empty for an ordinary spectrum. ``relative_residual`` is NaN without a fit. ``steady`` is the
    Kramers-Kronig verdict, and ``circuit`` with ``reason`` the circuit and why it was taken.
    """

    cycle: int
    electrolyte: Quantity | None
    interface: Quantity | None
    relative_residual: float
    steady: Steadiness
    shorted: bool
    circuit: str
    reason: str
    remark: str


def interface_row(cycle: int, fit: CircuitFit, check: KramersKronig) -> InterfaceRow:
    """Put what fit and check say of a spectrum into a row."""
    remarks = [fit.remark] if check.passes and not check.spoiled_hz else [fit.remark, check.sentence]
    return InterfaceRow(
        cycle=cycle,
        electrolyte=fit.electrolyte,
        interface=fit.interface,
        relative_residual=fit.relative_residual,
        steady=check.verdict,
        shorted=fit.shorted,
        circuit=fit.circuit,
        reason=fit.reason,
        remark="; ".join(filter(None, remarks)),
    )


def interface_over_cycles(
    spectra: Iterable[tuple[int, Spectrum]], kind: CellKind = CellKind.LI_LI
) -> list[InterfaceRow]:
    """Fit spectra given with their cycle numbers; the rows come in the order of the cycles. About 0.4 s a spectrum.

    Spectra of one cycle keep the order in which they are given.
    """
    rows = []
    for cycle, spectrum in sorted(spectra, key=lambda pair: pair[0]):
        check = kramers_kronig(spectrum)
        rows.append(interface_row(cycle, fit_cell(spectrum, kind, check.spoiled_hz), check))
    return rows
