"""What a service does about faults of wiring, of its own process and of people that no instrument tells it of."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.interfaces import Sample
from orchestrator.api.watchdog import keep_alive
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.order_files import OrderFiles
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Origins, Store
from protocols.loading import cell_document, load_cell, parse_recipe, recipe_document
from protocols.resolve import resolve
from simulators.cells.model import CellModel
from tests.figures import Figure
from tests.rig import CHANNEL, Rig
from tests.service_rig import OTHER, check_rows, request, serving, state
from tests.two_cycles import RECIPE

_STEEP = """
name: steep
title: Half-cycles of minutes
for: [lfp]
record: {every: 30 s}
steps:
  - step: repeat
    times: 3
    steps:
      - {step: constant_current, direction: charge, current: 2 C, until: {voltage: 4.0 V}}
      - {step: constant_current, direction: discharge, current: 2 C, until: {voltage: 2.8 V}}
"""


class CrossedSense:
    """A cell whose channel measures the voltage of its neighbour: the sense leads are at the other holder."""

    def __init__(self, own: CellModel, neighbour: CellModel) -> None:
        self._own = own
        self._neighbour = neighbour

    def voltage_v(self, _: float) -> float:
        """Return the neighbour's voltage, which this channel's current does not move."""
        return self._neighbour.voltage_v(0.0)

    def __getattr__(self, name: str) -> object:
        """Be the channel's own cell in all else, but not walk through many intervals at once with its own voltage."""
        if name == "walk":
            raise AttributeError(name)
        return getattr(self._own, name)


async def test_crossed_sense_leads_stop_the_run_before_the_recipes_first_step(
    rig: Rig, store: Store, figure: Figure
) -> None:
    """The check's pulse moves the neighbour's voltage not at all: no resistance, no first step (faults C13)."""
    channels = rig.bench.tester.channels
    channels[CHANNEL].machine.exchange(
        CrossedSense(channels[CHANNEL].cell, channels[OTHER].cell),  # type: ignore[arg-type]  # the rest by its own cell
        rig.bench.tester.now_tick(),
    )
    samples = await ended_by_the_check(rig, store, RunState.STOPPED)
    figure("C13", "charge passed before the stop", max(sample.capacity_ah for sample in samples) * 1e6, "uAh")


@pytest.mark.parametrize(("contact_ohm", "ends"), [(2e3, RunState.STOPPED), (1e5, RunState.TRIPPED)])
async def test_contact_of_high_resistance_stops_the_run_before_the_recipes_first_step(
    rig: Rig, store: Store, contact_ohm: float, ends: RunState
) -> None:
    """Worn, or so bad that the check's current needs more than the absolute limit, which trips (faults C04)."""
    rig.bench.tester.loosen_contact(CHANNEL, contact_ohm)
    await ended_by_the_check(rig, store, ends)


async def ended_by_the_check(rig: Rig, store: Store, ends: RunState) -> list[Sample]:
    """Order a run that its contact check ends; return its samples, all of the check and of the rest behind it."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(300)
        assert state(run) is ends, run.reason
        assert "contact check" in run.reason
        assert not rig.bench.tester.channel(CHANNEL).busy
    samples = list(store.samples(store.tests(run.run_id)[0].id))
    # Steps 1 and 2 are the check, 3 is the rest behind it; the recipe's own first step is the fourth.
    assert 1 in {sample.step for sample in samples} <= {1, 2, 3}
    return samples


@pytest.mark.rig(cells={CHANNEL: "coated-lfp"}, poll_period_s=900.0)
async def test_cutoff_is_the_testers_however_slow_the_polls_are(rig: Rig, store: Store, figure: Figure) -> None:
    """Steps of minutes, polls of a quarter of an hour: each ends at its own cutoff, by 10 mV at most (faults D06)."""
    program = resolve(parse_recipe(_STEEP), load_cell("coated-lfp"))
    async with serving(rig, store) as service:
        run = service.submit(RunRequest(program, CHANNEL, CHANNEL), "ada")
        await asyncio.sleep(20_000)
        assert state(run) is RunState.COMPLETED
    (test,) = store.tests(run.run_id)
    steps = [step for step in store.steps(test.id) if step.end_reason == "voltage"]
    assert len(steps) == 6
    seen_v = {sample.sequence: sample.voltage_v for sample in store.samples(test.id)}
    ends_v = [seen_v[step.last_sequence] for step in steps]
    over_v = [end_v - 4.0 if end_v > 3.4 else 2.8 - end_v for end_v in ends_v]
    assert max(over_v) <= 0.010
    figure("D06", "largest overshoot at polls of 900 s", max(over_v) * 1e3, "mV")


async def test_tester_whose_polls_hang_feeds_the_watchdog_no_more(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    """The service manager's time runs out, so that it starts the service again; polls that go on feed it (E03)."""
    monkeypatch.setenv("WATCHDOG_USEC", "1200000000")
    told: list[float] = []
    loop = asyncio.get_running_loop()
    supervisor = Supervisor(store, rig.tester)
    serve = asyncio.ensure_future(supervisor.serve())
    alive = asyncio.ensure_future(keep_alive([supervisor], lambda: None, lambda _: told.append(loop.time())))
    supervisor.submit(request(cycles=50))
    await asyncio.sleep(3600)
    assert loop.time() - told[-1] < 10
    rig.tester.faults.delay("status", before_s=1e9)
    stuck_s = loop.time()
    await asyncio.sleep(3600)
    assert told[-1] - stuck_s <= 600 + rig.tester.poll_period_s + 10
    figure("E03", "last feed after the polls hang", told[-1] - stuck_s, "s")
    for task in (alive, serve):
        task.cancel()
    await asyncio.wait({alive, serve})


