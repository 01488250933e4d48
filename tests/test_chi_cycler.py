"""The CHI660E as a tester of one channel, against the simulated program: the same steps, and every way to end early."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from drivers.chi660e.cycling_settings import cycling_settings
from drivers.errors import BadReply, CannotRun, NotConfirmed, RecordsLost, SettingsError, TestGone
from drivers.interfaces import BatteryTester, ChannelState, HostLoss, Sample, TestIdentity
from drivers.memory import Memory
from orchestrator.events import EventKind
from orchestrator.judging.steps import ExecutedStep
from orchestrator.rack.supervisor import Supervisor
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.current_sign import Direction
from protocols.program import ConstantCurrent, ConstantVoltage, Program, Until
from tests.cycler_rig import (
    CHI,
    CyclerRig,
    executed,
    kinds,
    open_cycler_rig,
    short_program,
    started,
    state_of,
)
from tests.rig import CHANNEL, li_li_program, open_rig

SAMPLE = Sample(1, 0.0, 0.0, 1, 1, 1, "cc", 0.03, 1e-4, 0.0, 0.0, 0.0)

_COLLAPSE = "{time: 10 min, collapse: {below: 50 %, after: 1 min}}"


async def on_the_tester(store: Store, program: Program) -> list[ExecutedStep]:
    """Run a program on the same cell in the simulated CT-4008."""
    async with open_rig(poll_period_s=60.0) as rig:
        (run,) = await Supervisor(store, rig.tester).run([RunRequest(program, CHANNEL, CHANNEL)])
        return executed(store, run)


async def all_records(rig: CyclerRig, identity: TestIdentity) -> list[Sample]:
    """Read a test in blocks."""
    samples: list[Sample] = []
    while left := await rig.cycler.record_count(identity) - len(samples):
        samples += await rig.cycler.records(identity, samples[-1] if samples else None, min(1000, left))
    return samples


async def test_cycles_are_those_of_the_battery_tester(cycler_rig: CyclerRig, store: Store) -> None:
    """Same steps, cycles and ends; durations to 1 ms, charge to 0.1 %, mean voltage to 0.5 mV, resistance to 0.1 %."""
    program = li_li_program(4)
    run = await cycler_rig.supervise(store, program)
    assert (run.state, run.reason) == (RunState.COMPLETED, "program finished")
    assert kinds(store, run).isdisjoint({EventKind.LINK_LOST, EventKind.TESTER_CLOCK, EventKind.RECORDS_LOST})
    here, there = executed(store, run), await on_the_tester(store, program)
    assert len(here) == 11
    for mine, theirs in zip(here, there, strict=True):
        assert (mine.step_count, mine.step, mine.cycle, mine.mode, mine.end_reason) == (
            (theirs.step_count, theirs.step, theirs.cycle, theirs.mode, theirs.end_reason)
        )
        assert mine.duration_s == pytest.approx(theirs.duration_s, abs=1e-3)
        assert mine.start_s == pytest.approx(theirs.start_s, abs=1e-3)
        assert mine.capacity_ah == pytest.approx(theirs.capacity_ah, rel=1e-3)
        if theirs.mode != "rest":
            assert mine.mean_voltage_v == pytest.approx(theirs.mean_voltage_v, abs=5e-4)
            assert mine.resistance_ohm == pytest.approx(theirs.resistance_ohm, rel=1e-3)
    assert cycler_rig.rig.bench.double_energised == 0


async def test_records_are_contiguous_and_come_measurement_by_measurement() -> None:
    """Nothing of a measurement is seen before its end, and its step log and counts agree with its records."""
    async with open_cycler_rig() as rig:
        assert isinstance(rig.cycler, BatteryTester)
        identity = await started(rig)
        counts = set()
        while await state_of(rig) is ChannelState.WORKING:
            counts.add(await rig.cycler.record_count(identity))
            await asyncio.sleep(30.0)
        assert sorted(counts) == [0, 100, 700, 1900]
        samples = await all_records(rig, identity)
        assert [s.sequence for s in samples] == list(range(1, 3101))
        assert all(later.unix_time_s > earlier.unix_time_s for earlier, later in pairwise(samples))
        steps = await rig.cycler.step_log(identity)
        assert [(s.step, s.cycle) for s in steps] == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (4, 2), (5, 2)]
        assert [s.last_sequence for s in steps] == [50, 100, 700, 1300, 1900, 2500, 3100]
        assert len(await rig.cycler.event_log(identity)) == 9
        status = (await rig.cycler.status([CHI]))[CHI]
        assert (status.state, status.complete, status.barcode) == (ChannelState.FINISHED, True, "R000001")


async def test_reads_of_what_is_not_there_are_told() -> None:
    """Too many records, another test, another channel: an error of its own each."""
    async with open_cycler_rig() as rig:
        identity = await started(rig)
        await rig.jobs(2)
        with pytest.raises(BadReply, match="there are"):
            await rig.cycler.records(identity, None, 101)
        with pytest.raises(TestGone):
            await rig.cycler.record_count(replace(identity, test_id=1))
        with pytest.raises(SettingsError, match="chi660e"):
            await rig.cycler.status(["21-1-1"])


async def test_wrong_sign_ends_the_run_at_the_contact_check(cycler_rig: CyclerRig, store: Store) -> None:
    """A setting that nobody tried on the dummy cell: stopped in the rest after the check, before the first cycle."""
    cycler_rig.configure("istep_anodic_positive = false\n")
    run = await cycler_rig.supervise(store, short_program())
    assert run.state is RunState.STOPPED
    assert "wrong sign" in run.reason
    assert "istep_positive_is_charge" in run.reason
    assert max(step.step for step in executed(store, run)) <= 3


@pytest.mark.rig(istep_positive_is_charge=False)
async def test_sign_of_the_currents_is_a_setting(cycler_rig: CyclerRig, store: Store) -> None:
    """The same instrument, described as it is."""
    cycler_rig.configure("istep_anodic_positive = false\n")
    run = await cycler_rig.supervise(store, short_program())
    assert run.state is RunState.COMPLETED
    assert all((step.mean_voltage_v or 0.0) > 0 for step in executed(store, run) if step.mode == "cc")


@pytest.mark.rig(cells={"21-1-5": "coated-lfp"})
async def test_wrong_cell_is_not_started(cycler_rig: CyclerRig, store: Store) -> None:
    """The voltage at the leads is measured before a start, also when another cell has been put there since."""
    assert abs((await cycler_rig.cycler.status([CHI]))[CHI].voltage_v) < 0.01
    await asyncio.sleep(3600.0)
    cycler_rig.rig.bench.clip("21-1-5")
    run = await cycler_rig.supervise(store, short_program())
    assert run.state is RunState.FAILED
    assert "is it the right cell?" in run.reason
    assert len(cycler_rig.rig.launched) == 2


async def test_one_cell_at_a_time() -> None:
    """Neither a second test nor a measurement of another cell's run shares the instrument."""
    async with open_cycler_rig() as rig:
        async with rig.rig.station.turn:
            with pytest.raises(CannotRun, match="measuring another cell"):
                await started(rig)
        loaded = await rig.cycler.load(CHI, short_program().cycling[0], "x")
        with pytest.raises(CannotRun, match="nothing is loaded"):
            await rig.cycler.start(replace(loaded, location="y"), "x")
        identity = await started(rig)
        with pytest.raises(CannotRun, match="working with 'R000001'"):
            await started(rig, "R000002")
        with pytest.raises(NotConfirmed, match="not 'R000009'"):
            await rig.cycler.stop(replace(identity, barcode="R000009"))
        assert await state_of(rig) is ChannelState.WORKING


