"""Reading from Python: a run of a store as numpy columns, values and data frames; forecasts and simulated runs."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cellrig
from orchestrator.events import EventKind
from orchestrator.store import SpectrumPoint, Store, open_store
from tests.run_maker import AWAY_S, CUTS_S, PROGRAM, START_UNIX_S, RunMaker
from tests.two_cycles import RECIPE

TWO_CYCLES = cellrig.Document("two-cycles", RECIPE)


@pytest.fixture
def path(store: Store, tmp_path: Path) -> Path:
    """Give a store with a run that two outages cut, with a spectrum in its middle."""
    maker = RunMaker(store, PROGRAM)
    run_id = maker.run(CUTS_S)
    (measurement,) = store.measurements(run_id)
    store.add_spectrum(measurement.test, [SpectrumPoint(1, 1e5, 5.0, -1.0), SpectrumPoint(2, 1.0, 50.0, -0.5)])
    store.add_event(run_id, EventKind.LINK_LOST, "the tester lost its power", START_UNIX_S)
    store.set_run_state(run_id, "completed", "all steps done", maker.now_unix_s)
    return store.path


def test_run_is_read_as_one_record(path: Path) -> None:
    """Samples, cycles, steps, spectra, events and gaps are those of the whole run, whatever interrupted it."""
    with cellrig.open_store(path) as store:
        (run,) = store.runs()
        assert (run.run_id, run.state, run.recipe) == ("R000001", cellrig.RunState.COMPLETED, "made")
        columns = run.samples("time_s", "voltage_v", "cycle")
        assert list(columns) == ["time_s", "cycle", "voltage_v"]
        assert (np.diff(columns["time_s"]) >= 0).all()
        assert columns["voltage_v"].dtype == np.float64
        assert sum(len(chunk["time_s"]) for chunk in run.chunks("time_s", rows=100)) == len(columns["time_s"])
        assert [cycle.cycle for cycle in run.cycles()] == [1, 2, 3, 4, 5]
        assert len(run.steps()) == 16
        (spectrum,) = run.spectra()
        assert spectrum.cycle == 3
        assert spectrum.impedance_ohm.tolist() == [5 - 1j, 50 - 0.5j]
        assert [event.sentence for event in run.events()] == ["the tester lost its power"]
        assert run.events() == store.events()
        assert max(gap.ended_unix_s - gap.started_unix_s for gap in run.gaps()) >= AWAY_S
        assert run.summary().cycles == 5
        assert run.origin() == cellrig.Origin()


def test_store_is_not_written_and_what_is_missing_is_said(path: Path, tmp_path: Path) -> None:
    """SQL of a program cannot change a store; no run of this id, no store at this path, no column of this name."""
    with cellrig.open_store(path) as store:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store.connection.execute("DELETE FROM run")
        with pytest.raises(cellrig.StoreError, match="there is no run R000009"):
            store.run("R000009")
        with pytest.raises(ValueError, match="no column 'voltage'"):
            store.run("R000001").samples("voltage")
    with pytest.raises(cellrig.CannotOpen):
        cellrig.open_store(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()


def test_frames_have_the_columns_and_their_types(path: Path) -> None:
    """A data frame of samples keeps names and numbers; one of cycles has a row for each; no table is refused."""
    with cellrig.open_store(path) as store:
        run = store.run("R000001")
        frame, cycles = cellrig.to_pandas(run.samples()), cellrig.to_pandas(run.cycles())
    assert frame["voltage_v"].dtype == np.float64
    assert set(frame["mode"]) == {"constant_current", "rest"}
    assert cycles["cycle"].tolist() == [1, 2, 3, 4, 5]
    assert {type(reason) for reason in cycles["charge_end_reason"]} == {str}
    assert len(cellrig.to_pandas([])) == 0
    with pytest.raises(TypeError, match="a list of values of one class, not int"):
        cellrig.to_pandas([1, 2])


def test_frame_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for a frame without its library is told how to install it."""
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(cellrig.MissingLibrary, match="python -m pip install polars"):
        cellrig.to_polars({"a": [1]})


