"""The service and its clients as a user has them: real processes, a simulated rack that rides on, kill -9."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store import open_store
from tests.command_line import RECIPE, refused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")

PROGRAM = [sys.executable, "-c", "from orchestrator.cli import main; main()"]
RUN = ("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "21-1-3", "--by", "ada")


class Bench:
    """A folder with a store, a service that may be killed and started again, and the rack that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "cellrig.db"
        self.bench = folder / "cellrig.db.simulated.toml"
        self.service: subprocess.Popen[str] | None = None
        self.rack: int | None = None
        self.output = ""

    def serve(self) -> None:
        """Start the service and wait until it answers."""
        command = [*PROGRAM, "serve", "--simulate", "--speed", "3600", "--port", "0", "--store", str(self.store)]
        with (self.folder / "service.log").open("a", encoding="utf-8") as log:
            self.service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.service.stdout is not None
        for line in self.service.stdout:
            self.output += line
            if found := re.search(r"rack at \S+, process (\d+)", line):
                self.rack = int(found[1])
            if line.startswith("http://"):
                return
        raise AssertionError(f"it did not start: {self.output} {self.log}")

    @property
    def log(self) -> str:
        """What the service has logged."""
        return (self.folder / "service.log").read_text(encoding="utf-8")

    def end(self, how: signal.Signals) -> int:
        """End the service, and give its exit status."""
        assert self.service is not None
        self.service.send_signal(how)
        status = self.service.wait(20)
        assert self.service.stdout is not None
        self.service.stdout.close()
        self.service = None
        return status

    def cellrig(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command beside the store."""
        command = [*PROGRAM, *map(str, arguments), "--store", str(self.store)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def done(self, *arguments: object) -> str:
        """Run a command that succeeds, and give what it says."""
        result = self.cellrig(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def wait_for(self, words: str) -> str:
        """Follow the rack until a line has these words."""
        command = [*PROGRAM, "watch", "--store", str(self.store)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            line = next((line for line in watching.stdout if re.search(words, line)), "")
            watching.kill()
        assert line, f"never seen: {words}"
        return line


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench; its processes are ended afterwards."""
    made = Bench(tmp_path)
    try:
        yield made
    finally:
        if made.service is not None:
            made.end(signal.SIGKILL)
        if made.rack is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(made.rack, signal.SIGKILL)


def test_killed_service_finds_its_run_and_says_what_happened(bench: Bench) -> None:
    """Start, a second start (faults E08), run, kill -9, start again: nothing is lost, and it is told in words."""
    bench.serve()
    second = bench.cellrig("serve", "--simulate")
    refused(second, 1, "served already by process", str(bench.service.pid if bench.service else 0))
    assert "R000001 on 21-1-3 is queued" in bench.done(*RUN)
    bench.wait_for("R000001  running .* cycle [1-9]")
    assert bench.end(signal.SIGKILL) == -signal.SIGKILL
    refused(bench.cellrig("status"), 3, "no service answers", "cellrig serve")
    bench.serve()
    bench.wait_for("R000001  running")
    told = bench.done("status")
    assert "died without a word" in told
    assert "went on in the tester by itself" in told
    assert "runs R000001 (coated-li-li)" in told
    found = json.loads(bench.done("status", "--json"))
    assert [row["run"]["run_id"] for row in found["channels"] if row["run"]] == ["R000001"]
    assert "R000001 on 21-1-3 is stopped: stopped by ada" in bench.done("stop", "R000001", "--by", "ada")
    assert bench.end(signal.SIGTERM) == 0
    with open_store(bench.store, read_only=True) as store:
        (test,) = store.tests("R000001")
        sequences = [sample.sequence for sample in store.samples(test.id)]
        assert sequences == list(range(1, len(sequences) + 1))
        assert store.open_intents() == []
    token = (bench.folder / "cellrig.db.token").read_text(encoding="utf-8").strip()
    assert bench.output.count(token) == 1
    assert token not in bench.log
    assert "run R000001 on 21-1-3" in bench.log


def test_channel_is_stopped_directly_with_the_service_dead(bench: Bench) -> None:
    """Refused while the service lives; afterwards the tester itself is asked, and the next service ends the run."""
    bench.serve()
    bench.done(*RUN)
    bench.wait_for("R000001  running")
    direct = ("stop", "--direct", "--channel", "21-1-3", "--bench", bench.bench, "--by", "ada")
    refused(bench.cellrig(*direct), 1, "the service is alive")
    bench.end(signal.SIGKILL)
    assert "channel 21-1-3 is stopped: R000001" in bench.done(*direct)
    assert "is stopped already" in bench.done(*direct)
    checked = bench.cellrig("bench", "check", "--bench", bench.bench)
    assert "goes on under the tester's own limits" in checked.stdout
    assert "21-1-3 stopped" in checked.stdout
    with open_store(bench.store, read_only=True) as store:
        assert "stopped at the tester by ada" in store.events("R000001")[-1].message
    bench.serve()
    bench.wait_for("R000001  stopped")
    bench.end(signal.SIGTERM)
    with open_store(bench.store, read_only=True) as store:
        assert store.open_intents() == []


def test_run_of_ones_own_recipe_is_waited_for(bench: Bench) -> None:
    """With --wait the exit status is the run's; the rack is stopped when nothing runs; wrong orders are refused."""
    bench.serve()
    recipe = bench.folder / "two-cycles.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    place = ("--cell", "coated-li-li", "--channel", "21-1-3")
    assert json.loads(bench.done("run", recipe, *place, "--wait", "--json"))["state"] == "completed"
    assert "nothing was running" in bench.done("stop", "--rack")
    assert "free; R000001 (coated-li-li) completed" in bench.done("watch", "--once")
    assert "answers" in bench.done("bench", "check")
    refused(bench.cellrig("run", "li-li-0.3", *place), 2, "li-li-0.3")
    refused(bench.cellrig("run", recipe, "--cell", "coated-li-li", "--channel", "21-9-3"), 1, "21-9-3")
    refused(bench.cellrig("resume", "R000001"), 1, "only a held run")
    refused(bench.cellrig("stop"), 2, "RUN")


def test_without_a_service_clients_say_so(tmp_path: Path) -> None:
    """Exit status 3 and what to do, for reading, ordering and starting."""
    store = ("--store", tmp_path / "cellrig.db", "--url", "http://127.0.0.1:9")
    (tmp_path / "cellrig.db.token").write_text("x" * 43, encoding="ascii")
    for arguments in (("status",), ("stop", "--rack"), RUN):
        command = [*PROGRAM, *map(str, (*arguments, *store))]
        refused(subprocess.run(command, capture_output=True, text=True, check=False), 3, "no service answers")


@pytest.mark.parametrize("url", ["http://lab.example:8765"])
def test_token_is_sent_to_other_machines_over_https_only(tmp_path: Path, url: str) -> None:
    """A wrong address does not give the token away."""
    command = [*PROGRAM, "status", "--store", str(tmp_path / "x.db"), "--url", url]
    refused(subprocess.run(command, capture_output=True, text=True, check=False), 2, "https only")
