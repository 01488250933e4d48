"""A third kind of tester, from another package, through the whole path: no line above ``drivers`` knows it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from drivers.errors import CannotRun
from drivers.interfaces import HostLoss
from orchestrator.api.sentences import note_start
from orchestrator.bench.opening import bench_testers, open_tester_of
from orchestrator.bench.settings import BenchSettings, load_bench
from orchestrator.cli.app import app
from orchestrator.cli.arguments import complete_channel
from orchestrator.clock.virtual import run_virtual, wall_time
from orchestrator.rack.direct_stop import stop_directly
from orchestrator.rack.launch import Launch, checked_program, launch
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from protocols.loading import load_cell, parse_recipe
from protocols.program import Purpose
from protocols.program_steps import powered
from simulators.cells import CellModel
from tests.api_client import client_of
from tests.packages import TOY_BENCH, install_toy
from tests.rig import li_li_program
from tests.toy_tester import ToySettings, ToyTester
from tests.two_cycles import RECIPE

HELD = """\
name: held
title: A charge that ends at a held voltage
for: [lfp]
record: {every: 30 s}
steps:
  - {step: cc_cv, direction: charge, current: 0.2 mA/cm2, voltage: 3.6 V, until: {current: 0.02 mA/cm2, time: 9 h}}
"""
PROGRAM = li_li_program(2, half_cycle_s=600.0)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a bench file whose tester is the toy, which is installed for one test."""
    monkeypatch.syspath_prepend(str(install_toy(tmp_path)))
    bench = tmp_path / "bench.toml"
    bench.write_text(TOY_BENCH, encoding="utf-8")
    return bench


def texts(store: Store, run: Run) -> str:
    """Give all that the store says of a run, in words."""
    return "\n".join(event.message for event in store.events(run.run_id))


def test_recipe_is_checked_against_the_toys_channels(file: Path, tmp_path: Path) -> None:
    """What fits is said to fit, what the toy cannot do is said in its words, and channels are listed by name."""
    recipe = tmp_path / "two-cycles.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    options = ["--cell", "coated-li-li", "--bench", str(file), "--channel"]
    assert CliRunner().invoke(app, ["recipe", "check", str(recipe), *options, "A1"]).exit_code == 0
    recipe.write_text(HELD, encoding="utf-8")
    held = CliRunner().invoke(app, ["recipe", "check", str(recipe), "--cell", "coated-lfp", *options[2:], "left"])
    assert (held.exit_code, "A toy has no cc_cv steps." in held.stderr) == (1, True), held.output


@pytest.mark.parametrize("host_loss", HostLoss)
def test_sentence_on_a_dead_host_is_of_its_own_kind(host_loss: HostLoss) -> None:
    """Only of a tester that rides on is it said that it does."""
    assert ("rides on" in host_loss.sentence("toy")) == (host_loss is HostLoss.RIDES_ON)
    assert "toy" in host_loss.sentence("toy")


def test_unknown_channel_lists_the_toys_own(file: Path) -> None:
    """Free names are listed as they are."""
    bench = load_bench(file)
    with pytest.raises(Exception, match="there is no channel 'right' on this bench; it has left, A1"):
        bench.tester_of("right")


@pytest.mark.parametrize(
    ("typed", "names"), [("", ["left", "A1"]), ("l", ["left"]), ("21", [])], ids=["nothing", "one", "none"]
)
def test_shell_completes_the_channels_of_the_bench_file(file: Path, typed: str, names: list[str]) -> None:
    """Free names cannot be guessed: the file that was typed before says them."""
    context = typer.Context(typer.main.get_command(app))
    context.params["bench"] = file
    assert complete_channel(context, typed) == names


def test_shell_completes_the_simulated_channels_without_a_file() -> None:
    """And none of a file that cannot be read, instead of a trace in the middle of a line."""
    context = typer.Context(typer.main.get_command(app))
    assert complete_channel(context, "21-1-") == [f"21-1-{n}" for n in range(1, 9)]
    context.params["bench"] = Path("nowhere.toml")
    assert complete_channel(context, "") == []


def test_launch_refuses_what_the_toy_cannot_run(file: Path) -> None:
    """The checks before a run ask the settings, and open nothing."""
    order = Launch(parse_recipe(HELD), load_cell("coated-lfp"), "left", load_bench(file))
    with pytest.raises(CannotRun, match="A toy has no cc_cv steps"):
        checked_program(order)


def test_launch_refuses_a_channel_whose_trip_nobody_has_acknowledged(file: Path, store_path: Path) -> None:
    """Also without a service: the run before says in the store that its cell may be hurt (faults I06)."""
    with open_store(store_path) as store:
        run_id = store.add_run(
            recipe=PROGRAM.recipe,
            cell=PROGRAM.cell.name,
            channel="left",
            program_json=PROGRAM.to_json(),
            program_sha256=PROGRAM.sha256,
            label="x",
            created_unix_s=0.0,
        )
        store.set_run_state(run_id, RunState.TRIPPED, "absolute limit exceeded: 5.09 V", 0.0)
    order = Launch(parse_recipe(RECIPE), load_cell("coated-li-li"), "left", load_bench(file))
    with pytest.raises(CannotRun, match=r"5.09 V. Look at the cell, .* cellrig ack R000001"):
        launch(order, store_path, lambda _: None)


