"""What cellrig says of a spectrum, held against the truth behind it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.spectra.population import Case
from orchestrator.analysis.circuit import fit_cell, fit_circuit
from orchestrator.analysis.impedance import Quantity
from orchestrator.analysis.kramers_kronig import Steadiness, kramers_kronig
from protocols.cell import CellKind


@dataclass(frozen=True, slots=True)
class Told:
    """A resistance that was told: whether the truth is within two stated errors, and how far off it is, relatively."""

    inside: bool
    off: float


@dataclass(frozen=True, slots=True)
class Score:
    """One spectrum: the verdict, the fit of its true circuit, and the fit of a cell of unknown kind.

    ``parameters`` tells for each determined parameter of the true circuit whether the truth is within two errors.
    ``electrolyte`` and ``interface`` are None where nothing was told, ``..._missing`` where something should have been.
    """

    points: int
    drift: float
    noise: float
    told: bool
    changed: bool
    unknown: bool
    parameters: tuple[bool, ...]
    undetermined: int
    electrolyte: Told | None
    interface: Told | None
    electrolyte_missing: bool
    interface_missing: bool
    check_s: float
    fit_s: float


def scored(case: Case) -> Score:
    """Judge and fit one case. Times are those of the processor."""
    begun_s = time.process_time()
    check = kramers_kronig(case.spectrum)
    checked_s = time.process_time()
    fit = fit_cell(case.spectrum, CellKind.OTHER)
    fitted_s = time.process_time()
    try:
        known = fit_circuit(case.spectrum, case.circuit)
    except ValueError:  # points too few for the circuit
        known = None
    parameters = (
        ()
        if known is None
        else tuple(_told(quantity, case.parameters[name]).inside for name, quantity in known.parameters.items())
    )
    electrolyte, interface = fit.electrolyte, fit.interface
    return Score(
        points=len(case.spectrum.frequency_hz),
        drift=case.drift,
        noise=case.noise,
        told=check.verdict is not Steadiness.UNKNOWN or fit.electrolyte is not None,
        changed=check.verdict is Steadiness.CHANGED,
        unknown=check.verdict is Steadiness.UNKNOWN,
        parameters=parameters,
        undetermined=0 if known is None else len(known.undetermined),
        electrolyte=None if electrolyte is None else _told(electrolyte, case.electrolyte_ohm),
        interface=None if interface is None else _told(interface, case.interface_ohm or 0.0),
        electrolyte_missing=electrolyte is None,
        interface_missing=interface is None and case.interface_ohm is not None,
        check_s=checked_s - begun_s,
        fit_s=fitted_s - checked_s,
    )


def _told(quantity: Quantity, true: float) -> Told:
    away = abs(quantity.value - true)
    return Told(away <= 2.0 * quantity.error, away / max(abs(true), 1e-30))
