"""The life of a bare Li/Li cell with a spectrum every 20 cycles, as a user runs it, and what is found in it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.analysis.kramers_kronig import Steadiness
from orchestrator.bench.simulated import rack_with
from orchestrator.cli.app import app
from orchestrator.judging.limits import FindingKind
from orchestrator.measuring.soft_short import SoftShortWatches
from orchestrator.rack.launch import Launch, launch
from orchestrator.report.impedance import impedance_report
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from protocols.loading import load_cell, load_recipe
from protocols.program import Program
from tests.rig import Rig


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run ``li-li-eis`` on the bare cell, on the simulated bench, in virtual time, once."""
    path = tmp_path_factory.mktemp("life") / "cellrig.db"
    cell = load_cell("bare-li-li")
    order = Launch(load_recipe("li-li-eis"), cell, "21-1-1", rack_with(cell, "21-1-1", None, 1))
    assert launch(order, path, lambda _: None).state is RunState.COMPLETED
    return path


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    """Open what the run has left."""
    with open_store(store_path, read_only=True) as opened:
        yield opened


def test_interface_resistance_grows_until_the_short(store: Store) -> None:
    """Every 20 cycles a whole spectrum that passes Kramers and Kronig, each with a larger arc than the one before."""
    report = impedance_report(store, "R000001")
    assert [row.cycle for row in report.rows] == [0, 20, 40, 60]
    ohms = [row.interface.value for row in report.rows if row.interface is not None]
    assert len(ohms) == 4
    assert ohms == sorted(ohms)
    assert ohms[-1] > 1.5 * ohms[0]
    assert all(row.steady is Steadiness.STEADY for row in report.rows)


def test_soft_short_is_told_while_the_run_goes_on_and_before_the_hard_one(store: Store) -> None:
    """The event of the soft short was written by the last spectrum, many hours before the cell shorted."""
    events = store.events("R000001")
    soft = [event for event in events if event.kind == FindingKind.SOFT_SHORT and event.data_json]
    hard = next(event for event in events if event.kind == FindingKind.CELL_SHORTED)
    # Besides what the voltage alone shows.
    soft = [event for event in soft if "verdict" in json.loads(event.data_json or "{}")]
    told = json.loads(soft[0].data_json or "{}")
    assert told["verdict"] == "soft short"
    assert told["cycle"] < 60
    assert soft[0].at_unix_s < hard.at_unix_s - 10 * 3600


async def test_verdict_that_the_service_died_over_is_told_after_its_restart(
    store_path: Path, tmp_path: Path, rig: Rig
) -> None:
    """Its spectrum was stored, and the process was killed before the event was: the next one tells it, once."""
    shutil.copy(store_path, tmp_path / "copy.db")
    with open_store(tmp_path / "copy.db") as store:
        verdicts = "FROM event WHERE kind = ? AND data_json LIKE '%verdict%'"
        store.connection.execute(f"DELETE {verdicts}", (FindingKind.SOFT_SHORT,))
        request = RunRequest(Program.from_json(store.run("R000001").program_json), "21-1-1", "")
        for _ in range(2):
            SoftShortWatches(store).check_after_restart(Run(store, rig.tester, request, "R000001"))
            assert store.connection.execute(f"SELECT count(*) {verdicts}", (FindingKind.SOFT_SHORT,)).fetchone() == (1,)


def test_command_gives_numbers_and_pictures(store_path: Path, tmp_path: Path) -> None:
    """``cellrig spectra``: fits with errors, the verdict in a sentence, three pictures; JSON for scripts."""
    result = CliRunner().invoke(app, ["spectra", "R000001", "--store", str(store_path), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "Hard short, first seen in cycle" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"R000001-{name}.png" for name in ("bode", "nyquist", "resistances")
    ]
    result = CliRunner().invoke(
        app, ["spectra", "R000001", "--store", str(store_path), "--series-ohm", "1.5", "--json"]
    )
    found = json.loads(result.output)
    assert found["assessment"]["verdict"] == "hard short"
    assert found["spectra"][0]["conductivity_s_cm"] == pytest.approx(2.4e-4, rel=0.05)
