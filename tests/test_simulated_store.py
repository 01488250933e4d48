"""Simulated runs are kept out of the stores of real cells, and pictures say what is simulated."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from orchestrator.bench.settings import load_bench
from orchestrator.bench.simulated import rack_with, sizes_in
from orchestrator.bench.simulated_sizes import with_sizes_of
from orchestrator.events import EventKind
from orchestrator.rack.lock import owning
from orchestrator.rack.simulated_order import simulated_order
from orchestrator.rack.simulated_store import check_takes_simulated
from orchestrator.report.figures import Trace, marked
from orchestrator.runs.order_files import OrderFiles
from orchestrator.store import CannotOpen, Store, open_store
from protocols.changes import changed, parse_change
from protocols.loading import cell_document, load_cell, parse_cell, shipped_cells
from tests.bench_files import bench_file
from tests.command_line import cellrig, cellrig_process, refused
from tests.storing import PROGRAM, add_run
from tests.two_cycles import RECIPE

PLACE = ("--cell", "coated-li-li", "--channel", "21-1-3", "--simulate")


def test_simulated_run_goes_into_a_store_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the usual store, also where the environment names that; a look into the usual one says where it is."""
    monkeypatch.setenv("CELLRIG_STORE", str(tmp_path / "lab.sqlite"))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("times: 2", "times: 1"), encoding="utf-8")
    ran = cellrig("run", recipe, *PLACE)
    assert f"look with: cellrig show R000001 --store {tmp_path / 'lab-simulated.sqlite'}" in ran.stdout
    assert not (tmp_path / "lab.sqlite").exists()
    refused(cellrig("runs"), 1, "Simulated runs are in another store: --store", "lab-simulated.sqlite")


def test_run_on_a_simulated_bench_goes_into_a_store_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one by ``--simulate``: never beside real runs, whether a store is named or not."""
    bench = bench_file(tmp_path)
    bench.write_text("simulated = true\n" + bench.read_text("utf-8"), encoding="utf-8")
    there = ("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "21-1-3", "--by", "ada", "--bench", bench)
    with open_store(tmp_path / "real.db") as store:
        add_run(store)
        store.connection.execute("UPDATE run SET simulated = 0")
    refused(cellrig(*there, "--store", tmp_path / "real.db"), 1, "a simulated run does not go there", "real-simulated")
    monkeypatch.setenv("CELLRIG_STORE", str(tmp_path / "lab.sqlite"))
    refused(cellrig(*there), 3, "BTS")
    assert (tmp_path / "lab-simulated.sqlite.lock").exists()
    assert not (tmp_path / "lab.sqlite.lock").exists()


def test_run_is_simulated_with_a_cell_of_the_size_in_its_file(tmp_path: Path) -> None:
    """A rate means the same of both: the cell of the file's area and mass stands in the channel, no note beside it."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("times: 2", "times: 1"), encoding="utf-8")
    ohm = []
    for area in ("0.7854 cm2", "1.5708 cm2"):
        at = tmp_path / f"{area}.db"
        ran = cellrig("run", recipe, *PLACE, "--set", f"cell.area={area}", "--store", at)
        assert "simulated cell has" not in ran.stderr
        with open_store(at, read_only=True) as store:
            steps = store.steps(store.tests("R000001")[0].id)
        ohm.append(next(step.resistance_ohm for step in steps if step.resistance_ohm))
    assert ohm[1] == pytest.approx(ohm[0] / 2, rel=0.1)
    document = changed(cell_document("bare-lfp"), [parse_change("cell.active_mass=11.2 mg")])
    heavier = parse_cell(document.text, document.file)
    files = OrderFiles(document, document)
    for vary, mg in ((), 11.2), (("active_mass_mg = 1.3",), 1.3):
        rack, _ = simulated_order(heavier, "21-1-3", files, model=None, vary=vary, seed=1)
        assert sizes_in(rack) == [{"active_mass_mg": pytest.approx(mg), "area_cm2": pytest.approx(0.7854)}]
    for name in shipped_cells():
        plain = rack_with(load_cell(name), "21-1-3", None, 1)
        assert sizes_in(with_sizes_of(plain, load_cell(name))) == sizes_in(plain)