async def test_supervisor_runs_a_program_on_the_toy(file: Path, store: Store) -> None:
    """Every record is kept, and no sentence in the store speaks of another instrument."""
    async with open_tester_of(load_bench(file), "left") as tester:
        (run,) = await Supervisor(store, tester).run([RunRequest(PROGRAM, "left", "left")])
        assert run.state is RunState.COMPLETED, run.reason
        (test,) = store.tests(run.run_id)
        assert run.records is not None
        assert store.sample_count(test.id) == await tester.record_count(run.records.identity) > 80
        said = texts(store, run)
        assert f"{test.barcode} in the toy's memory, sha256 " in said
        assert "step file" not in said
        assert "limits as loaded" not in {event.kind for event in store.events(run.run_id)}


@asynccontextmanager
async def serving(bench: BenchSettings, store: Store) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """Run the service with the testers of a bench, and a client."""
    async with bench_testers(bench, None) as testers:
        service = Service(store, testers)
        async with client_of(service, first_s=1.0) as (http, _):
            yield service, http


async def test_service_runs_and_stops_on_channels_with_free_names(file: Path, store: Store) -> None:
    """Orders by REST: one run comes to its end, the other is stopped, each on its own channel."""
    async with serving(load_bench(file), store) as (service, http):
        order = {"recipe_yaml": RECIPE, "cell": "coated-li-li", "by": "ada"}
        ids = []
        for channel in ("left", "A1"):
            reply = await http.post("/api/v1/runs", json={**order, "channel": channel})
            assert reply.status_code < 300, reply.text
            ids.append(reply.json()["run_id"])
        await asyncio.sleep(600)
        now = (await http.get("/api/v1/channels/A1")).json()
        assert (now["run"]["run_id"], now["run"]["state"]) == (ids[1], "running")
        stopped = (await http.post(f"/api/v1/runs/{ids[1]}/stop", json={"by": "ada"})).json()
        assert stopped["state"] == "stopped"
        await asyncio.sleep(3600)
        assert service.find(ids[0])[1].state is RunState.COMPLETED
        held = {**order, "recipe_yaml": HELD, "cell": "coated-lfp", "channel": "left"}
        refused = await http.post("/api/v1/runs", json=held)
        assert refused.status_code >= 400
        assert "A toy has no cc_cv steps." in refused.text


async def test_toy_that_stops_without_its_host_is_not_said_to_go_on(store: Store) -> None:
    """What the store says after a service died is what each tester says of itself, never another's habit."""
    tester = ToyTester(ToySettings(cells={"left": "coated-li-li"}), wall_time)
    note_start(store, [tester], 1000.0, 1180.0)
    (event,) = store.events(None)
    assert event.message.startswith("the service died without a word and was away for 3 min; ")
    assert event.message.endswith("the channels of toy stop without this computer")
    service = Service(store, [tester])
    task = asyncio.ensure_future(service.run())
    await asyncio.sleep(1)
    run = service.submit(RunRequest(PROGRAM, "left", "left"), by="ada")
    await asyncio.sleep(600)
    task.cancel()
    await asyncio.wait({task})
    (row,) = [row for row in Supervisor(store, tester).recovery.unfinished() if row.run_id == run.run_id]
    recovered = await Supervisor(store, tester).recovery.recover(row)
    assert recovered.state is RunState.UNSEEN
    assert recovered.reason == "nobody saw it for a while; the tester has its test"
    await tester.close()


class Crossed(ToyTester):
    """A toy whose leads are on the wrong sides of its cells."""

    def __init__(self, settings: ToySettings, wall_time: Callable[[], float]) -> None:
        super().__init__(settings, wall_time)
        for channel in self._channels.values():
            channel.cell = Backwards(channel.cell)


class Backwards:
    """A cell whose current flows the other way; its voltage is measured as ever."""

    def __init__(self, cell: CellModel) -> None:
        self._cell = cell
        self.max_interval_s, self.temperature_degc = cell.max_interval_s, cell.temperature_degc
        self.snapshot, self.restore, self.impedance_ohm = cell.snapshot, cell.restore, cell.impedance_ohm

    def voltage_v(self, current_a: float) -> float:
        """Give the voltage at the current that really flows."""
        return self._cell.voltage_v(-current_a)

    def current_a(self, voltage_v: float) -> float:
        """Give the current that seems to flow."""
        return -self._cell.current_a(voltage_v)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Let the current flow that really does."""
        self._cell.advance(duration_s, -current_a)


async def test_current_of_the_wrong_sign_is_told_with_the_toys_hint(store: Store) -> None:
    """Found by the check, before the recipe's first step; whose lead or setting is wrong, the tester says (D09)."""
    tester = Crossed(ToySettings(cells={"left": "coated-li-li"}), wall_time)
    await tester.open()
    (run,) = await Supervisor(store, tester).run([RunRequest(PROGRAM, "left", "left")])
    status = (await tester.status(["left"]))["left"]
    await tester.close()
    assert run.state is RunState.STOPPED
    assert run.reason.endswith("have the wrong sign; swap the toy's leads")
    assert status.state.is_at_rest
    # The recipe's own first step never ran: what was charged the wrong way is the check's few seconds.
    samples = list(store.samples(store.tests(run.run_id)[0].id))
    checks = {number for number, step in powered(PROGRAM.cycling[0].steps) if step.purpose is Purpose.CHECK}
    assert checks <= {sample.step for sample in samples} <= checks | {max(checks) + 1}


def test_channel_of_the_toy_is_stopped_directly(file: Path, store_path: Path) -> None:
    """With the service dead, the driver of any kind is asked; here nothing runs."""
    said = run_virtual(stop_directly(load_bench(file), store_path, "left", "ada"))
    assert (said.is_off, said.words) == (True, "channel left is finished already")
    with open_store(store_path) as opened:
        assert opened.runs() == []
