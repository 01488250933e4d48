"""What a service's checks go by: who asks, which cell is there, what the rack still has to write, what it is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from orchestrator.bench.holders import SimulatedHolders
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.bench.settings import SimulatedHoldersSettings
from orchestrator.bench.station import Station
from orchestrator.checks import CheckName, Outcome
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import NO_TERMS, Terms
from orchestrator.rack.preflight import PreflightPlan, PreflightReport
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from protocols.loading import load_cell, parse_recipe
from protocols.resolve import resolve
from tests.preflight_rig import ENOUGH, checks, plan, planned
from tests.rig import CHANNEL, Rig
from tests.service_rig import OTHER, SAME, request
from tests.station_rig import RECIPE, chi_settings


class Told(Service):
    """A service to whose checks its gate and its housekeeping say what a test wants."""

    told_no_starts: str | None = None
    told_backup_unix_s: float | None = None

    @property
    def no_starts(self) -> str | None:
        """Give why nothing is started."""
        return self.told_no_starts

    @property
    def newest_backup_unix_s(self) -> float | None:
        """Give when the newest backup was made."""
        return self.told_backup_unix_s


def kept(store: Store, run_id: str) -> dict[str, dict[str, str]]:
    """Give the checks that were stored with a run before its start, by name."""
    (event,) = [event for event in store.events(run_id) if event.kind == EventKind.PREFLIGHT]
    return {check["check"]: check for check in json.loads(event.data_json or "{}")["checks"]}


async def test_tester_has_three_seconds_to_answer(rig: Rig, store: Store) -> None:
    """Then it is told as silent, and what its channel shows as not known."""
    service = Service(store, [rig.tester], plan=plan())
    loop = asyncio.get_running_loop()
    rig.tester.faults.silence(after_s=10)
    began_s = loop.time()
    silent = await checks(service)
    assert loop.time() - began_s == pytest.approx(3.0, abs=0.01)
    rig.tester.faults.mend()
    assert silent[CheckName.TESTER].is_failed
    assert silent[CheckName.VOLTAGE].outcome is silent[CheckName.STEADY].outcome is Outcome.NOT_ASKED


async def test_claim_stops_all_but_who_has_made_it(rig: Rig, store: Store) -> None:
    """At the order and beforehand, by name."""
    async with planned(rig, store, plan()) as service:
        service.claim(CHANNEL, "ada", 600)
        assert (await checks(service))[CheckName.CHANNEL].outcome is Outcome.PASS
        with pytest.raises(CommandRefused, match="claimed by ada"):
            service.submit(request(), "bob")
        report = await service.preflight.report(request(), "bob", NO_TERMS)
        assert (report.may_start, report.ready_in_s) == (False, 0.0)
        assert service.submit(request(), "ada").run_id
    assert PreflightReport(CHANNEL, ()) == PreflightReport(CHANNEL, (), 0.0)


async def test_order_is_refused_while_nothing_starts_and_where_it_does_not_fit(rig: Rig, store: Store) -> None:
    """With the reason of the gate, or of the channel alone: what to do stands in it already."""
    service = Told(store, [rig.tester], plan=plan())
    service.told_no_starts = "The disk is full."
    assert (await checks(service))[CheckName.STARTS].sentence == "The disk is full."
    with pytest.raises(CommandRefused, match="The disk is full"):
        service.preflight.admitted(request(), "ada", NO_TERMS)
    service.told_no_starts = None
    with pytest.raises(CommandRefused, match=r"^The second click$"):
        service.preflight.admitted(request(), "ada", NO_TERMS, "The second click")
    spectra = RunRequest(resolve(parse_recipe(RECIPE), load_cell("coated-li-li")), CHANNEL, "")
    found = await checks(service, spectra)
    assert found[CheckName.ENVELOPE].is_failed
    assert found[CheckName.LIMITS].outcome is Outcome.NOT_ASKED
    with pytest.raises(CommandRefused) as refused:
        service.preflight.admitted(spectra, "ada", NO_TERMS)
    assert str(refused.value) == found[CheckName.ENVELOPE].sentence


async def test_leads_that_a_person_moves_are_no_reason_against_an_order(rig: Rig, store: Store, tmp_path: Path) -> None:
    """A service asks for them when it is time."""
    station = Station(Chi660ePotentiostat(chi_settings(str(tmp_path), {}), wall_time))
    service = Service(store, [rig.tester], station=station, plan=plan())
    spectra = RunRequest(resolve(parse_recipe(RECIPE), load_cell("coated-li-li")), CHANNEL, "")
    assert station.needs_a_person
    assert (await checks(service, spectra))[CheckName.ENVELOPE].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("newest_unix_s", "outcome", "words"),
    [
        (None, Outcome.NOT_ASKED, "this service makes no backups"),
        (0.0, Outcome.WARN, "the store has no backup yet"),
        (-3600.0, Outcome.PASS, "is 1 h old"),
        (-100 * 3600.0, Outcome.WARN, "more than 26 h"),
    ],
)
async def test_age_of_the_newest_backup_is_told(
    rig: Rig, store: Store, newest_unix_s: float | None, outcome: Outcome, words: str
) -> None:
    """Of a service that makes them; below 0 is before now."""
    service = Told(store, [rig.tester], plan=plan())
    service.told_backup_unix_s = newest_unix_s and newest_unix_s + wall_time()
    backup = (await checks(service))[CheckName.BACKUP]
    assert (backup.outcome, words in backup.sentence) == (outcome, True)


async def test_cell_that_a_simulated_rack_puts_in_is_not_looked_at_before(rig: Rig, store: Store) -> None:
    """No voltage is asked and no watch begins; the same cell is there already, and one without a model does not fit."""
    holders = SimulatedHolders(SimulatedHoldersSettings(hands="127.0.0.1:9"))
    asked = PreflightPlan(PreflightSettings(watch_s=30), holders=holders, free=lambda _: ENOUGH)
    service = Service(store, [rig.tester], plan=asked)
    fresh = await service.preflight.report(replace(request(), label=""), "ada", NO_TERMS)
    told = {check.check: check for check in fresh.checks}
    assert told[CheckName.CELL].sentence.endswith(f"the order says that {request().program.cell.name} is there")
    assert (fresh.ready_in_s, "puts a fresh simulated cell into" in told[CheckName.VOLTAGE].sentence) == (0.0, True)
    same = await service.preflight.report(request(), "ada", SAME)
    assert same.ready_in_s > 0
    assert {check.check: check for check in same.checks}[CheckName.VOLTAGE].outcome is Outcome.PASS
    other = request()
    other = replace(other, program=replace(other.program, cell=replace(other.program.cell, name="mine", kind="other")))
    envelope = (await checks(service, other))[CheckName.ENVELOPE]
    assert (envelope.is_failed, "no simulated cell is of kind other" in envelope.sentence) == (True, True)
    before = len(asyncio.all_tasks())
    await service.preflight.end()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before - 1


async def test_channel_that_works_is_not_watched_and_its_voltage_says_nothing(rig: Rig, store: Store) -> None:
    """An order may wait behind a run; behind what somebody else runs there, or on no channel, it may not."""
    holders = SimulatedHolders(SimulatedHoldersSettings(hands="127.0.0.1:9"))
    async with planned(rig, store, plan(watch_s=30)) as service:
        run = service.submit(replace(request(), label="A17"), "ada")
        await asyncio.sleep(100)
        assert run.state is RunState.RUNNING
        report = await service.preflight.report(request(), "ada", SAME)
        assert report.ready_in_s == 0.0
        before = kept(store, run.run_id)
        assert (before["steady"]["outcome"], before["steady"]["sentence"][:4]) == ("pass", "over")
        assert before["cell"]["sentence"] == f"nothing else was on {CHANNEL}: the order says that A17 is there (ada)"
        asked = PreflightPlan(holders=holders, free=lambda _: ENOUGH)
        busy = await checks(Service(store, [rig.tester], plan=asked), request())
        assert "a channel that is not free says nothing" in busy[CheckName.VOLTAGE].sentence
    rig.bench.tester.channel(CHANNEL)
    rig.tester.faults.change(
        "status", lambda seen: {name: replace(one, state=type(one.state).ABSENT) for name, one in seen.items()}
    )
    async with planned(rig, store, plan()) as service:
        absent = (await checks(service, request(OTHER), Terms(queue=True)))[CheckName.CHANNEL]
    assert (absent.is_failed, "does not exist" in absent.sentence) == (True, True)


async def test_disk_is_asked_for_the_records_of_the_other_runs_alone(rig: Rig, store: Store) -> None:
    """A run that begins is not counted twice; one that goes on beside it is counted."""
    async with planned(rig, store, plan()) as service:
        first = service.submit(request(), "ada")
        await asyncio.sleep(60)
        second = service.submit(request(OTHER), "ada", Terms(mounted=OTHER))
        await asyncio.sleep(60)
    assert "those that go on" not in kept(store, first.run_id)["disk"]["sentence"]
    assert "those that go on" in kept(store, second.run_id)["disk"]["sentence"]
    assert kept(store, second.run_id)["cell"]["sentence"] == f"{OTHER} is on {OTHER}, as was said by name (ada)"
