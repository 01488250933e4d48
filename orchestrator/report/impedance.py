"""The report on a run's spectra: fits, checks, conductivity, the verdict on shorts, and their pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.analysis.circuit import CircuitFit, fit_cell
from orchestrator.analysis.conductivity import Conductivity, conductivity
from orchestrator.analysis.half_cycle_slices import HalfCycle, half_cycles_of
from orchestrator.analysis.resistance_history import InterfaceRow, interface_over_cycles
from orchestrator.analysis.run_data import MeasuredSpectrum, RunData
from orchestrator.analysis.soft_short import Assessment, Verdict, assess
from orchestrator.analysis.summary import stored_short
from orchestrator.report.spectra import bode, nyquist, resistance_over_cycles
from orchestrator.store import Store
from protocols.cell import CellKind
from protocols.program import CellFacts


@dataclass(frozen=True, slots=True)
class ImpedanceReport:
    """The results of a run's spectra; ``rows``, ``fits`` and ``conductivities`` are in the order of ``spectra``."""

    run_id: str
    label: str
    spectra: tuple[MeasuredSpectrum, ...]
    rows: tuple[InterfaceRow, ...]
    fits: tuple[CircuitFit, ...]
    conductivities: tuple[Conductivity | None, ...]
    half_cycles: tuple[HalfCycle, ...]
    assessment: Assessment | None

    @property
    def sentence(self) -> str:
        """The verdict on shorts, for people."""
        found = self.assessment
        if found is None:
            return "No verdict on shorts: that is for Li/Li cells."
        if found.verdict is Verdict.HEALTHY:
            return "Healthy: neither the voltage trace nor the spectra show a short."
        return (
            f"{found.verdict.value.capitalize()}, first seen in cycle {found.first_cycle}: {'; '.join(found.reasons)}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON: resistances in ohm, conductivities in S/cm."""
        return {
            "run": self.run_id,
            "spectra": [
                {
                    "test": spectrum.test,
                    "points": len(spectrum.spectrum.frequency_hz),
                    **asdict(row),
                    "conductivity_s_cm": None if sigma is None else sigma.value.value,
                }
                for spectrum, row, sigma in zip(self.spectra, self.rows, self.conductivities, strict=True)
            ],
            "assessment": None if self.assessment is None else asdict(self.assessment),
        }


def impedance_report(store: Store, run_id: str, series_ohm: float = 0.0) -> ImpedanceReport:
    """Read, fit and judge a run's spectra; about a second for each. ``series_ohm`` is that of contacts and leads.

    Raises StoreError for an unknown run.
    """
    data = RunData(store, run_id)
    run, facts = data.run, data.program.cell
    kind = CellKind(facts.kind)
    spectra = tuple(data.spectra)
    pairs = [(measured.cycle, measured.spectrum) for measured in spectra]
    halves = tuple(half_cycles_of(data)) if spectra else ()
    fits = tuple(fit_cell(measured.spectrum, kind) for measured in spectra)
    return ImpedanceReport(
        run_id,
        run.label or run.cell,
        spectra,
        tuple(interface_over_cycles(pairs, kind)),
        fits,
        tuple(_conductivity(fit, facts, series_ohm) for fit in fits),
        halves,
        assess(halves, pairs, hard=_hard(store, run_id)) if kind is CellKind.LI_LI else None,
    )


def _hard(store: Store, run_id: str) -> tuple[int, str] | None:
    """Return the cycle and the sentence of the hard short that the run has told; None without one."""
    short = stored_short(store, run_id)
    return (int(short.get("cycle", 0)), short["sentence"]) if short else None


def _conductivity(fit: CircuitFit, facts: CellFacts, series_ohm: float) -> Conductivity | None:
    if facts.electrolyte_thickness_um is None or facts.area_cm2 is None:
        return None
    try:
        return conductivity(fit, facts.electrolyte_thickness_um, facts.area_cm2, series_ohm)
    except ValueError:  # a shorted cell: its row says so
        return None


def draw(report: ImpedanceReport, folder: Path) -> list[Path]:
    """Draw Nyquist and Bode plots and the resistances over the cycles into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [(measured.cycle, measured.spectrum) for measured in report.spectra]
    fits = {measured.cycle: fit for measured, fit in zip(report.spectra, report.fits, strict=True)}
    names = ("nyquist", "bode", "resistances")
    paths = [folder / f"{report.run_id}-{name}.png" for name in names]
    nyquist(pairs, paths[0], f"{report.label}: impedance", fits)
    bode(pairs, paths[1], f"{report.label}: impedance", fits)
    resistance_over_cycles(report.rows, report.half_cycles, paths[2], f"{report.label}: resistances")
    return paths
