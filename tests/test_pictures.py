"""Pictures of runs: page, file and table hold the same numbers, those of the store; children make them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from orchestrator.api.maker import carried_out
from orchestrator.api.makers import CannotMake, Makers, NothingThere
from orchestrator.api.models import PictureQuery
from orchestrator.api.run_traces import RunTraces
from orchestrator.api.time_pictures import Clock, numbers
from orchestrator.events import EventKind
from orchestrator.report.journal_page import style
from orchestrator.report.page_pictures import NoPicture, page_picture
from orchestrator.report.picture_data import MOST_RUNS, QUANTITIES, Picture, Shown, as_csv
from orchestrator.report.picture_files import figure_of
from orchestrator.store import Store, open_store
from orchestrator.tables.run_data import RunData
from tests.package_rig import sealed
from tests.run_maker import CUTS_S, PROGRAM, RunMaker

SHOWN = [Shown.CYCLE, Shown.CAPACITY, Shown.HALF_CYCLES, Shown.IMPEDANCE]


@pytest.fixture
def run_id(store: Store) -> str:
    """Give the id of a run with interruptions, cycles and a spectrum."""
    return sealed(store)


def table(picture: Picture) -> list[dict[str, str]]:
    """Give the rows of a picture's CSV by the names of its columns, without the row of units."""
    return list(csv.DictReader(io.StringIO(as_csv(picture))))[1:]


@pytest.mark.parametrize("shown", SHOWN)
def test_page_file_and_table_of_a_picture_hold_the_same_numbers(store: Store, run_id: str, shown: Shown) -> None:
    """Each curve of the drawn figure has the points of the JSON, and each point stands in the CSV digit by digit."""
    picture = page_picture(store, shown, [run_id])
    again = Picture.of(json.loads(json.dumps(picture.as_dict())))
    with style():
        figure = figure_of(again)
    rows = table(again)
    for panel, axes in zip(again.panels, figure.axes, strict=True):
        for line, drawn in zip(panel.lines, axes.get_lines(), strict=False):
            drawn_x, drawn_y = np.asarray(drawn.get_xdata(), float), np.asarray(drawn.get_ydata(), float)
            pairs = list(zip(line.x, line.y, strict=True))
            for (x, y), at_x, at_y in zip(pairs, drawn_x, drawn_y, strict=True):
                assert x == at_x or (x is None and isnan(at_x))
                assert y == at_y or (y is None and isnan(at_y))
            name_x, name_y = QUANTITIES[panel.x_axis.quantity], QUANTITIES[line.y_axis.quantity]
            told = {(row[name_x], row[name_y]) for row in rows if row["curve"] == line.curve and row[name_y]}
            assert told >= {(repr(x), repr(y)) for x, y in pairs if x is not None and y is not None}


def test_picture_over_cycles_has_the_cycles_of_the_store(store: Store, run_id: str) -> None:
    """Overpotentials of a Li/Li cell are the mean voltages of its half-cycles in mV."""
    picture = page_picture(store, Shown.CYCLE, [run_id])
    (panel,) = picture.panels
    cycles = RunData(store, run_id).cycles
    charge = next(line for line in panel.lines if line.y_axis.quantity == "charge-overpotential")
    assert charge.x == [cycle.cycle for cycle in cycles]
    expected = [None if c.charge_mean_voltage_v is None else abs(c.charge_mean_voltage_v) * 1e3 for c in cycles]
    assert charge.y == pytest.approx(expected)


def test_every_axis_of_every_picture_names_quantity_and_unit(store: Store, run_id: str) -> None:
    """Only a count of cycles and a clock have no unit."""
    for shown in SHOWN:
        for panel in page_picture(store, shown, [run_id]).panels:
            for axis in (panel.x_axis, panel.y_axis):
                assert axis.unit or axis.quantity in ("cycle", "clock")
                assert axis.words.startswith(QUANTITIES[axis.quantity])


def test_picture_that_is_not_there_says_why(store: Store) -> None:
    """A run without cycles, another kind of cell, too many runs: a sentence each, and no empty picture."""
    empty = RunMaker(store, PROGRAM).run_id
    with pytest.raises(NoPicture, match="no whole cycle"):
        page_picture(store, Shown.CAPACITY, [empty])
    with pytest.raises(NoPicture, match="no impedance spectrum"):
        page_picture(store, Shown.IMPEDANCE, [empty])
    with pytest.raises(NoPicture, match=f"1 to {MOST_RUNS}"):
        page_picture(store, Shown.CYCLE, ["R000001"] * 13)
    with pytest.raises(ValueError, match="no cycle"):
        page_picture(store, Shown.CAPACITY, [empty], "ten")


