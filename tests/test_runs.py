"""Whole runs in virtual time: every record stored, one seed one answer, and how each fault ends."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import pytest

from drivers.interfaces import Sample
from orchestrator.analysis.summary import summarize
from orchestrator.clock.virtual import run_virtual
from orchestrator.events import Bus, RunUpdate, Told
from orchestrator.judging.limits import FindingKind
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Store, open_store
from protocols.program import Program, ShortPolicy
from simulators.faults import Fault, Spoil
from simulators.neware.schedule import UnitRatings
from simulators.neware.settings import Trouble
from simulators.neware.stepfile import read_schedule
from tests.figures import Figure
from tests.rig import CHANNEL, Rig, li_li_program, open_rig, same_rows

# Whole runs take seconds of work, and minutes on a machine that does other work as well.
APPENDIX_A = Path(__file__).parent / "golden" / "appendix_a.xml"


_OPENED: list[Store] = []


@pytest.fixture(autouse=True)
def _stores_are_closed() -> Iterator[None]:
    """Close what a test has opened by ``run_to_end``: Python 3.13 warns of a connection that nobody closed."""
    yield
    while _OPENED:
        _OPENED.pop().close()


@dataclass
class Outcome:
    """A finished run with what it left."""

    run: Run
    samples: list[Sample]
    store: Store
    updates: list[RunUpdate]

    @property
    def events(self) -> list[tuple[str, str]]:
        """Give the run's events as kind and message."""
        return [(event.kind, event.message) for event in self.store.events(self.run.run_id)]


def run_to_end(
    path: Path,
    program: Program,
    *,
    cell: str = "coated-li-li",
    seed: int = 1,
    poll_period_s: float = 60.0,
    meanwhile: tuple[float, Callable[[Rig], None]] | None = None,
    compare: bool = True,
    cancel_at_s: float | None = None,
) -> Outcome:
    """Run one program on one channel; ``meanwhile`` is done to the rig at a time in seconds."""
    updates: list[RunUpdate] = []

    async def note(told: Told) -> None:
        if isinstance(told, RunUpdate):
            updates.append(told)

    async def main(store: Store) -> tuple[Run, list[Sample]]:
        async with open_rig(cells={CHANNEL: cell}, seed=seed, poll_period_s=poll_period_s) as rig:
            if meanwhile is not None:
                asyncio.get_running_loop().call_later(meanwhile[0], meanwhile[1], rig)
            supervisor = Supervisor(store, rig.tester, Bus([note]))
            running = asyncio.ensure_future(supervisor.run([RunRequest(program, CHANNEL, cell)]))
            if cancel_at_s is not None:
                await asyncio.sleep(cancel_at_s)
                running.cancel()
            await asyncio.wait({running})
            (run,) = supervisor.runs
            samples = list(store.samples(run.test)) if run.test else []
            if compare and run.records is not None:
                same_rows(rig.bench, samples, run.records.identity.test_id)
            if not running.cancelled():
                running.result()
            return run, samples

    store = open_store(path)
    _OPENED.append(store)
    run, samples = run_virtual(main(store))
    return Outcome(run, samples, store, updates)


def test_600_hours_are_stored_row_for_row(store_path: Path) -> None:
    """The shipped recipe on the coated cell: 300 cycles, every record that the tester made, value for value."""
    found = run_to_end(store_path, li_li_program(300), poll_period_s=600)
    assert (found.run.state, found.run.reason) == (RunState.COMPLETED, "program finished")
    assert found.samples[-1].tester_cycle == 300
    assert found.samples[-1].time_s == pytest.approx(600 * 3600 + 610)
    assert [sample.sequence for sample in found.samples] == list(range(1, len(found.samples) + 1))
    assert len(found.store.steps(found.run.test)) == 603


def test_one_seed_gives_the_same_samples_whatever_the_poll(tmp_path: Path) -> None:
    """Polls of 10, 60 and 600 s store the same rows; another seed stores others."""
    program = li_li_program(3, half_cycle_s=1200)
    rows = {
        (seed, poll): run_to_end(tmp_path / f"{seed}-{poll}.db", program, seed=seed, poll_period_s=poll).samples
        for seed, poll in [(1, 10.0), (1, 60.0), (1, 600.0), (2, 600.0)]
    }
    assert rows[1, 10.0] == rows[1, 60.0] == rows[1, 600.0]
    assert rows[1, 600.0] != rows[2, 600.0]