def test_forecast_tells_time_charge_and_currents() -> None:
    """Two cycles of 10 min each way at 0.2 mA/cm2 on 0.785 cm2, a name, a text or loaded; values can be set."""
    ahead = cellrig.forecast(TWO_CYCLES, "coated-li-li")
    assert ahead == cellrig.forecast(cellrig.parse_recipe(RECIPE), cellrig.load_cell("coated-li-li"))
    assert ahead.cycles == 2
    assert ahead.charge_ah == pytest.approx(4 * 0.2e-3 * 0.7854 / 6, rel=0.05)
    assert 2400 < ahead.expected_duration_s <= ahead.longest_duration_s
    assert ahead.steps[-1].current_density_ma_per_cm2 == pytest.approx(0.2)
    assert ahead.implausible == ()
    larger = cellrig.forecast(TWO_CYCLES, "coated-li-li", ["cell.area=1.5708 cm2"])
    assert larger.steps[-1].current_ma == pytest.approx(2 * (ahead.steps[-1].current_ma or 0), rel=1e-3)
    with pytest.raises(cellrig.WrongChange, match="by their names or files"):
        cellrig.forecast(cellrig.parse_recipe(RECIPE), "coated-li-li", ["cell.area=1 cm2"])
    with pytest.raises(cellrig.ResolveError):
        cellrig.resolve("lfp-200mA-g", "coated-li-li")


def test_simulated_run_is_stored_with_all_that_a_run_like_it_needs(tmp_path: Path) -> None:
    """It ends in its own store, marked as simulated, with files and settings; also where a loop runs already."""
    path, seen = tmp_path / "mine.db", list[cellrig.RunUpdate]()

    async def in_a_notebook() -> cellrig.RunSummary:
        return cellrig.simulate(
            *(TWO_CYCLES, "coated-li-li", path),
            seed=7,
            label="A17",
            changes=["recipe.steps[1].times=1"],
            progress=seen.append,
        )

    done = asyncio.run(in_a_notebook())
    assert (done.state, done.cycles, done.simulated, done.label) == (cellrig.RunState.COMPLETED, 1, True, "A17")
    assert {update.run_id for update in seen} == {done.run_id}
    with cellrig.open_store(path) as store:
        origin = store.run(done.run_id).origin()
    assert origin.recipe is not None
    assert "times: 1" in origin.recipe.text
    assert origin.settings is not None
    assert (origin.settings["seed"], origin.settings["simulate"]) == (7, True)


def test_simulated_run_keeps_out_of_a_store_of_real_cells(path: Path) -> None:
    """Nothing is simulated into a store whose runs are not known to be simulated, and a bad name starts nothing."""
    with pytest.raises(cellrig.CannotOpen, match="not known to be simulated"):
        cellrig.simulate(TWO_CYCLES, "coated-li-li", path)
    with pytest.raises(ValueError, match="label"):
        cellrig.simulate(TWO_CYCLES, "coated-li-li", path, label="a\nb")
    with open_store(path, read_only=True) as store:
        assert len(store.runs()) == 1


@pytest.mark.parametrize("rows", [0, -1, 1.5])
def test_pieces_without_a_row_are_refused(path: Path, rows: Any) -> None:  # noqa: ANN401 - a mistake
    """No piece, or half a row, is a mistake of the program that asks, and is said at once."""
    with cellrig.open_store(path) as store, pytest.raises(ValueError, match="a whole number from 1"):
        store.run("R000001").chunks("time_s", rows=rows)


def test_closed_store_and_another_thread_are_named(path: Path) -> None:
    """The disk is not to blame for a program that reads behind the end of its 'with', or in another thread."""
    with cellrig.open_store(path) as store, ThreadPoolExecutor(1) as pool:
        with pytest.raises(cellrig.StoreError, match="opened by another thread; open the store in each thread"):
            pool.submit(store.runs).result()
        run = store.run("R000001")
    for read in (store.runs, run.samples, run.cycles):
        with pytest.raises(cellrig.StoreError, match="is closed; open the store again"):
            read()
