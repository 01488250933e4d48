"""Checks a Li/Li run for soft shorts after each spectrum, from stored data; each verdict is reported once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator.analysis.half_cycle_slices import half_cycles
from orchestrator.events import EventKind
from orchestrator.tables.run_data import measured_spectrum
from orchestrator.tables.run_steps import RunStep, StepReader
from protocols.cell import CellKind

if TYPE_CHECKING:
    from orchestrator.analysis.soft_short_edges import SoftShortWatch
    from orchestrator.runs.run import Run
    from orchestrator.store import Store


class SoftShortWatches:
    """One watch for each Li/Li run; after a restart it reads the stored data again, and repeats no verdict."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watches: dict[str, tuple[SoftShortWatch, StepReader]] = {}

    def check_after_restart(self, run: Run) -> None:
        """Judge the spectra of a run that this process has not judged: the one before may have died over the last."""
        if run.run_id not in self._watches and self._store.measurements(run.run_id):
            self.check(run)

    def check(self, run: Run) -> None:
        """Judge everything new of a run up to its newest spectrum; a verdict that is worse than before is an event."""
        if run.request.program.cell.kind != CellKind.LI_LI:
            return
        # Only runs with spectra pay for numpy.
        from orchestrator.analysis.soft_short_edges import Rule, SoftShortWatch, Verdict

        # Taken out until all is fed: where reading fails on the way, the next check begins anew.
        kept = self._watches.pop(run.run_id, None)
        watch, reader = kept or (SoftShortWatch(Rule()), StepReader(self._store, run.run_id))
        measurements = {row.test: row for row in self._store.measurements(run.run_id)}
        # In the order measured: what a spectrum says is held against the half-cycles before it.
        between: list[RunStep] = []
        for test, steps in reader.read():
            between += [] if test.row.is_measurement else steps
            if (row := measurements.get(test.row.id)) is not None:
                for half in half_cycles(self._store, run.request.program, between):
                    watch.feed(half)
                between = []
                if (measured := measured_spectrum(self._store, row)) is not None:
                    watch.feed_spectrum(measured.cycle, measured.spectrum)
        self._watches[run.run_id] = watch, reader
        found = watch.assessment()
        if found.verdict is Verdict.HEALTHY or found.verdict.value in self._told(run):
            return
        message = f"{found.verdict.value}, first seen in cycle {found.first_cycle}: {'; '.join(found.reasons)}"
        data = {"verdict": found.verdict.value, "cycle": found.first_cycle, "present": found.present}
        run.journal.note(EventKind.SOFT_SHORT, message, data)

    def _told(self, run: Run) -> set[str]:
        events = self._store.events(run.run_id)
        told = [e.data_json for e in events if e.kind == EventKind.SOFT_SHORT and e.data_json]
        return {json.loads(data).get("verdict", "") for data in told}