async def test_time_picture_has_gaps_events_and_notes_at_their_run_time(store: Store) -> None:
    """A curve is broken at each gap; an event stands where the run was at its moment."""
    run_id = RunMaker(store, PROGRAM).run(CUTS_S)
    data = RunData(store, run_id)
    test = data.tests[0]
    store.add_event(run_id, EventKind.COMMAND, "look here", data.began_unix_s(test) + 100.0)
    picture = Picture.of(await numbers(RunTraces(), store, PictureQuery(runs=[run_id])))
    upper, lower = (panel.lines[0] for panel in picture.panels)
    assert upper.x == lower.x
    assert sum(value is None for value in upper.y) >= len([gap for gap in data.gaps if gap.time_s > 0])
    stored = data.columns("time_s", "voltage_v")
    at = {(round(float(t), 6), float(v)) for t, v in zip(stored["time_s"], stored["voltage_v"], strict=True)}
    for x, y in zip(upper.x, upper.y, strict=True):
        if x is not None and y is not None:
            assert (round(x * 3600, 6), y) in at
    (mark,) = [mark for mark in picture.marks if mark.words == "look here"]
    assert mark.x * 3600 == pytest.approx(100.0)
    clock = Clock.of(store, run_id)
    for later in data.tests:
        if later.last is not None and not later.row.is_measurement:
            moment = data.began_unix_s(later) + later.last.time_s / 2
            assert clock.hours(moment) * 3600 == pytest.approx(later.start_s + later.last.time_s / 2)


def test_cycles_of_a_run_are_exported_alone(store: Store, run_id: str, tmp_path: Path) -> None:
    """The rows are those of the whole export with that cycle; formats of whole runs refuse, and say which do not."""
    done: dict[str, list[dict[str, str]]] = {}
    for cycles in ("", "2", "1-2"):
        folder = tmp_path / f"to {cycles}"
        folder.mkdir()
        order = {"make": "export", "run": run_id, "as": "csv", "cycles": cycles, "folder": str(folder)}
        told = carried_out(store.path, order, lambda _done, _of: None)
        (name,) = told["value"]["files"]
        assert name == f"{run_id}{f'-cycle-{cycles}' if cycles else ''}.csv"
        done[cycles] = list(csv.DictReader(io.StringIO((folder / name).read_text())))
    assert done["2"] == [row for row in done[""] if row["cycle"] == "2"] != []
    assert done["1-2"] == [row for row in done[""] if row["cycle"] in {"1", "2"}]
    for wrong, words in (
        ({"as": "crate", "cycles": "2"}, "whole runs only"),
        ({"as": "csv", "cycles": "99"}, "it has"),
    ):
        order = {"make": "export", "run": run_id, "folder": str(tmp_path), **wrong}
        assert words in carried_out(store.path, order, lambda _done, _of: None)["refused"]


@pytest.mark.real_time
async def test_child_makes_pictures_and_is_replaced_when_it_ends(tmp_path: Path) -> None:
    """What is missing is told, a child that was killed is told and the next order has a new one; none is left."""
    path = tmp_path / "lab.db"
    with open_store(path) as store:
        run_id = sealed(store)
        expected = json.loads(json.dumps(page_picture(store, Shown.CYCLE, [run_id]).as_dict()))
    makers = Makers(path)
    order = {"make": "picture", "shown": "cycle", "runs": [run_id], "cycles": ""}
    try:
        assert await makers.make(order) == expected
        with pytest.raises(NothingThere, match="no run"):
            await makers.make({**order, "runs": ["R000009"]})
        (child,) = makers._all  # noqa: SLF001 - which process it is nobody else needs to know
        slow = asyncio.ensure_future(makers.make({**order, "shown": "half-cycles"}))
        await asyncio.sleep(0)
        child.process.kill()
        with pytest.raises(CannotMake, match="sk again"):
            await slow
        assert await makers.kept(order, "tag") == expected
        assert await makers.kept(order, "tag") == expected
    finally:
        await makers.close()
    assert not makers._all  # noqa: SLF001 - as above
    assert np.isfinite(expected["panels"][0]["lines"][0]["y"][0])
