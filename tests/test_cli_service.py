"""The service as a user has it: a real process, a simulated rack that rides on, kill -9. Clients are called here."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orchestrator.api.token import token_path
from orchestrator.bench.serving import ensure_simulated_rack
from orchestrator.rack.lock import owner_of
from orchestrator.store import open_store
from tests.bench_files import bench_file
from tests.command_line import refused
from tests.service_bench import (
    PROGRAM,
    RUN,
    Bench,
    asked,
    cellrig,
    children_of,
    is_running,
    service_bench,
    until_answered,
)
from tests.two_cycles import RECIPE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench."""
    with service_bench(tmp_path) as made:
        yield made


def test_store_that_is_refused_is_left_without_a_token(tmp_path: Path) -> None:
    """The service says what is wrong with the store, and makes no token beside what is none of its."""
    store = tmp_path / "cellrig.db"
    store.write_bytes(b"no database" * 1000)
    store.chmod(0o600)
    bench = bench_file(tmp_path, "[service]\nport = 0\n")
    refused(cellrig("serve", "--bench", bench, "--store", store), 1, "cellrig.db")
    assert not token_path(store).exists()


def test_killed_service_finds_its_run_and_says_what_happened(bench: Bench) -> None:
    """Start, a second start (faults E08), run, kill -9, start again: nothing is lost, and it is told in words.

    Who watches sees an idle rack too, the service's death, and the rack again when another service has it, elsewhere.
    """
    bench.serve(as_user=True)
    second = subprocess.run(
        [*PROGRAM, "serve", "--simulate", "--store", str(bench.store)], check=False, capture_output=True, text=True
    )
    refused(second, 1, "served already by process", str(bench.service.pid if bench.service else 0))
    with bench.watching() as seen:
        seen("21-1-8  free")
        assert "R000001 on 21-1-3 is ordered and starts now" in bench.done(*RUN)
        seen("R000001  running .* cycle [1-9]")
        assert bench.end(signal.SIGKILL) == -signal.SIGKILL
        bench.until_nobody_serves()
        assert "waiting for it to come back" in seen("does not answer any more|has ended")
        refused(bench.cellrig("status"), 3, "no service answers", "cellrig serve")
        bench.serve()
        assert bench.url() in seen("the service is back at")
        seen("21-1-3  runs R000001")
        bench.until(is_running)
    told = bench.done("status")
    assert "died without a word" in told
    assert "went on in the tester by itself" in told
    assert "runs R000001 (coated-li-li, simulated)" in " ".join(told.split())
    found = json.loads(bench.done("status", "--json"))
    assert [row["run"]["run_id"] for row in found["channels"] if row["run"]] == ["R000001"]
    assert "R000001 on 21-1-3 is stopped: stopped by ada" in bench.done("stop", "R000001", "--by", "ada")
    assert bench.end(signal.SIGTERM) == 0
    with open_store(bench.store, read_only=True) as store:
        (test,) = store.tests("R000001")
        sequences = [sample.sequence for sample in store.samples(test.id)]
        assert sequences == list(range(1, len(sequences) + 1))
        assert store.open_intents() == []
        # The rack and both services go by one clock, an hour of which takes a second.
        stamps = [event.at_unix_s for event in store.events()]
        assert stamps == sorted(stamps)
        assert stamps[-1] > time.time() + 3600.0
    token = (bench.folder / "cellrig.db.token").read_text(encoding="utf-8").strip()
    assert token not in bench.output
    assert token not in bench.log
    assert "run R000001 on 21-1-3" in bench.log