async def test_every_reason_not_to_cycle_here_is_a_sentence() -> None:
    """What ISTEP cannot do, what the envelope does not hold, and an instrument of which nobody knows what it leaves."""
    async with open_cycler_rig() as rig:
        settings = rig.rig.settings
        program = short_program()
        (segment,) = program.cycling
        assert rig.cycler.problems(CHI, program) == []
        held = replace(segment, steps=(ConstantVoltage(Direction.CHARGE, 0.1, Until(time_s=60.0)),))
        unknown = settings.model_copy(update={"host_loss": HostLoss.UNKNOWN})
        first, second = cycling_settings(unknown).segment_problems(held)
        assert "host_loss" in first
        assert "constant_voltage" in second
        with pytest.raises(CannotRun, match="constant_voltage"):
            await rig.cycler.load(CHI, held, "x")
        strong = replace(program, segments=(replace(segment, steps=(ConstantCurrent(0.3, Until(time_s=60.0)),)),))
        assert any("above the largest current" in reason for reason in rig.cycler.problems(CHI, strong))


def test_memory_wraps_only_behind_what_was_read() -> None:
    """A month of records is not kept for those who have read them; whoever reads them again is told what is gone."""
    memory = Memory()
    for step in range(1, 23):
        memory.add(
            [SAMPLE._replace(sequence=n, step_count=step) for n in range(step * 10_000 - 9_999, step * 10_000 + 1)]
        )
    assert len(memory.records(0, 220_000)) == 220_000
    assert memory.records(150_000, 1)[0].sequence == 150_001
    with pytest.raises(RecordsLost) as lost:
        memory.records(0, 1)
    assert (lost.value.first, lost.value.last) == (1, 50_000)
    stand_in = memory.stand_in(lost.value.last)
    assert (stand_in.sequence, stand_in.step_count) == (50_000, 5)
    assert memory.records(stand_in.sequence, 1)[0].sequence == 50_001
    assert memory.count == 220_000


