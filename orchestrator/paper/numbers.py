"""The paper's numbers that a cycler or a potentiostat can give, each beside ours, with the difference.

The paper's are those that this project was given with its design, and no others: where it has none for what we measure,
the column is empty and says why. The simulated cells were fitted to most of them (docs/cell-models.md), so
that meeting them shows that the whole way from recipe to number works, not that the model foretells a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.analysis.parts import Part
from orchestrator.analysis.summary import RunSummary
from orchestrator.report.impedance import ImpedanceReport
from orchestrator.report.key_numbers import ReportedRun
from orchestrator.tables.run_data import RunData
from protocols.program import MeasurementSegment
from protocols.techniques import Impedance

NOT_STATED = "not among the numbers that we were given of the paper"
NO_NUMBER = "told without a number"


class Basis(StrEnum):
    """Where our number comes from."""

    FITTED = "fitted"
    SET = "set"
    FOLLOWS = "follows"


@dataclass(frozen=True, slots=True)
class PaperNumber:
    """One number: the paper's (None, with the ``reason``), ours (None, with the ``reason``), and where ours is from.

    ``at_least``: the paper says that a cell outlived this, and nothing more.
    """

    experiment: str
    quantity: str
    unit: str
    paper: float | None
    ours: float | None
    basis: Basis
    reason: str = ""
    at_least: bool = False

    @property
    def difference(self) -> float | None:
        """Ours less the paper's; None where one is missing, or where the paper has a bound only."""
        return None if self.paper is None or self.ours is None or self.at_least else self.ours - self.paper

    def as_dict(self) -> dict[str, Any]:
        """Return the number for JSON."""
        return {
            "experiment": self.experiment, "quantity": self.quantity, "unit": self.unit, "paper": self.paper,
            "paper_is_a_lower_bound": self.at_least, "ours": self.ours, "difference": self.difference,
            "basis": self.basis.value, "reason": self.reason,
        }  # fmt: skip


CUT_SHORT = "cut short by --quick: the run does not get so far"
_F, _S, _O = Basis.FITTED, Basis.SET, Basis.FOLLOWS
# By the labels of the cells: hours to the short, or (True) that a cell outlived.
_LIVES: Mapping[str, tuple[str, float, bool, Basis]] = {
    "bare-li-li-0.2": ("Li/Li, 0.2 mA/cm2, bare", 140.0, False, _F),
    "coated-li-li-0.2": ("Li/Li, 0.2 mA/cm2, coated", 600.0, True, _O),
    "bare-li-li-0.4": ("Li/Li, 0.4 mA/cm2, bare", 80.0, False, _F),
    "coated-li-li-0.4": ("Li/Li, 0.4 mA/cm2, coated", 200.0, True, _O),
}
# Discharge capacities of cycles 5 and 50 in mAh/g, and what is kept in per cent.
_CAPACITIES: Mapping[str, tuple[str, float, float, float]] = {
    "coated-lfp": ("LFP, 200 mA/g, coated", 143.85, 139.85, 97.22),
    "bare-lfp": ("LFP, 200 mA/g, bare", 126.39, 47.49, 37.57),
}
_CONDUCTIVITY = 2.4e-4
_HIGH_HZ, _LOW_HZ = 1e6, 0.01
_PLATED_MAH_CM2 = 20.0


@dataclass(frozen=True, slots=True)
class Found:
    """What our runs gave, by the labels of the cells."""

    runs: Mapping[str, ReportedRun]
    datas: Mapping[str, RunData]
    impedance: Mapping[str, ImpedanceReport]
    is_quick: bool


def paper_numbers(found: Found) -> list[PaperNumber]:
    """Return all numbers, experiment by experiment."""
    return [*_lives(found), *_plating(found), *_full_cells(found), *_spectra(found)]


def _lives(found: Found) -> Iterator[PaperNumber]:
    for label, (name, hours, outlived, basis) in _LIVES.items():
        run, reason = found.runs[label], CUT_SHORT if found.is_quick else ""
        if outlived:
            told = reason or ("no short" if run.summary.hours_to_short is None else "it shorted")
            ours = None if found.is_quick else run.summary.hours_to_short or run.summary.hours
            yield PaperNumber(name, "life without a short", "h", hours, ours, basis, told, at_least=True)
        else:
            yield PaperNumber(name, "time to the short", "h", hours, run.summary.hours_to_short, basis, reason)
        for number in (cycle for cycle in (5, run.summary.cycles) if cycle in run.whole_cycles):
            quantity = f"overpotential, cycle {number}"
            why = f"{NO_NUMBER}: {'steady' if outlived else 'it climbs'}"
            yield PaperNumber(name, quantity, "mV", None, _overpotential_mv(run, number), _O, why)


