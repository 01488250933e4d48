"""The report on a run's spectra: fits, checks, conductivity, the verdict on shorts, and their pictures."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.circuit import CircuitFit, fit_cell
from orchestrator.analysis.conductivity import Conductivity, conductivity
from orchestrator.analysis.half_cycle_slices import HalfCycle, half_cycles_of
from orchestrator.analysis.impedance import Quantity
from orchestrator.analysis.kramers_kronig import KramersKronig, Steadiness, kramers_kronig
from orchestrator.analysis.resistance_history import InterfaceRow, interface_row
from orchestrator.analysis.soft_short_edges import Assessment, Verdict, assess
from orchestrator.analysis.step_namer import StepNamer
from orchestrator.analysis.summary import stored_short
from orchestrator.clock.iso_time import iso_utc
from orchestrator.report.spectra import Drawn, bode, nyquist, resistance_over_cycles, save
from orchestrator.store import Store
from orchestrator.tables.run_data import MeasuredSpectrum, RunData
from protocols.cell import CellKind
from protocols.program import CellFacts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class ImpedanceReport:
    """The results of a run's spectra, in the order measured; ``rows``, ``fits``, ``checks`` and ``conductivities`` too.

    A run may have several spectra of one cycle: each has its test, its time and its step of the recipe, ``step_names``.
    """

    run_id: str
    label: str
    simulated: bool | None
    spectra: tuple[MeasuredSpectrum, ...]
    rows: tuple[InterfaceRow, ...]
    fits: tuple[CircuitFit, ...]
    checks: tuple[KramersKronig, ...]
    conductivities: tuple[Conductivity | None, ...]
    half_cycles: tuple[HalfCycle, ...]
    assessment: Assessment | None
    step_names: tuple[str, ...] = ()

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
        """Return the report for JSON: resistances in ohm, conductivities in S/cm; null is what is not known.

        A conductivity is that at the ``temperature_degc`` of its spectrum.
        """
        return {
            "run": self.run_id,
            "simulated": self.simulated,
            "spectra": [self._spectrum_as_dict(n) for n in range(len(self.spectra))],
            "assessment": None if self.assessment is None else asdict(self.assessment),
        }

    def _spectrum_as_dict(self, n: int) -> dict[str, Any]:
        measured, row, fit, check = self.spectra[n], self.rows[n], self.fits[n], self.checks[n]
        sigma = self.conductivities[n]
        return {
            "test": measured.test,
            "step_name": self.step_names[n],
            "measured_at": iso_utc(measured.started_unix_s),
            "points": len(measured.spectrum.frequency_hz),
            "cycle": row.cycle,
            "temperature_degc": measured.temperature_degc,
            "circuit": row.circuit or None,
            "reason": row.reason,
            "electrolyte": _as_dict(row.electrolyte),
            "interface": _as_dict(row.interface),
            "parameters": {name: _as_dict(quantity) for name, quantity in fit.parameters.items()},
            "undetermined": list(fit.undetermined),
            "relative_residual": _known(row.relative_residual),
            "shorted": row.shorted,
            "steady": {Steadiness.STEADY: True, Steadiness.CHANGED: False, Steadiness.UNKNOWN: None}[row.steady],
            "kramers_kronig": {
                "sentence": check.sentence,
                "disagreement": _known(check.systematic),
                "scatter": _known(check.noise),
                "noticeable_change": _known(check.noticeable),
                "spoiled_hz": list(check.spoiled_hz),
            },
            "remark": row.remark,
            "conductivity_s_cm": None if sigma is None else sigma.value.value,
        }


def _as_dict(quantity: Quantity | None) -> dict[str, Any] | None:
    return None if quantity is None else asdict(quantity)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def impedance_report(store: Store, run_id: str, series_ohm: float = 0.0) -> ImpedanceReport:
    """Read, fit and judge a run's spectra; about half a second for each. ``series_ohm`` is that of contacts and leads.

    Raises StoreError for an unknown run.
    """
    data, namer = RunData(store, run_id), StepNamer(store, run_id)
    run, facts = data.run, data.program.cell
    kind = CellKind(facts.kind)
    spectra = tuple(data.spectra)
    pairs = [(measured.cycle, measured.spectrum) for measured in spectra]
    halves = tuple(half_cycles_of(data)) if spectra else ()
    checks = tuple(kramers_kronig(measured.spectrum) for measured in spectra)
    judged = zip(spectra, checks, strict=True)
    fits = tuple(fit_cell(measured.spectrum, kind, check.spoiled_hz) for measured, check in judged)
    rows = zip(spectra, fits, checks, strict=True)
    return ImpedanceReport(
        run_id,
        run.label or run.cell,
        run.simulated,
        spectra,
        tuple(interface_row(measured.cycle, fit, check) for measured, fit, check in rows),
        fits,
        checks,
        tuple(_conductivity(fit, facts, series_ohm) for fit in fits),
        halves,
        assess(halves, pairs, hard=_hard(store, run_id)) if kind is CellKind.LI_LI else None,
        tuple(namer.name(measured.test, 1) for measured in spectra),
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
    except ValueError:  # a shorted cell, or one whose spectrum does not tell: its row says so
        return None


def draw(report: ImpedanceReport, folder: Path) -> list[Path]:
    """Draw Nyquist and Bode plots and the resistances over the cycles into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures(report).items():
        paths.append(folder / f"{report.run_id}-{name}.png")
        save(figure, paths[-1])
    return paths


def figures(report: ImpedanceReport) -> dict[str, Figure]:
    """Draw a run's Nyquist and Bode plots, where a spectrum has a point, and its resistances; return them by name."""
    pairs = zip(report.spectra, report.fits, strict=True)
    drawn = [Drawn(measured.cycle, measured.spectrum, fit if fit.fitted else None) for measured, fit in pairs]
    simulated = " (simulated)" if report.simulated else ""
    found: dict[str, Figure] = {}
    if any(one.points for one in drawn):
        title = f"{report.label}: impedance{simulated}"
        found |= {"nyquist": nyquist(drawn, title), "bode": bode(drawn, title)}
    # Voltage over current is a resistance only in a cell that rests at 0 V, which are those with a verdict on shorts.
    halves = report.half_cycles if report.assessment is not None else ()
    found["resistances"] = resistance_over_cycles(report.rows, halves, f"{report.label}: resistances{simulated}")
    return found
