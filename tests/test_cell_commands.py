"""``cellrig cell``: which cells there are and were tested, what one is, and what is wrong with the file of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.runs.order_files import OrderFiles
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import MountingKind, Mountings, open_store
from protocols.changes import changed, parse_change
from protocols.loading import cell_document, cell_text, load_cell, load_recipe, recipe_document
from protocols.resolve import resolve
from tests.command_line import cellrig, refused

CELL = """\
name: lfp-17
kind: lfp
area: 78.54 mm2
active_mass: {mass}
nominal_capacity: 170 mAh/g
working_electrode: LiFePO4 on Al foil
counter_electrode: Li foil
electrolyte: PEO
"""


@pytest.fixture
async def lab(tmp_path: Path) -> Path:
    """Give a store with two runs of a cell of its own area, and a run of an older cellrig."""
    path = tmp_path / "lab.db"
    cell = changed(cell_document("coated-li-li"), [parse_change("cell.area=1.131 cm2")])
    files = OrderFiles(recipe_document("li-li-0.2"), cell)
    with open_store(path) as store:
        for _ in range(2):
            run_id = RunRequest(files.program(), "21-1-3", "A17", files=files).add_to(store, "ada")
            store.set_run_state(run_id, RunState.COMPLETED, "program finished", 1_800_000_000.0)
            Mountings(store).add("21-1-3", MountingKind.BEGUN, run_id, "", 1_800_000_000.0)
        old = resolve(load_recipe("lfp-200mA-g"), load_cell("bare-lfp"))
        RunRequest(old, "21-1-4", "").add_to(store, "ada")
    return path


def test_list_names_the_tested_cells_and_where_they_are(lab: Path) -> None:
    """A cell has all its runs, and is mounted until somebody says that its channel is empty."""
    printed = cellrig("cell", "list", "--store", lab).stdout
    assert "conditioned-li-cu" in printed
    assert cellrig("cell", "list", "--store", lab, "--columns", "all").stdout == printed
    assert printed.split("Tested, in ")[1].split()[-14:] == [
        *("A17", "coated-li-li", "2", "R000002", "21-1-3", "completed", "21-1-3"),
        *("bare-lfp", "bare-lfp", "1", "R000003", "21-1-4", "queued", "no"),
    ]
    with open_store(lab) as store:
        Mountings(store).add("21-1-3", MountingKind.EMPTY, None, "ada", 1_800_000_000.0)
    (first, second) = json.loads(cellrig("cell", "list", "--store", lab, "--json").stdout)["tested"]
    assert (first["runs"], first["mounted_on"], second["mounted_on"]) == (["R000001", "R000002"], None, None)
    assert first["state_since_utc"] == "2027-01-15T08:00:00.000Z"


def test_list_needs_no_store_but_one_that_is_named(tmp_path: Path) -> None:
    """Shipped cells are listed anywhere; a store that is typed and not there is a mistake."""
    listed = json.loads(cellrig("cell", "list", "--json", cwd=tmp_path).stdout)
    assert (len(listed["cells"]), listed["tested"]) == (6, [])
    refused(cellrig("cell", "list", "--store", "lab.db", cwd=tmp_path), 1, "lab.db does not exist")


def test_show_tells_what_follows_from_a_file(tmp_path: Path) -> None:
    """Area, mass and capacity give loading and the current at 1C, each with its unit and its formula."""
    (tmp_path / "mine.yaml").write_text(CELL.format(mass="1.12 mg"), encoding="utf-8")
    printed = cellrig("cell", "show", "mine.yaml", cwd=tmp_path).stdout
    lines = {line[:31].strip(): line[31:].strip() for line in printed.splitlines()}
    assert lines["area of the electrode"] == "0.7854 cm2"
    assert lines["as a disc, its diameter"].startswith("10 mm ")
    assert lines["areal loading"] == "1.426 mg/cm2     = active mass / area"
    assert lines["current at 1C"] == "0.1904 mA        = nominal capacity / 1 h"
    assert lines["the host stops outside"] == "2.7 to 4.1 V"
    assert max(map(len, printed.splitlines())) <= 80
    known = json.loads(cellrig("cell", "show", "mine.yaml", "--json", cwd=tmp_path).stdout)
    assert known["given"] == {"area_cm2": 0.7854, "active_mass_mg": 1.12, "nominal_capacity_mah": 0.1904}
    assert known["derived"]["one_c_specific_current_ma_per_g"] == pytest.approx(170)
    assert known["assumed"]["open_circuit_v"] == {"low": 2.8, "high": 3.6}


def test_show_finds_a_tested_cell_by_its_label(lab: Path) -> None:
    """The file that was kept with its newest run is shown; of an older run, what its program knows."""
    known = json.loads(cellrig("cell", "show", "A17", "--store", lab, "--json").stdout)
    assert (known["given"]["area_cm2"], known["runs"]) == (1.131, ["R000001", "R000002"])
    assert "area: 1.131 cm2 " in cellrig("cell", "show", "A17", "--text", "--store", lab).stdout
    old = cellrig("cell", "show", "bare-lfp", "--store", lab).stdout
    assert "bare-lfp, as ordered with R000003" in old
    assert "active mass                    1.1 mg" in old
    refused(cellrig("cell", "show", "bare-lfp", "--text", "--store", lab), 1, "was not kept")
    assert cellrig("cell", "show", "bare-lfp", "--text").stdout == cell_text("bare-lfp")
    refused(cellrig("cell", "show", "A18", "--store", lab), 2, "Shipped: ", "no cell of this label was tested in")


def test_check_tells_every_fault_at_once(tmp_path: Path) -> None:
    """Each with its line and what would be right, in JSON too; ``recipe check`` tells those of both files."""
    text = CELL.format(mass="1,12 mg").replace("kind: lfp", "kind: lpf").replace("electrolyte: PEO\n", "")
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text("name: r\n", encoding="utf-8")
    result = cellrig("cell", "check", "bad.yaml", "--json", cwd=tmp_path)
    seen = [(one["line"], one["field"], one["expected"]) for one in json.loads(result.stdout)["faults"]]
    assert result.returncode == 1
    assert (4, "active_mass", "a decimal point: '1.12 mg'") in seen
    assert [field for _, field, _ in seen] == ["electrolyte", "kind", "active_mass"]
    words = ("bad.yaml:2: kind: saw 'lpf'", "\nbad.yaml:4: active_mass: saw '1,12 mg'; expected a decimal point")
    refused(cellrig("cell", "check", "bad.yaml", cwd=tmp_path), 1, *words)
    both = cellrig("recipe", "check", "recipe.yaml", "--cell", "bad.yaml", "--json", cwd=tmp_path)
    assert {one["file"] for one in json.loads(both.stdout)["faults"]} == {"bad.yaml", "recipe.yaml"}


def test_check_notes_a_mass_that_was_changed_without_the_capacity(tmp_path: Path) -> None:
    """Currents in C refer to the nominal capacity: a few per cent from the active mass's are told, and not refused."""
    text = CELL.replace("nominal_capacity: 170 mAh/g", "nominal_capacity: 0.187 mAh")
    (tmp_path / "cell.yaml").write_text(text.format(mass="1.3 mg"), encoding="utf-8")
    known = json.loads(cellrig("cell", "check", "cell.yaml", "--json", cwd=tmp_path).stdout)
    told = "Cell lfp-17: a nominal_capacity of 0.187 mAh beside 1.3 mg is 144 mAh/g, 15% less than lfp holds in theory"
    assert (known["implausible"], [note.startswith(told) for note in known["notes"]]) == ([], [True])
    shown = cellrig("cell", "check", "cell.yaml", cwd=tmp_path)
    assert (shown.returncode, "note: Cell lfp-17" in shown.stdout) == (0, True)
    run = cellrig("recipe", "check", "lfp-200mA-g", "--cell", "cell.yaml", "--json", cwd=tmp_path)
    assert told in " ".join(json.loads(run.stdout)["notes"])
    (tmp_path / "cell.yaml").write_text(text.format(mass="1.12 mg"), encoding="utf-8")
    assert json.loads(cellrig("cell", "check", "cell.yaml", "--json", cwd=tmp_path).stdout)["notes"] == []


def test_check_tells_what_is_implausible(tmp_path: Path) -> None:
    """A sound file of a cell that hardly anybody has is refused by ``check``, with what is usual."""
    (tmp_path / "cell.yaml").write_text(CELL.format(mass="112 mg"), encoding="utf-8")
    refused(cellrig("cell", "check", "cell.yaml", cwd=tmp_path), 1, "is implausible", "143 mg/cm2. Usual for lfp")
    (tmp_path / "cell.yaml").write_text(CELL.format(mass="1.12 mg"), encoding="utf-8")
    sound = cellrig("cell", "check", "cell.yaml", cwd=tmp_path)
    assert (sound.returncode, sound.stdout.splitlines()[-1]) == (0, "lfp-17 is sound")