def _overpotential_mv(run: ReportedRun, cycle: int) -> float | None:
    rows = run.analysis.tables.get(Part.HYSTERESIS, ())
    return next((row.overpotential_v * 1e3 for row in rows if row.cycle == cycle), None)


def _plating(found: Found) -> Iterator[PaperNumber]:
    for label in ("bare-plating", "coated-plating"):
        data = found.datas[label]
        name = f"plating, 1 mA/cm2 for 20 h, {label.partition('-')[0]}"
        area_cm2 = data.program.cell.area_cm2
        step = max(data.steps, key=lambda one: one.executed.capacity_ah, default=None)
        ours = None if step is None or not area_cm2 else step.executed.capacity_ah * 1e3 / area_cm2
        reason = CUT_SHORT if found.is_quick else ""
        yield PaperNumber(name, "plated charge", "mAh/cm2", _PLATED_MAH_CM2, None if reason else ours, _S, reason)
        volts = None if step is None or step.executed.mean_voltage_v is None else abs(step.executed.mean_voltage_v)
        yield PaperNumber(
            name, "mean overpotential", "mV", None, None if volts is None else volts * 1e3, _O, NOT_STATED
        )


def _full_cells(found: Found) -> Iterator[PaperNumber]:
    for label, (name, early, late, kept) in _CAPACITIES.items():
        summary: RunSummary = found.runs[label].summary
        reason = CUT_SHORT if found.is_quick else ""
        yield PaperNumber(name, "capacity, cycle 5", "mAh/g", early, summary.capacity_mah_g_cycle_5, _F)
        yield PaperNumber(name, "capacity, cycle 50", "mAh/g", late, summary.capacity_mah_g_cycle_50, _F, reason)
        ours = summary.retention_percent_cycle_5_to_50
        yield PaperNumber(name, "capacity kept, cycle 50 of 5", "%", kept, ours, _F, reason)
        polarisation = {row.cycle: row.polarisation_v for row in found.runs[label].cycles}
        for cycle in (5, 50):
            volts = polarisation.get(cycle)
            ours_mv = None if volts is None else volts * 1e3
            why = "" if volts is not None else f"; {CUT_SHORT}"
            told = f"{NO_NUMBER}: it grows sharply" if label == "bare-lfp" else NOT_STATED
            yield PaperNumber(name, f"polarisation, cycle {cycle}", "mV", None, ours_mv, _O, f"{told}{why}")


def _spectra(found: Found) -> Iterator[PaperNumber]:
    for label in ("bare-spectra", "coated-spectra"):
        report, data = found.impedance[label], found.datas[label]
        name = f"EIS, {label.partition('-')[0]} Li/Li"
        technique = next((_eis(segment) for segment in data.program.segments if _eis(segment)), None)
        measured = _measured_hz(report)
        yield PaperNumber(name, "lowest frequency", "mHz", _LOW_HZ * 1e3, measured and measured[0] * 1e3, _S)
        high_khz = None if measured is None else measured[1] / 1e3
        grid = "the instrument's grid of frequencies has no point between this and what was asked for"
        reason = grid if high_khz is not None and high_khz < 0.99 * _HIGH_HZ / 1e3 else ""
        yield PaperNumber(name, "highest frequency", "kHz", _HIGH_HZ / 1e3, high_khz, _S, reason)
        sigma = next((one for one in report.conductivities if one is not None), None)
        value = None if sigma is None else sigma.value.value * 1e4
        yield PaperNumber(name, "conductivity of the electrolyte", "1e-4 S/cm", _CONDUCTIVITY * 1e4, value, _S)
        first = next((row for row in report.rows if row.interface is not None), None)
        ohm = None if first is None or first.interface is None else first.interface.value
        where = "" if first is None else f", after cycle {first.cycle}"
        if technique is not None:
            yield PaperNumber(name, f"interface resistance{where}", "ohm", None, ohm, _O, NOT_STATED)


def _eis(segment: object) -> Impedance | None:
    technique = segment.technique if isinstance(segment, MeasurementSegment) else None
    return technique if isinstance(technique, Impedance) else None


def _measured_hz(report: ImpedanceReport) -> tuple[float, float] | None:
    """Return the lowest and the highest frequency at which anything was measured."""
    every: Sequence[float] = [hertz for one in report.spectra for hertz in one.spectrum.frequency_hz]
    return (min(every), max(every)) if every else None