async def test_memory_that_is_used_up_for_a_while_loses_nothing(rig: Rig, store: Store, figure: Figure) -> None:
    """No block of records can be allocated: it is told, the run is watched again, every record is there (E04)."""
    async with serving(rig, store) as service:
        run = service.submit(request(cycles=2), "ada")
        await asyncio.sleep(900)
        rig.tester.faults.fail("records", MemoryError())
        await asyncio.sleep(900)
        assert any("MemoryError" in sentence for sentence in service.troubles)
        assert rig.bench.tester.channel(CHANNEL).busy
        rig.tester.faults.mend()
        await asyncio.sleep(9000)
        assert state(run) is RunState.COMPLETED
    check_rows(rig, store, run.run_id)
    (test,) = store.tests(run.run_id)
    made = len(rig.bench.tester.records(CHANNEL, test.tester_test_id or 0))
    figure("E04", "records lost", made - store.sample_count(test.id), f"of {made}")


async def test_recipe_that_is_edited_while_its_run_goes_on_changes_nothing_of_it(
    rig: Rig, store: Store, tmp_path: Path
) -> None:
    """Program, hash and text are those of the order; the edited file is another program (faults I02)."""
    file = tmp_path / "mine.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    files = OrderFiles(recipe_document(file), cell_document("coated-li-li"))
    async with serving(rig, store) as service:
        run = service.submit(RunRequest(files.program(), CHANNEL, CHANNEL, files=files), "ada")
        await asyncio.sleep(600)
        file.write_text(RECIPE.replace("10 min", "20 min"), encoding="utf-8")
        await asyncio.sleep(6000)
        assert state(run) is RunState.COMPLETED
    row = store.run(run.run_id)
    origin = Origins(store).of(run.run_id)
    assert origin.recipe is not None
    assert (row.program_sha256, origin.recipe.text) == (files.program().sha256, RECIPE)
    assert OrderFiles(recipe_document(file), files.cell).program().sha256 != row.program_sha256
    half_cycles = [step for step in store.steps(store.tests(run.run_id)[0].id) if step.duration_s > 60]
    assert {round(step.duration_s) for step in half_cycles} == {600}


@pytest.mark.rig(poll_period_s=7200.0)
async def test_run_resumed_after_three_days_is_checked_anew_and_marked(rig: Rig, store: Store) -> None:
    """The voltage is looked at again, then a test of its own begins with a contact check, with a deviation (I08)."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(2000)
        await service.hold(run.run_id, "ada")
        await asyncio.sleep(3 * 86_400)
        rig.tester.faults.change(
            "status", lambda found: {name: replace(one, voltage_v=3.2) for name, one in found.items()}
        )
        await service.resume(run.run_id, "bob")
        await asyncio.sleep(300)
        assert (state(run), len(store.tests(run.run_id))) == (RunState.HOLDING, 1)
        assert "right cell" in run.reason
        rig.tester.faults.mend()
        await service.resume(run.run_id, "bob")
        await asyncio.sleep(20_000)
        assert state(run) is RunState.COMPLETED
    first, second = store.tests(run.run_id)
    assert second.started_unix_s - first.started_unix_s > 3 * 86_400
    assert [step.step for step in store.steps(second.id)][:3] == [1, 2, 3]
    assert any("resumed by bob" in deviation.effect for deviation in store.deviations(run.run_id))
    check_rows(rig, store, run.run_id)