def test_bench_file_offers_the_channel(tmp_path: Path) -> None:
    """``cellrig run`` on a bench of nothing but a potentiostat, in real time; the simulated program is fast."""
    from typer.testing import CliRunner

    from orchestrator.cli.app import app

    recipe = tmp_path / "short.yaml"
    recipe.write_text(
        "name: short\ntitle: One short cycle\nfor: [li-li]\nrecord: {every: 30 s}\nsteps:\n"
        "  - {step: rest, until: {time: 1 min}}\n"
        "  - {step: constant_current, direction: charge, current: 0.2 mA, until: {time: 10 min, voltage: 0.5 V}}\n"
        "  - {step: constant_current, direction: discharge, current: 0.2 mA, until: {time: 10 min, voltage: -0.5 V}}\n",
        encoding="utf-8",
    )
    cfg = tmp_path / "chi.toml"
    cfg.write_text('speed = 100000.0\ncell = "coated-li-li"\n', encoding="utf-8")
    bench = tmp_path / "bench.toml"
    bench.write_text(
        f"[potentiostat]\nprogram = {json.dumps(sys.executable)}\nprogram_arguments = ['-m', 'simulators.chi660e']\n"
        f"jobs = {json.dumps(str(tmp_path / 'jobs'))}\ncommand_line = 'list'\nworking_folder = 'job'\n"
        f"host_loss = 'stops'\npoll_period_s = 0.02\nwatch_period_s = 0.1\n"
        f"environment = {{ CHI660E_SIM_CFG = {json.dumps(str(cfg))} }}\n",
        encoding="utf-8",
    )
    where = ["--channel", CHI, "--bench", str(bench)]
    store = str(tmp_path / "s.db")
    done = CliRunner().invoke(app, ["run", str(recipe), "--cell", "coated-li-li", *where, "--store", store, "--json"])
    assert done.exit_code == 0, done.output
    row = json.loads(done.stdout)
    assert (row["state"], row["channel"], row["samples"]) == ("completed", CHI, 100 + 60 + 1200)
    refused = CliRunner().invoke(app, ["recipe", "check", "li-li-eis", "--cell", "bare-li-li", *where])
    assert refused.exit_code == 1
    assert "take out the spectra" in refused.output
    recipe.write_text(recipe.read_text("utf-8").replace("{time: 10 min, voltage: -0.5 V}", _COLLAPSE), "utf-8")
    refused = CliRunner().invoke(app, ["recipe", "check", str(recipe), "--cell", "coated-li-li", *where])
    assert "come too late" in refused.output