@pytest.mark.needs("ps")
def test_each_of_the_two_processes_is_started_again_while_the_other_goes_on(bench: Bench) -> None:
    """Commands need no web, no run notices its death; while control is dead the store is shown (E12)."""
    bench.serve()
    bench.done(*RUN)
    bench.until(is_running)
    assert bench.service is not None
    assert bench.service.pid is not None
    owner = owner_of(bench.store)
    assert owner is not None
    (web,) = children_of(bench.service.pid) - {owner.pid, bench.rack}
    os.kill(web, signal.SIGSTOP)
    assert "runs R000001" in bench.done("status")
    os.kill(web, signal.SIGKILL)
    until_answered(bench, "/api/v1/status")
    assert bench.url() == owner.url
    # The parent cannot start it again before it is looked at.
    os.kill(bench.service.pid, signal.SIGSTOP)
    os.kill(owner.pid, signal.SIGKILL)
    assert asked(bench, "/api/v1/runs/R000001")[0] == 200
    status, said = asked(bench, "/api/v1/instruments")
    assert (status, "what is stored is shown" in said) == (503, True)
    os.kill(bench.service.pid, signal.SIGCONT)
    until_answered(bench, "/api/v1/status")
    while "what became of it is being asked" in (told := bench.done("status")):
        time.sleep(0.05)
    assert "went on in the tester by itself" in told
    assert "web has ended with -9" in bench.log
    assert "control has ended with -9" in bench.log
    assert bench.end(signal.SIGTERM) == 0
    with open_store(bench.store, read_only=True) as store:
        assert store.events()[-1].message.startswith("the service was ended in order")


def test_channel_is_stopped_directly_with_the_service_dead(bench: Bench) -> None:
    """Refused while the service lives; afterwards the tester itself is asked, and the next service ends the run.

    Faults I09.
    """
    bench.serve()
    bench.done(*RUN)
    bench.until(is_running)
    direct = ("stop", "--direct", "--channel", "21-1-3", "--bench", bench.bench, "--by", "ada")
    refused(bench.cellrig(*direct), 1, "the service is alive")
    bench.end(signal.SIGKILL)
    bench.until_nobody_serves()
    assert "channel 21-1-3 is stopped: R000001" in bench.done(*direct)
    assert "is stopped already" in bench.done(*direct)
    checked = bench.cellrig("bench", "check", "--bench", bench.bench)
    assert "goes on under the tester's own limits" in checked.stdout
    assert "21-1-3 stopped" in checked.stdout
    with open_store(bench.store, read_only=True) as store:
        assert "stopped at the tester by ada" in store.events("R000001")[-1].message
    bench.serve()
    bench.until(lambda update: update["state"] == "stopped")
    bench.end(signal.SIGTERM)
    with open_store(bench.store, read_only=True) as store:
        assert store.open_intents() == []


def at_a_terminal(bench: Bench, answer: str, *arguments: object) -> tuple[int, str]:
    """Run a command whose keyboard and errors are a terminal, type an answer, and give status and output."""
    import pty

    mine, theirs = pty.openpty()
    command = [*PROGRAM, *map(str, arguments), "--store", str(bench.store)]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True) as asking:
        os.close(theirs)
        os.write(mine, f"{answer}\n".encode())
        shown = ""
        # Its end is read as an error once the program has left the terminal.
        with contextlib.suppress(OSError):
            while data := os.read(mine, 4096):
                shown += data.decode()
        os.close(mine)
        assert asking.stdout is not None
        return asking.wait(60), f"{shown} {asking.stdout.read()}"


def test_a_stop_at_a_terminal_says_that_it_is_final_and_a_hold_is_not(bench: Bench) -> None:
    """Whoever says no stops nothing; a held run is resumed; a script, or ``--yes``, is not asked."""
    bench.serve()
    bench.done(*RUN)
    bench.until(is_running)
    status, said = at_a_terminal(bench, "n", "stop", "R000001", "--by", "ada")
    assert status == 1
    assert "over for good" in said
    assert "cellrig hold R000001" in said
    status, said = at_a_terminal(bench, "n", "stop", "--rack", "--by", "ada")
    assert status == 1
    assert "every run of the rack is over for good when it is stopped (21-1-3)" in said
    assert "is holding: held by ada; resume it or stop it" in bench.done("hold", "R000001", "--by", "ada")
    refused(bench.cellrig("hold", "R000001"), 1, "holding already")
    bench.done("resume", "R000001", "--by", "ada")
    bench.until(is_running)
    status, said = at_a_terminal(bench, "", "stop", "--channel", "21-1-3", "--yes", "--by", "bob")
    assert (status, "over for good" in said) == (0, False)
    assert "R000001 on 21-1-3 is stopped: stopped by bob" in said
    bench.done(*RUN, "--same-cell")
    bench.until(is_running)
    status, said = at_a_terminal(bench, "y", "stop", "--rack", "--by", "bob")
    assert (status, said.count("Stop?")) == (0, 1)
    assert "R000002 on 21-1-3 is stopped: stopped by bob" in said