def test_the_same_run_twice_is_the_same_run(tmp_path: Path) -> None:
    """Also states, events and their times are equal, so that a failing night can be played again."""
    first = run_to_end(tmp_path / "a.db", li_li_program(2))
    second = run_to_end(tmp_path / "b.db", li_li_program(2))
    assert first.samples == second.samples
    assert first.store.events(first.run.run_id) == second.store.events(second.run.run_id)


@pytest.mark.parametrize("poll_period_s", [10.0, 600.0])
def test_pulled_out_cell_trips_and_is_explained(store_path: Path, poll_period_s: float) -> None:
    """Pulled out in cycle 10: a stop within a poll, instead of hundreds of half-cycles in a minute (faults I05)."""
    at_s = 9.25 * 1200 + 620
    found = run_to_end(
        store_path,
        li_li_program(300, half_cycle_s=600),
        poll_period_s=poll_period_s,
        meanwhile=(at_s, lambda rig: rig.bench.tester.pull_out_cell(CHANNEL)),
    )
    assert found.run.state is RunState.TRIPPED
    assert found.run.reason.startswith(FindingKind.ABSOLUTE_LIMIT)
    assert f"{FindingKind.EARLY_CUTOFF}: " in found.run.reason
    assert "was the cell pulled out" in found.run.reason
    cutoff = next(event for event in found.store.events(found.run.run_id) if event.kind == FindingKind.EARLY_CUTOFF)
    assert cutoff.at_unix_s - found.store.run(found.run.run_id).created_unix_s <= at_s + poll_period_s + 30


@pytest.mark.parametrize("poll_period_s", [10.0, 600.0])
def test_shorted_cell_completes_with_its_hour(store_path: Path, poll_period_s: float) -> None:
    """A short in cycle 8 is judged from samples and ends the run as its result (faults C05)."""
    found = run_to_end(
        store_path,
        li_li_program(300, half_cycle_s=600),
        poll_period_s=poll_period_s,
        meanwhile=(7 * 1200 + 620, lambda rig: rig.bench.tester.short_cell(CHANNEL, 1.0)),
    )
    assert found.run.state is RunState.COMPLETED
    assert found.run.reason.startswith(f"{FindingKind.CELL_SHORTED}: ")
    assert "since 2.506 h (cycle 8, 0.2 mA/cm2" in found.run.reason


def test_short_in_cycle_2_ends_the_run_at_its_hour(store_path: Path, tmp_path: Path) -> None:
    """A cell whose dendrites grow thirty times as fast shorts before there are ten half-cycles to compare with."""
    plain = (files("simulators.cells") / "bare-li-li.toml").read_text("utf-8")
    fast = plain.replace("at_1_ma_per_cm2 = 6.5e-4", "at_1_ma_per_cm2 = 2e-2")
    model = tmp_path / "fast.toml"
    model.write_text(fast, "utf-8")
    found = run_to_end(store_path, li_li_program(100, recipe="li-li-0.4"), cell=str(model), poll_period_s=600)
    assert (fast != plain, found.run.state) == (True, RunState.COMPLETED)
    assert "shorted since 2.708 h (cycle 2, 0.4 mA/cm2" in found.run.reason
    assert "resistance from 224 to 3.5" in found.run.reason
    summary = summarize(found.store, found.run.run_id)
    assert summary.hours_to_short == pytest.approx(2.7085, abs=5e-4)
    assert summary.density_at_short_ma_cm2 == pytest.approx(0.4)
    assert summary.hours < 3.1


