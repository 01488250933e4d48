"""Runs that are exported in tests: with gaps, resumptions, a spectrum, and whatever else a test writes into them."""

from __future__ import annotations

from cmath import pi
from pathlib import Path

from orchestrator.export.exporting import Exported, export_runs
from orchestrator.export.formats import find_format
from orchestrator.store import SpectrumPoint, Store
from tests.run_maker import CUTS_S, PROGRAM, RunMaker

# What testers say, in the place of the words of a made run.
MODES = {"constant_current": "CASE WHEN current_a < 0 THEN 'dc' ELSE 'cc' END"}


def made(store: Store, cuts_s: tuple[float, ...] = CUTS_S) -> str:
    """Give the id of a run with a spectrum between its cycles, cut three times, in a tester's own words."""
    run_id = RunMaker(store, PROGRAM).run(cuts_s)
    mine = "test IN (SELECT id FROM test WHERE run_id = ?)"
    with store.transaction() as connection:
        for table in ("sample", "step"):
            words = "'cc'" if table == "step" else MODES["constant_current"]
            sql = f"UPDATE {table} SET mode = {words} WHERE mode = 'constant_current' AND {mine}"  # noqa: S608 words of ours
            connection.execute(sql, (run_id,))
    return run_id


def add_spectrum(store: Store, run_id: str) -> None:
    """Write a spectrum of a resistance and one arc into the run's measurement."""
    (measurement,) = store.measurements(run_id)
    points = []
    for place in range(31):
        frequency_hz = 10 ** (5 - place / 6)
        impedance_ohm = 5.0 + 20.0 / (1 + 2j * pi * frequency_hz * 20.0 * 1e-4)
        points.append(SpectrumPoint(place + 1, frequency_hz, impedance_ohm.real, impedance_ohm.imag))
    store.add_spectrum(measurement.test, points)


def exported(store: Store, run_id: str, name: str, folder: Path, *, force: bool = False) -> Exported:
    """Write a run in a format into a folder."""
    folder.mkdir(exist_ok=True)
    (done,) = export_runs(store, [run_id], find_format(name), folder, force=force)
    return done
