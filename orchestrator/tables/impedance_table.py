"""Reads the spectra of a run from its store as the impedance table (``orchestrator.tables.columns``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.tables.columns import impedance_schema
from orchestrator.tables.run_data import RunData

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.store import Store


def impedance_table(store: Store, run_id: str) -> pl.DataFrame:
    """Return the spectra of a run as one frame, in the order measured; without rows for a run that has none.

    The cycle is the run's, counted by its program. Raises StoreError.
    """
    import polars as pl

    data = RunData(store, run_id)
    facts = {row.test: row for row in store.measurements(run_id)}
    rows = [
        (
            run_id,
            found.test,
            found.cycle,
            frequency_hz,
            impedance_ohm.real,
            impedance_ohm.imag,
            found.started_unix_s,
            facts[found.test].bias_v,
            facts[found.test].amplitude_v,
            facts[found.test].temperature_degc,
        )
        for found in data.spectra
        for frequency_hz, impedance_ohm in zip(found.spectrum.frequency_hz, found.spectrum.impedance_ohm, strict=True)
    ]
    return pl.DataFrame(rows, schema=impedance_schema(), orient="row")