def test_store_of_a_service_takes_no_simulated_run(tmp_path: Path) -> None:
    """While it is served, and ever after."""
    path = tmp_path / "lab.db"
    with open_store(path) as store:
        store.add_event(None, EventKind.SERVICE_STARTED, "", 1.0)
    refused(cellrig("run", "li-li-0.2", *PLACE, "--store", path), 1, "is the store of a service", "lab-simulated.db")

    async def served() -> None:
        async with owning(tmp_path / "new.db"):
            open_store(tmp_path / "new.db").close()
            with pytest.raises(CannotOpen, match="is the store of a service"):
                check_takes_simulated(tmp_path / "new.db")

    asyncio.run(served())


def test_one_store_serves_simulated_runs_and_those_who_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets ``CELLRIG_STORE`` to the store of simulated runs runs into that, and not into one beside it."""
    own = tmp_path / "lab-simulated.db"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("times: 2", "times: 1"), encoding="utf-8")
    for named in (tmp_path / "lab.db", own):
        monkeypatch.setenv("CELLRIG_STORE", str(named))
        assert f"--store {own}" in cellrig("run", recipe, *PLACE).stdout
    assert [path.name for path in tmp_path.glob("*.db")] == [own.name]
    assert len(json.loads(cellrig("runs", "--json").stdout)["runs"]) == 2
    with open_store(own) as store, store.transaction() as connection:
        connection.execute("UPDATE run SET simulated = 0")
    refused(cellrig("run", recipe, *PLACE), 1, "a simulated run does not go there: name another file")


@pytest.mark.parametrize("simulated", [False, None])
def test_store_of_real_runs_takes_no_simulated_one(store: Store, simulated: bool | None) -> None:
    """Nor one whose cells may have been real."""
    with store.transaction() as connection:
        connection.execute("UPDATE run SET simulated = ? WHERE run_id = ?", (simulated, add_run(store)))
    with pytest.raises(CannotOpen, match="R000001"):
        check_takes_simulated(store.path)
    store.connection.execute("UPDATE run SET simulated = 1")
    check_takes_simulated(store.path)


def test_title_of_a_picture_says_what_is_simulated(store: Store) -> None:
    """All of it, some of it by name, or nothing of it."""
    for simulated in (True, True, False):
        sha256 = "0" * 64
        store.add_run(
            recipe="a",
            cell="b",
            channel="c",
            program_json=PROGRAM,
            program_sha256=sha256,
            created_unix_s=1.0,
            simulated=simulated,
        )
    first, second, real = (Trace(f"R00000{n}", f"cell {n}") for n in (1, 2, 3))
    assert marked(store, [first, second], "Li/Li") == "Li/Li (simulated)"
    assert marked(store, [first, real], "Li/Li") == "Li/Li (simulated: cell 1)"
    assert marked(store, [real], "Li/Li") == "Li/Li"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", False),
        ("simulated = true\n", True),
        ("[clock]\nspeed = 60.0\nepoch_unix_s = 0.0\norigin_s = 0.0\n", True),
    ],
)
def test_bench_says_whether_it_simulates(tmp_path: Path, head: str, expected: bool) -> None:
    """By its own key, or because its instruments have a clock of their own."""
    file = tmp_path / "bench.toml"
    tester = '[[tester]]\nstep_files = "."\nstep_files_on_bts_pc = "."\n[[tester.units]]\ndevid = 21\nsubdevid = 1\n'
    file.write_text(head + tester, encoding="utf-8")
    assert load_bench(file).is_simulated is expected


@pytest.mark.skipif(sys.platform == "win32", reason="rights as POSIX has them")
def test_refused_store_leaves_no_simulated_rack_behind(tmp_path: Path) -> None:
    """A store that others may read is refused before a rack is started, and nothing is made beside it."""
    path = tmp_path / "lab.db"
    open_store(path).close()
    path.chmod(0o644)
    before = sorted(tmp_path.iterdir())
    result = cellrig_process("serve", "--simulate", "--port", "0", "--store", path)
    refused(result, 2, "its rights are 644", "chmod 600")
    assert result.stdout == ""
    assert sorted(tmp_path.iterdir()) == before