def test_implausible_order_needs_a_name_or_a_bench_where_it_is_usual(bench: Bench) -> None:
    """Refused with the sentence, queued with two names; the bands of the bench file reach the service."""
    bench.serve()
    recipe = bench.folder / "forty.yaml"
    recipe.write_text(RECIPE.replace("0.2 mA/cm2", "40 mA/cm2"), encoding="utf-8")
    order = ("run", recipe, "--cell", "coated-li-li", "--channel", "21-1-3", "--by", "bob")
    refused(bench.cellrig(*order), 1, "31.4 mA is 40 mA/cm2", "--confirm-implausible NAME")
    one = (*order, "--confirm-implausible", "Ada")
    refused(bench.cellrig(*one), 1, "Ada has confirmed it", "--second-person NAME")
    named = bench.cellrig(*one, "--second-person", "Bob", "--wait")
    assert "confirmed by Ada and Bob: Steps" in named.stderr
    assert [len(line) <= 80 for line in named.stderr.splitlines()[:5]] == [True] * 5
    assert "confirmed by Ada and Bob: Steps" in bench.done("show", "R000001").replace("\n", " ")
    # Closing the terminal ends it in order too, but for a service that was started to outlive it (``nohup``).
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert bench.end(signal.SIGTERM if outlives else signal.SIGHUP) == 0
    wider = '\n[plausibility.li-li.current_density_ma_per_cm2]\nhigh = 50\nsource = "ramp tests, 2026"\n'
    bench.bench.write_text(bench.bench.read_text(encoding="utf-8") + wider, encoding="utf-8")
    bench.serve()
    bench.done(*order[:-3], "21-1-4", "--by", "bob")
    with open_store(bench.store, read_only=True) as store:
        kinds = [[event.kind for event in store.events(run.run_id)] for run in store.runs()]
    assert ["implausible values confirmed" in there for there in kinds] == [True, False]


def test_run_of_ones_own_recipe_is_waited_for(bench: Bench) -> None:
    """With --wait the exit status is the run's; the rack is stopped when nothing runs; wrong orders are refused."""
    bench.serve()
    recipe = bench.folder / "two-cycles.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    place = ("--cell", "coated-li-li", "--channel", "21-1-3")
    assert json.loads(bench.done("run", recipe, *place, "--wait", "--json"))["state"] == "completed"
    assert "for good when it is stopped (none)" in at_a_terminal(bench, "n", "stop", "--rack")[1]
    assert "nothing was running" in bench.done("stop", "--rack")
    assert "it is off" in bench.done("stop", "--channel", "21-1-5")
    mounted = "idle, cell coated-li-li still mounted; R000001 (coated-li-li, simulated) completed"
    assert mounted in " ".join(bench.done("watch", "--once").split())
    assert "answers" in bench.done("bench", "check")
    refused(bench.cellrig("run", "li-li-0.3", *place), 2, "li-li-0.3")
    refused(bench.cellrig("run", recipe, "--cell", "coated-li-li", "--channel", "21-9-3"), 1, "21-9-3")
    refused(bench.cellrig("resume", "R000001"), 1, "only a held run")
    refused(bench.cellrig("stop"), 2, "RUN")
    refused(bench.cellrig("run", recipe, *place), 1, "cell coated-li-li of R000001", "--same-cell", "--mounted")
    for answer in ("n", "Yes"):
        status, said = at_a_terminal(bench, answer, "run", "li-li-0.2", *place, "--by", "ada")
        assert (status, f"'{answer}' is no name of a cell, and nothing was ordered" in said) == (2, True)
    status, said = at_a_terminal(bench, "same", "run", "li-li-0.2", *place, "--by", "ada")
    assert (status, "Cell coated-li-li is still mounted on 21-1-3" in said) == (0, True)
    busy = bench.cellrig("run", recipe, *place, "--by", "bob")
    refused(busy, 1, "21-1-3 is busy: R000002 (coated-li-li)", "ordered by ada", "--queue")
    assert "then: cellrig mounted R000003" in bench.done("run", recipe, *place, "--by", "bob", "--queue")
    bench.done("stop", "R000002")
    refused(bench.cellrig("resume", "R000003"), 1, "cellrig mounted R000003")
    assert "coated-li-li is on 21-1-3" in bench.done("mounted", "R000003", "--by", "bob")
    bench.done("stop", "R000003")
    assert "21-1-3: free" in bench.done("empty", "21-1-3")
    recipe.unlink()
    like = json.loads(bench.done("run", "--like", "R000001", "--json"))
    assert (like["channel"], like["simulated"]) == ("21-1-3", True)
    bench.done("stop", like["run_id"])
    with open_store(bench.store, read_only=True) as store:
        first, again = (store.run(run_id) for run_id in ("R000001", like["run_id"]))
    assert first.program_sha256 == again.program_sha256
    refused(bench.cellrig("run", "li-li-0.2", *place, "--simulate"), 1, "is the store of a service (process")


