"""What goes wrong with a simulated cell is said on the command line or in a file of cells, and the run shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from orchestrator.bench.serving import ensure_simulated_rack
from orchestrator.bench.simulated import rack_with
from protocols.cell import CellKind
from protocols.loading import load_cell
from simulators.bench import read_cells
from simulators.cells import load_cell as load_model
from simulators.cells.varied_cell import VariedCell
from simulators.neware.cell_drive import Drive
from simulators.neware.schedule import UnitRatings
from tests.command_line import cellrig, refused

ORDER = ("run", "li-li-0.4", "--cell", "bare-li-li", "--channel", "21-1-3", "--simulate")

COPPER = """
name: plate-and-strip
title: Li/Cu, once
for: [li-cu]
record: {every: 2 min}
guards: {short: {policy: mark}}
limits:
  host: {low: -0.5 V, high: 3.3 V}
  tester: {low: -0.6 V, high: 3.4 V}
  absolute: {low: -1.0 V, high: 3.5 V}
steps:
  - {step: constant_current, direction: discharge, current: 1 mA/cm2, until: {capacity: 1 mAh/cm2}}
  - {step: constant_current, direction: charge, current: 1 mA/cm2, until: {voltage: 1 V, time: 70 min}}
"""


def stripped(tmp_path: Path, *options: str) -> tuple[float, str]:
    """Plate and strip a cell on the command line; return the part stripped, and what ended the strip."""
    recipe, store = tmp_path / "once.yaml", tmp_path / "once.db"
    recipe.write_text(COPPER, encoding="utf-8")
    order = ("run", recipe, "--cell", "conditioned-li-cu", "--channel", "21-1-1", "--simulate", "--store", store)
    assert cellrig(*order, *options).returncode == 0
    plate, strip = json.loads(cellrig("show", "R000001", "--store", store, "--json").stdout)["steps"]
    return strip["capacity_ah"] / plate["capacity_ah"], strip["end_reason"]


def test_copper_gives_back_what_was_set_and_a_shorted_one_more_than_was_plated(tmp_path: Path) -> None:
    """A sound strip ends at its cutoff; beside metal it never does, and its charge says nothing of the lithium."""
    (tmp_path / "sound").mkdir()
    part, ended_by = stripped(
        tmp_path / "sound", "--vary", "efficiency_fraction = 0.9", "--vary", "spread_fraction = 0"
    )
    assert part == pytest.approx(0.9, abs=0.02)  # the film took its part of this first plating
    assert ended_by == "voltage"
    part, ended_by = stripped(tmp_path, "--vary", "short = {ohm = 100, from_h = 0.5}")
    assert part > 1.1
    assert ended_by == "time"


def test_a_shorted_cell_fails_its_contact_check(tmp_path: Path) -> None:
    """A short that is there from the start is seen before the recipe's first step."""
    result = cellrig(*ORDER, "--store", tmp_path / "s.db", "--vary", "short.ohm = 1.0")
    assert result.returncode == 1
    assert "contact check failed" in result.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("short.ohm == 3", "no TOML: short.ohm == 3"),
        ("short.om = 3", "short: unknown om"),
        ("ohm = 3", "unknown parameter"),
    ],
)
def test_a_slip_in_a_setting_is_told_and_nothing_runs(tmp_path: Path, line: str, words: str) -> None:
    """What no cell model knows is refused before a store is made."""
    refused(cellrig(*ORDER, "--store", tmp_path / "s.db", "--vary", line), 2, words)
    assert not (tmp_path / "s.db").exists()


def test_settings_of_models_are_for_simulated_cells(tmp_path: Path) -> None:
    """A real cell is not varied by an option."""
    order = ("run", "li-li-0.4", "--cell", "bare-li-li", "--channel", "21-1-3", "--store", tmp_path / "s.db")
    refused(cellrig(*order, "--vary", "short.ohm = 1.0"), 2, "a real cell has none")


def test_a_file_of_cells_varies_a_channel(tmp_path: Path) -> None:
    """The overrides of a channel have the same tables, and a wrong one is told before a rack starts."""
    path = tmp_path / "cells.toml"
    path.write_text('["21-1-2"]\nmodel = "coated-li-li"\n[["21-1-2".overrides.short]]\nohm = 7.0\n', encoding="utf-8")
    cell = read_cells(path, seed=1)["21-1-2"]
    assert isinstance(cell, VariedCell)
    assert cell.shunt_ohm == 7.0
    path.write_text(path.read_text(encoding="utf-8").replace("ohm = 7.0", "ohm = -7.0"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"channel 21-1-2: .*short\.ohm is -7\.0"):
        ensure_simulated_rack(tmp_path / "x.db", 1.0, cells=path)


def test_a_copper_cell_of_any_name_has_a_model() -> None:
    """Without a model of its own a Li/Cu cell is the conditioned one, as the other kinds have their coated ones."""
    mine = load_cell("bare-li-cu").model_copy(update={"name": "cu-77"})
    assert mine.kind is CellKind.LI_CU
    assert rack_with(mine, "21-1-1", None, 1).cells == {"21-1-1": "conditioned-li-cu"}


def test_a_tester_reads_no_current_where_a_contact_was_lost_in_a_step() -> None:
    """The record at the compliance voltage has the leakage's current, not the set one."""
    cell = load_model("coated-li-li", seed=1, overrides={"pulled_out": {"from_h": 0.5}})
    drive = Drive(cell, UnitRatings(), 0)
    drive.command(3e-4, None)
    drive.high = 5.0
    while drive.tick < 18_000:
        drive.look(36_000)
        drive.commit()
        assert drive.current_a == (3e-4 if drive.tick < 18_000 else pytest.approx(0.0, abs=1e-7))
    assert drive.voltage_v >= 5.0
