"""The command line as scripts rely on it: exit statuses, one sentence on stderr, JSON and nothing else on stdout."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from orchestrator.cli.app import app
from orchestrator.cli.run_by_service import followed
from orchestrator.cli.streams import announce, told_if_unwritten
from orchestrator.rack.lock import owning
from orchestrator.states import RunState
from orchestrator.store import open_store
from protocols.loading import recipe_text
from tests.command_line import PROGRAM, cellrig, cellrig_process, refused
from tests.two_cycles import RECIPE


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Give a short recipe of the technician's own."""
    file = tmp_path / "two-cycles.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    return file


def test_recipe_of_ones_own_runs_and_is_listed_and_shown(tmp_path: Path, recipe: Path) -> None:
    """Run, runs, show: the path of a technician, with JSON for scripts."""
    store = tmp_path / "lab.db"
    options = ("--cell", "coated-li-li", "--channel", "21-1-3", "--simulate", "--store", store)
    ran = cellrig_process("run", recipe, *options, "--label", "A17", "--by", "ada", "--json")
    assert ran.returncode == 0, ran.stderr
    row = json.loads(ran.stdout)
    assert (row["run"], row["label"], row["state"], row["cycles"]) == ("R000001", "A17", "completed", 2)
    (listed,) = json.loads(cellrig("runs", "--store", store, "--json").stdout)["runs"]
    assert listed == row
    shown = json.loads(cellrig("show", "R000001", "--store", store, "--json").stdout)
    assert shown["run"] == row
    assert "start ordered by ada" in [event["message"] for event in shown["events"]]
    assert [step["mode"] for step in shown["steps"]] == ["cc", "dc", "cc", "dc", "cc", "dc"]
    told = cellrig("show", "R000001", "--store", store).stdout
    assert "program finished" in told
    assert "V/I ohm" in told
    assert "short" not in told
    assert "R000001" in cellrig("runs", "--store", store).stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("run", "li-li-0.3", "--cell", "coated-li-li", "--channel", "21-1-3"), 2, ["li-li-0.3", "li-li-0.2"]),
        (("run", "li-li-0.2", "--cell", "coated-lili", "--channel", "21-1-3"), 2, ["coated-lili", "coated-li-li"]),
        (("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "21-9-3"), 2, ["21-9-3", "21-1-1 to 21-1-8"]),
        (("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "x"), 2, ["'x'"]),
        (("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "21-2-1"), 1, ["0.5 V", "negative"]),
        (("run", "lfp-200mA-g", "--cell", "coated-li-li", "--channel", "21-1-3"), 1, ["lfp"]),
        (("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "21-1-3", "--cell-model", "x"), 2, ["bare-li-li"]),
    ],
    ids=["recipe", "cell", "unit", "channel", "negative voltage", "kind", "model"],
)
def test_wrong_order_is_one_clear_sentence(
    tmp_path: Path, arguments: tuple[str, ...], status: int, words: list[str]
) -> None:
    """Unknown names are wrong use and are told with the names there are; what must not run is refused."""
    refused(cellrig(*arguments, "--simulate", "--store", tmp_path / "lab.db"), status, *words)
    assert not (tmp_path / "lab.db").exists()


def test_specific_current_without_active_mass_is_refused(tmp_path: Path) -> None:
    """mA/g needs a mass: the error says which cell lacks it."""
    cell = tmp_path / "no-mass.yaml"
    shipped = cellrig("recipe", "show", "lfp-200mA-g")
    assert shipped.returncode == 0
    cell.write_text(
        "name: no-mass\nkind: lfp\nworking_electrode: LFP\ncounter_electrode: Li\nelectrolyte: PEO-LiTFSI\n"
        "area: 0.7854 cm2\n",
        encoding="utf-8",
    )
    result = cellrig("recipe", "check", "lfp-200mA-g", "--cell", cell)
    refused(result, 1, "active_mass", "mA/g")


def test_recipe_check_tells_every_reason(tmp_path: Path, recipe: Path) -> None:
    """All problems of a file at once, with file and line; a good one is told with its duration."""
    good = cellrig("recipe", "check", recipe, "--cell", "coated-li-li", "--channel", "21-1-3")
    assert (good.returncode, good.stderr) == (0, "")
    assert "about 40 min 10 s" in good.stdout
    recipe.write_text(RECIPE.replace("0.2 mA/cm2", "0.2 mA/cm3").replace("30 s", "30"), encoding="utf-8")
    timed = cellrig("recipe", "check", "li-li-0.2", "--cell", "bare-li-li").stdout
    assert "(step 3 is a rest, without a current)\nli-li-0.2 can run with bare-li-li: about 25 d\n" in timed
    bad = cellrig("recipe", "check", recipe, "--cell", "coated-li-li")
    refused(bad, 1, "two-cycles.yaml:4:", "two-cycles.yaml:9:", "two-cycles.yaml:10:", "0.2 mA/cm3")


@pytest.mark.parametrize("place", ["missing/lab.db", "."])
def test_store_that_cannot_be_written_is_told_before_anything_starts(tmp_path: Path, recipe: Path, place: str) -> None:
    """A folder that is not there, a folder in place of a file."""
    options = ("--cell", "coated-li-li", "--channel", "21-1-3", "--simulate")
    refused(cellrig("run", recipe, *options, "--store", tmp_path / place), 1, "folder")


def test_demo_into_a_file_is_refused(tmp_path: Path) -> None:
    """The place of a demo is a folder."""
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    refused(cellrig("demo", "--out", tmp_path / "taken"), 1, "taken")


def test_bench_that_nobody_answers_is_status_3(tmp_path: Path, recipe: Path) -> None:
    """No BTS client at the port: the error lists the usual causes."""
    bench = tmp_path / "bench.toml"
    bench.write_text(
        '[[tester]]\nname = "ct4008"\nport = 1\nstep_files = "."\nstep_files_on_bts_pc = "C:\\\\steps"\n'
        "[[tester.units]]\ndevid = 21\nsubdevid = 1\nvoltage_low_v = -5.0\n",
        encoding="utf-8",
    )
    options = ("--cell", "coated-li-li", "--channel", "21-1-3", "--bench", bench, "--store", tmp_path / "lab.db")
    refused(cellrig("run", recipe, *options), 3, "BTS Client")


@pytest.mark.parametrize(("line", "word"), [("poll_period_s = 1.0", "poll_period_s"), ("colour = 1", "colour")])
def test_wrong_bench_file_names_its_field(tmp_path: Path, recipe: Path, line: str, word: str) -> None:
    """Unknown keys and polls faster than the tester's values are told with their place."""
    bench = tmp_path / "bench.toml"
    bench.write_text(
        f'[[tester]]\n{line}\nstep_files = "."\nstep_files_on_bts_pc = "."\n[[tester.units]]\ndevid=21\nsubdevid=1\n',
        encoding="utf-8",
    )
    options = ("--cell", "coated-li-li", "--channel", "21-1-3", "--bench", bench, "--store", tmp_path / "lab.db")
    refused(cellrig("run", recipe, *options), 2, word)


def _records(path: Path) -> int:
    """Count the records that a run in another process has stored."""
    with open_store(path, read_only=True) as store:
        return sum(store.sample_count(test.id) for run in store.runs() for test in store.tests(run.run_id))


@pytest.mark.parametrize("kind", ["SIGINT"] if sys.platform == "win32" else ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_and_its_like_stop_the_channel_and_keep_every_record(tmp_path: Path, kind: str) -> None:
    """Ctrl-C, SIGTERM or a closed terminal in 6000 h: status 1, the run is stopped, the records are in the store."""
    store, recipe = tmp_path / "lab.db", tmp_path / "ten-times-as-long.yaml"
    # Ten seconds of computing: it is not over before the signal comes, however long this process waits for its turn.
    recipe.write_text(recipe_text("li-li-0.2").replace("times: 300", "times: 3000"), encoding="utf-8")
    command = [*PROGRAM, "run", str(recipe)]
    options = ["--cell", "coated-li-li", "--channel", "21-1-3", "--simulate", "--store", str(store)]
    # The tests themselves may have been started to outlive a terminal, and their children inherit that.
    before = signal.signal(signal.Signals[kind], signal.SIG_DFL)
    try:
        started = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.Signals[kind], before)
    with started as process:
        assert process.stderr is not None
        assert any("running" in line for line in process.stderr)
        while _records(store) <= 100:
            time.sleep(0.01)
        process.send_signal(signal.Signals[kind])
        errors = process.stderr.read()
    assert process.returncode == 1
    assert "stopped by Ctrl-C" in errors
    assert "Traceback" not in errors
    with open_store(store, read_only=True) as opened:
        (run,) = opened.runs()
        (test,) = opened.tests(run.run_id)
        assert run.state is RunState.STOPPED
        assert opened.sample_count(test.id) > 100
        assert opened.open_intents() == []


def test_run_against_a_simulator_in_another_process(tmp_path: Path, recipe: Path) -> None:
    """The bench file, TCP and the stand-alone simulator in scaled time: the way of a real instrument."""
    steps = tmp_path / "steps"
    steps.mkdir()
    command = [*PROGRAM, "simulate", "ct4008", "--port", "0"]
    options = ["--speed", "3600", "--negative-voltage"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            host, _, port = simulator.stdout.readline().strip().partition(":")
            assert host == "127.0.0.1"
            bench = tmp_path / "bench.toml"
            bench.write_text(
                f'[[tester]]\nport = {port}\nstep_files = "{steps.as_posix()}"\npoll_period_s = 5\n'
                f'step_files_on_bts_pc = "{steps.as_posix()}"\n'
                "[[tester.units]]\ndevid = 21\nsubdevid = 1\nvoltage_low_v = -5.0\n",
                encoding="utf-8",
            )
            place = ("--channel", "21-1-3", "--bench", bench, "--store", tmp_path / "lab.db")
            result = cellrig("run", recipe, "--cell", "coated-li-li", *place, "--json")
            assert result.returncode == 0, result.stderr
            assert json.loads(result.stdout)["cycles"] == 2
            again = cellrig("run", recipe, "--cell", "coated-li-li", *place)
            refused(again, 1, "cell coated-li-li of R000001", "--same-cell", "--mounted coated-li-li")
        finally:
            simulator.send_signal(signal.SIGINT)
            assert simulator.wait(timeout=60) == 0


def test_instruments_of_a_store_that_is_owned_are_left_alone(tmp_path: Path, recipe: Path) -> None:
    """A service has the bench: a run that would poll it beside the service is refused, and says what to do (E08)."""
    bench = tmp_path / "bench.toml"
    bench.write_text(
        f'[[tester]]\nport = 1\nstep_files = "{tmp_path.as_posix()}"\nstep_files_on_bts_pc = "."\n'
        "[[tester.units]]\ndevid = 21\nsubdevid = 1\nvoltage_low_v = -5.0\n",
        encoding="utf-8",
    )

    async def beside() -> None:
        async with owning(tmp_path / "lab.db") as instance:
            instance.write_owner("http://127.0.0.1:1")
            place = ("--channel", "21-1-3", "--bench", bench, "--store", tmp_path / "lab.db")
            refused(cellrig_process("run", recipe, "--cell", "coated-li-li", *place), 1, "when --bench is left out")

    asyncio.run(beside())
    assert not (tmp_path / "lab.db").exists()


def test_json_is_alone_on_stdout(tmp_path: Path, recipe: Path) -> None:
    """Progress and notes go to stderr."""
    options = ("--cell", "coated-li-li", "--channel", "21-1-3", "--simulate", "--store", tmp_path / "lab.db")
    result = cellrig("run", recipe, *options, "--json")
    json.loads(result.stdout)
    assert "coated-li-li: " in result.stderr


def test_help_imports_nothing_heavy() -> None:
    """``--help`` stays quick because no command's own imports are made."""
    script = (
        "import sys, typer\nbefore = set(sys.modules)\n"
        "from orchestrator.cli import main\nsys.argv=['cellrig','--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'pydantic','sqlite_utils','ruamel','matplotlib','rich.progress','simulators'} & set(sys.modules)\n"
        "heavy |= {'concurrent.futures','dataclasses','json','logging'} & (set(sys.modules) - before)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--label", "x" * 65, "label: String should have at most 64 characters"),
        ("--by", "-", "by: say who you are"),
        ("--confirm-implausible", "a\nb", "confirm_implausible: String should match pattern"),
        ("--accept-voltage", " ", "accept_voltage: a reason in words"),
    ],
)
def test_name_that_the_service_refuses_is_refused_without_it(
    tmp_path: Path, option: str, value: str, words: str
) -> None:
    """The same limits in the same words, and nothing is stored."""
    options = ("--cell", "coated-li-li", "--channel", "21-1-3", "--simulate", "--store", tmp_path / "lab.db")
    refused(cellrig("run", "li-li-0.2", *options, option, value), 2, words)
    assert not (tmp_path / "lab.db").exists()


def test_waiting_for_a_queued_run_says_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Each reason once, on stderr, with the command that lets it go on."""
    row = {"run_id": "R000002", "label": "x", "channel": "21-1-3", "time_s": 0.0, "planned_s": 1.0, "cycle": 0}
    row |= {"voltage_v": None, "samples": 0}
    why = "waits for a person: then: cellrig resume R000002"
    said = [("queued", why), ("queued", why), ("running", ""), ("completed", "program finished")]
    over = followed([{**row, "state": state, "reason": reason} for state, reason in said], row)
    assert over is not None
    assert over["state"] == "completed"
    assert capsys.readouterr().err.count(f"R000002 on 21-1-3 is queued: {why}") == 1
    assert followed([], row) is None


def test_service_without_an_output_ends_well(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where 'cellrig serve >&-' answers stands in its log, and its end is none of an output that cannot be written."""

    def served() -> None:
        with told_if_unwritten():
            announce("http://127.0.0.1:8765")
            raise SystemExit(0)

    monkeypatch.setattr(sys, "stdout", None)
    with caplog.at_level("INFO"), pytest.raises(SystemExit) as end:
        served()
    sys.stdout.close()
    assert end.value.code == 0
    assert "http://127.0.0.1:8765" in caplog.text


@pytest.mark.parametrize("text", [b"\xef\xbb\xbfname: a\r\n# \xe2\x82\xac\r\n", b"name: a\n\n# no end"])
def test_recipe_shown_into_a_pipe_is_its_file(tmp_path: Path, text: bytes) -> None:
    """Mark of order, ends of lines and letters are those of the file, whatever the locale: a copy is the same file."""
    (tmp_path / "mine.yaml").write_bytes(text)
    command = [*PROGRAM, "recipe", "show", "mine.yaml"]
    here = {"PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(command, cwd=tmp_path, env={**os.environ, **here}, capture_output=True, check=True)
    assert shown.stdout == text


def test_each_command_that_has_out_has_it_as_a_letter_too() -> None:
    """Who has learnt ``-o`` at one command types it at the others: paper and demo knew no such option."""

    def options(command: Any, name: str) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401 - a class of typer's own
        for each in command.params:
            yield name, each.opts
        for word, below in getattr(command, "commands", {}).items():
            yield from options(below, f"{name} {word}")

    found = {name: opts for name, opts in options(get_command(app), "cellrig") if "--out" in opts}
    assert {"cellrig paper", "cellrig demo", "cellrig export"} <= set(found)
    assert {name for name, opts in found.items() if "-o" not in opts} == set()


@pytest.mark.needs("sh")
@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
@pytest.mark.parametrize("arguments", [("recipe", "list"), ("recipe", "show", "li-li-0.2"), ("recipe", "schema")])
def test_output_that_cannot_be_written_is_one_sentence(arguments: tuple[str, ...], where: str) -> None:
    """A full disk or a closed output ends with a sentence and status 1: a script must not take half a table.

    Faults F09.
    """
    command = ["sh", "-c", f'"$@" {where}', "-", *PROGRAM, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    refused(ran, 1, "cellrig: the output cannot be written")