def test_connection_of_a_client_stays_open_in_real_time(bench: Bench) -> None:
    """A simulated hour between two requests is a second to the client: the service has not hung up meanwhile."""
    bench.serve()
    where = urlsplit(bench.url())
    assert where.hostname is not None
    with contextlib.closing(http.client.HTTPConnection(where.hostname, where.port, timeout=60)) as connection:
        for _ in range(2):
            connection.request("GET", "/health")
            reply = connection.getresponse()
            assert "ticks" in json.loads(reply.read())
            assert "21-1-1" in bench.done("status")


# The rack outlives who started it.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_clock_of_a_rack_never_goes_back(tmp_path: Path) -> None:
    """A rack that lives keeps its clock, whatever speed is asked for; the next begins behind the last time served."""
    later_s = time.time() + 1e6
    bench, told = ensure_simulated_rack(tmp_path / "x.db", 3600.0, later_s)
    try:
        assert bench.clock is not None
        assert bench.clock.epoch_unix_s >= later_s
        # So fast a clock leaves source meters out: this computer could not decide for them in time.
        assert [it.kind for it in bench.tester] == ["neware-ct4008"]
        assert "its holders are empty" in told
        again, said = ensure_simulated_rack(tmp_path / "x.db", 60.0, later_s)
        assert again.clock == bench.clock
        assert "3600 times as fast as real ones; it keeps" in said
        assert "--speed 60 is NOT used" in said
        # Orders may have put cells in since it was started.
        assert "its holders keep their cells" in said
        assert "empty; an order" not in said
        for same in (None, 3600.0):
            assert "NOT used" not in ensure_simulated_rack(tmp_path / "x.db", same, later_s)[1]
        # A cell rests at the potentiostat's leads until its process is seen to have ended, not for hours of the rack.
        assert bench.potentiostat is not None
        assert bench.potentiostat.poll_period_s <= 60.0
    finally:
        os.kill(int(told.partition("process ")[2].partition(";")[0]), signal.SIGKILL)


def test_without_a_service_clients_say_so(tmp_path: Path) -> None:
    """Exit status 3 and what to do, in the same words for reading, watching, ordering and starting, token or not."""
    store = ("--store", tmp_path / "cellrig.db", "--url", "http://127.0.0.1:9")
    token = tmp_path / "cellrig.db.token"
    token.write_text("x" * 43, encoding="ascii")
    token.chmod(0o600)
    without_token = ("--store", tmp_path / "other.db", "--url", "http://127.0.0.1:9")
    said = set()
    for arguments in (("status",), ("watch",), ("stop", "--rack"), RUN):
        for where in (store, without_token):
            result = cellrig(*arguments, *where)
            refused(result, 3, "no service answers", "start it with 'cellrig serve'", "'cellrig stop --direct' stops")
            said.add(result.stderr)
    assert len(said) == 1


@pytest.mark.parametrize("url", ["http://lab.example:8765"])
def test_token_is_sent_to_other_machines_over_https_only(tmp_path: Path, url: str) -> None:
    """A wrong address does not give the token away."""
    refused(cellrig("status", "--store", tmp_path / "x.db", "--url", url), 2, "https only")
