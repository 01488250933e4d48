"""Numbers out of a run's data, each with its definition (docs/analysis.md): usable on a store and on any table.

::

    from orchestrator import analysis

    samples = analysis.read_table("R000005.bdf.parquet")  # an export: csv, bdf-csv, bdf-parquet or xlsx
    cell = analysis.CellFacts("lfp-17", "lfp", active_mass_mg=1.10)
    cycles = analysis.cycle_table(samples, cell)
    print(analysis.to_frame(cycles, analysis.CycleRow))

A table has the columns of the sample table (``orchestrator.analysis.sample_blocks``); rows come back as frozen values,
and ``to_frame`` makes a data frame of them. Each analysis that is named by a class (``CycleTable``) can be fed piece by
piece while a run goes on. A name is loaded when it is first used: a reader of steps does not load numpy.
"""

from __future__ import annotations

# Type checkers know the name; ``typing`` itself need not be loaded.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from orchestrator.analysis.capacity_retention import RetainedCapacity, retention
    from orchestrator.analysis.cycle_currents import half_currents
    from orchestrator.analysis.cycle_statistics import CycleRow, CycleTable, cycle_table
    from orchestrator.analysis.differential import (
        PeakRow,
        differential_voltage,
        half_cycle_peaks,
        incremental_capacity,
    )
    from orchestrator.analysis.diffusion import Titration, TitrationRow, titration
    from orchestrator.analysis.frames import spectra_of, to_frame
    from orchestrator.analysis.overpotential import (
        HysteresisRow,
        OverpotentialRow,
        Overpotentials,
        hysteresis,
        overpotentials,
    )
    from orchestrator.analysis.parts import Part
    from orchestrator.analysis.plating_efficiency import mean_efficiency, reservoir_tests
    from orchestrator.analysis.rates import RateRow, rate_table
    from orchestrator.analysis.run_analysis import AnalysisOrder, RunAnalysis, analyse, stored_ends
    from orchestrator.analysis.sample_blocks import NoSuchTable, StepSamples, steps_of
    from orchestrator.analysis.shorts_of_run import critical_current, hard_short, short_findings, soft_short
    from orchestrator.analysis.spectra_trend import SpectrumRow, Trend, spectrum_rows, trends
    from orchestrator.analysis.step_resistance import ResistanceRow, StepResistances, step_resistances
    from orchestrator.analysis.step_statistics import StepRow, StepTable, step_rows
    from orchestrator.shorts import SymmetricCell
    from orchestrator.tables.table_files import NotATable, read_table
    from protocols.program import CellFacts

__all__ = [
    "AnalysisOrder",
    "CellFacts",
    "CycleRow",
    "CycleTable",
    "HysteresisRow",
    "NoSuchTable",
    "NotATable",
    "OverpotentialRow",
    "Overpotentials",
    "Part",
    "PeakRow",
    "RateRow",
    "ResistanceRow",
    "RetainedCapacity",
    "RunAnalysis",
    "SpectrumRow",
    "StepResistances",
    "StepRow",
    "StepSamples",
    "StepTable",
    "SymmetricCell",
    "Titration",
    "TitrationRow",
    "Trend",
    "analyse",
    "critical_current",
    "cycle_table",
    "differential_voltage",
    "half_currents",
    "half_cycle_peaks",
    "hard_short",
    "hysteresis",
    "incremental_capacity",
    "mean_efficiency",
    "overpotentials",
    "rate_table",
    "read_table",
    "reservoir_tests",
    "retention",
    "short_findings",
    "soft_short",
    "spectra_of",
    "spectrum_rows",
    "step_resistances",
    "step_rows",
    "steps_of",
    "stored_ends",
    "titration",
    "to_frame",
    "trends",
]

# Where each name is; a test compares it with the imports above, which only type checkers see.
_HOMES = {
    "orchestrator.analysis.capacity_retention": ("RetainedCapacity", "retention"),
    "orchestrator.analysis.cycle_currents": ("half_currents",),
    "orchestrator.analysis.cycle_statistics": ("CycleRow", "CycleTable", "cycle_table"),
    "orchestrator.analysis.differential": (
        *("PeakRow", "differential_voltage", "half_cycle_peaks", "incremental_capacity"),
    ),
    "orchestrator.analysis.diffusion": ("Titration", "TitrationRow", "titration"),
    "orchestrator.analysis.frames": ("spectra_of", "to_frame"),
    "orchestrator.analysis.overpotential": (
        *("HysteresisRow", "OverpotentialRow", "Overpotentials", "hysteresis", "overpotentials"),
    ),
    "orchestrator.analysis.parts": ("Part",),
    "orchestrator.analysis.plating_efficiency": ("mean_efficiency", "reservoir_tests"),
    "orchestrator.analysis.rates": ("RateRow", "rate_table"),
    "orchestrator.analysis.run_analysis": ("AnalysisOrder", "RunAnalysis", "analyse", "stored_ends"),
    "orchestrator.analysis.sample_blocks": ("NoSuchTable", "StepSamples", "steps_of"),
    "orchestrator.analysis.shorts_of_run": ("critical_current", "hard_short", "short_findings", "soft_short"),
    "orchestrator.analysis.spectra_trend": ("SpectrumRow", "Trend", "spectrum_rows", "trends"),
    "orchestrator.analysis.step_resistance": ("ResistanceRow", "StepResistances", "step_resistances"),
    "orchestrator.analysis.step_statistics": ("StepRow", "StepTable", "step_rows"),
    "orchestrator.shorts": ("SymmetricCell",),
    "orchestrator.tables.table_files": ("NotATable", "read_table"),
    "protocols.program": ("CellFacts",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


# Hidden from type checkers: to them every name that is not public is a mistake.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used."""
        from importlib import import_module

        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