def test_short_holds_the_run_where_its_recipe_says_so(store_path: Path) -> None:
    """The cell is off, the channel kept, and a person resumes or stops the run."""
    program = li_li_program(300, half_cycle_s=600)
    (segment,) = program.cycling
    held = replace(segment, guards=replace(segment.guards, short_policy=ShortPolicy.HOLD))
    found = run_to_end(
        store_path,
        replace(program, segments=(held,)),
        meanwhile=(2 * 1200 + 620, lambda rig: rig.bench.tester.short_cell(CHANNEL, 1.0)),
    )
    assert found.run.state is RunState.HOLDING
    assert found.run.reason.startswith(f"{FindingKind.CELL_SHORTED}: shorted since 0.8")
    assert found.run.reason.endswith("resume it or stop it")


def test_bare_cell_ends_by_its_own_short(store_path: Path) -> None:
    """The bare cell's dendrites end the run; nobody does anything to it."""
    found = run_to_end(store_path, li_li_program(100, recipe="li-li-0.4"), cell="bare-li-li", poll_period_s=600)
    assert (found.run.state, found.run.reason.split(":")[0]) == (RunState.COMPLETED, "cell shorted")


def test_empty_holder_stops_before_the_recipes_first_step(store_path: Path) -> None:
    """The check block finds it: a Li/Li cell's voltage cannot (faults C02)."""
    found = run_to_end(
        store_path,
        li_li_program(300),
        poll_period_s=10,
        meanwhile=(0.0, lambda rig: rig.bench.tester.pull_out_cell(CHANNEL)),
    )
    assert found.run.state is RunState.STOPPED
    assert found.run.reason.startswith(FindingKind.CHECK_FAILED)
    assert "no cell, or bad contact" in found.run.reason
    assert max(sample.step for sample in found.samples) <= 3


def test_cell_shorted_from_the_start_is_refused_by_the_check(store_path: Path) -> None:
    """Under 10 ohm is no cell."""
    found = run_to_end(
        store_path,
        li_li_program(300),
        poll_period_s=10,
        meanwhile=(0.0, lambda rig: rig.bench.tester.short_cell(CHANNEL, 0.5)),
    )
    assert found.run.reason.startswith(FindingKind.CHECK_FAILED)
    assert "the cell is shorted" in found.run.reason


@pytest.mark.parametrize("spoil", [Spoil.SILENT, Spoil.CLOSED])
def test_dead_bts_server_is_reported_within_three_polls(store_path: Path, spoil: Spoil) -> None:
    """The run becomes unseen, not stopped: the tester rides on, and its records come when it answers again."""
    poll_s = 10.0
    dead_at_s = 7200.0

    def die(rig: Rig) -> None:
        rig.bench.wire.spoil(Fault(spoil, None, None))
        asyncio.get_running_loop().call_later(1800, rig.bench.wire.mend)

    found = run_to_end(store_path, li_li_program(2), poll_period_s=poll_s, meanwhile=(dead_at_s, die))
    events = found.store.events(found.run.run_id)
    lost = next(event for event in events if event.kind == "link lost")
    created = found.store.run(found.run.run_id).created_unix_s
    assert lost.at_unix_s - created - dead_at_s <= 3 * poll_s + 1
    assert RunState.UNSEEN in {update.state for update in found.updates}
    assert found.run.state is RunState.COMPLETED
    (deviation,) = found.store.deviations(found.run.run_id)
    assert deviation.category.value == "communication_loss"


def test_dead_bts_server_at_the_start_fails_the_run(store_path: Path) -> None:
    """Nothing is started when nobody answers."""

    async def main(store: Store) -> Run:
        async with open_rig() as rig:
            rig.bench.wire.refuse_connections()
            rig.bench.wire.spoil(Fault(Spoil.CLOSED, None, None))
            (run,) = await Supervisor(store, rig.tester).run([RunRequest(li_li_program(2), CHANNEL, "x")])
            assert rig.bench.tester.channels[CHANNEL].tests == []
            return run

    with open_store(store_path) as store:
        assert run_virtual(main(store)).state is RunState.FAILED


def test_cancelled_run_is_stopped_and_keeps_what_it_recorded(store_path: Path) -> None:
    """Ctrl-C in the middle: the channel is stopped, every record made until then is stored."""
    found = run_to_end(store_path, li_li_program(300), cancel_at_s=10_000.0)
    assert (found.run.state, found.run.reason) == (RunState.STOPPED, "stopped by the operator")
    assert 9_900 < found.samples[-1].time_s < 10_100


def test_cancelled_while_starting_leaves_no_channel_working(store_path: Path) -> None:
    """Also a start whose answer is still on its way is brought to an end and stopped."""

    async def main(store: Store) -> None:
        async with open_rig() as rig:
            rig.bench.wire.spoil(Fault(Spoil.LATE, "start", seconds=20))
            supervisor = Supervisor(store, rig.tester)
            running = asyncio.ensure_future(supervisor.run([RunRequest(li_li_program(2), CHANNEL, "x")]))
            await asyncio.sleep(5)
            running.cancel()
            await asyncio.wait({running})
            assert not rig.bench.tester.channel(CHANNEL).busy
            assert supervisor.runs[0].state is RunState.STOPPED

    with open_store(store_path) as store:
        run_virtual(main(store))


@pytest.mark.parametrize("factor", [2.0, 1000.0])
def test_thousandfold_current_trips_within_two_polls(store_path: Path, factor: float, figure: Figure) -> None:
    """A tester that passes milliamperes for microamperes is stopped, and one that passes twice as much (faults B08)."""
    found = run_to_end(
        store_path,
        li_li_program(300),
        poll_period_s=10,
        meanwhile=(0.0, lambda rig: rig.bench.tester.make_trouble(CHANNEL, Trouble(current_factor=factor))),
    )
    assert found.run.state is RunState.TRIPPED
    assert found.samples[-1].time_s < 40
    if factor == 1000.0:
        passed_ah = max(sample.capacity_ah for sample in found.samples)
        figure("B08", "charge passed at a thousandfold current", passed_ah * 1e6, "uAh")


def test_step_that_never_ends_trips_at_the_hosts_limit(store_path: Path, figure: Figure) -> None:
    """A tester that ignores its end conditions does not run away (faults B06)."""
    program = li_li_program(2)
    (segment,) = program.cycling
    found = run_to_end(
        store_path,
        replace(program, segments=(replace(segment, limits=replace(segment.limits, tester_delay_s=1e6)),)),
        poll_period_s=10,
        meanwhile=(1000.0, _run_away),
    )
    assert (found.run.state, found.run.reason.split(":")[0]) == (RunState.TRIPPED, "step did not end")
    assert found.samples[-1].step_time_s < 3600 * 1.05 + 60
    figure("B06", "step went on past its end for", found.samples[-1].step_time_s - 3600, "s")


def _run_away(rig: Rig) -> None:
    rig.bench.tester.make_trouble(CHANNEL, Trouble(ignore_end_conditions=True))


def test_somebody_elses_test_on_the_channel_holds_the_run_and_is_left_alone(store_path: Path) -> None:
    """What a person starts at the tester is not fought over (faults B03)."""

    def take_over(rig: Rig) -> None:
        rig.bench.tester.stop(CHANNEL)
        assert rig.bench.tester.start(
            CHANNEL, read_schedule(APPENDIX_A.read_bytes(), UnitRatings(negative_voltage=True)), "somebody"
        )

    found = run_to_end(store_path, li_li_program(2), meanwhile=(7000.0, take_over), compare=False)
    assert found.run.state is RunState.HOLDING
    assert "somebody" in found.run.reason
    assert found.samples[-1].time_s == pytest.approx(7000 - 15, abs=30)


def test_stop_at_the_tester_is_told_as_an_external_action(store_path: Path) -> None:
    """A person's stop at the tester holds the run, with all records, until somebody decides (faults B01, B03)."""
    found = run_to_end(store_path, li_li_program(2), meanwhile=(7000.0, _stop))
    assert found.run.state is RunState.HOLDING
    assert any(kind == "external action" for kind, _ in found.events)


def _stop(rig: Rig) -> None:
    rig.bench.tester.stop(CHANNEL)


def test_every_command_has_an_intent_with_its_outcome(store_path: Path) -> None:
    """Start and stop are committed before they leave, and closed after."""
    found = run_to_end(store_path, li_li_program(300), cancel_at_s=5_000.0)
    assert found.store.open_intents() == []
    kinds = [kind for kind, _ in found.events]
    assert kinds.index("started") < kinds.index("ended")
