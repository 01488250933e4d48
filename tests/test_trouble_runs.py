"""Whole runs with a contact that worsens: marked once, also after a restart, and held where the recipe says so."""

from __future__ import annotations

import asyncio
import json

import pytest

from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.runs import replaying
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, Store
from protocols.loading import load_cell, parse_recipe
from protocols.resolve import resolve
from tests.rig import CHANNEL, Rig
from tests.service_rig import serving, state

_RECIPE = """name: mine
title: mine
for: [li-li]
record: {{every: 30 s}}
{guards}steps:
  - step: repeat
    times: 40
    steps:
      - {{step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {{time: 10 min, voltage: 0.5 V}}}}
      - {{step: constant_current, direction: discharge, current: 0.2 mA/cm2, until: {{time: 10 min, voltage: -0.5 V}}}}
"""
LI_LI = pytest.mark.rig(cells={CHANNEL: "coated-li-li"}, poll_period_s=60.0)


def order(guards: str = "") -> RunRequest:
    """Give a run of half-cycles of 10 min on the Li/Li cell."""
    recipe = parse_recipe(_RECIPE.format(guards=guards), "mine")
    return RunRequest(resolve(recipe, load_cell("coated-li-li")), CHANNEL, "a", "ada")


def marks(store: Store, run_id: str) -> list[str]:
    """Give the sentences on the contact that the run's events hold."""
    return [event.message for event in store.events(run_id) if event.kind == EventKind.CONTACT_RISES]


def shorts(store: Store, run_id: str) -> list[str]:
    """Give the sentences on shorts that the run's events hold."""
    return [event.message for event in store.events(run_id) if event.kind == EventKind.CELL_SHORTED]


@LI_LI
async def test_contact_that_worsens_is_marked_once_also_after_a_restart(
    rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event with evidence, one deviation; a service that reads only head and tail again knows of it (C04)."""
    monkeypatch.setattr(replaying, "HEAD_SAMPLES", 20)
    monkeypatch.setattr(replaying, "TAIL_SAMPLES", 60)
    async with serving(rig, store) as service:
        run = service.submit(order(), "ada")
        await asyncio.sleep(3 * 3600)
        rig.bench.tester.loosen_contact(CHANNEL, 300.0)
        await asyncio.sleep(3600)
        assert state(run) is RunState.RUNNING
    (before,) = marks(store, run.run_id)
    async with serving(rig, store):
        await asyncio.sleep(2 * 3600)
        rig.bench.tester.loosen_contact(CHANNEL, 520.0)
        await asyncio.sleep(3600)
    assert marks(store, run.run_id) == [before]
    data = next(json.loads(it.data_json or "") for it in store.events(run.run_id) if it.message == before)
    assert data["severity"] == "warning"
    assert data["now_ohm"] - data["before_ohm"] == pytest.approx(300, rel=0.1)
    (deviation,) = [it for it in store.deviations(run.run_id) if it.category is DeviationCategory.EQUIPMENT_FAILURE]
    assert deviation.ended_unix_s is not None
    assert deviation.started_unix_s <= deviation.ended_unix_s


@LI_LI
async def test_run_is_held_where_its_recipe_says_so_and_goes_on_when_resumed(rig: Rig, store: Store) -> None:
    """A person looks and resumes it: it is not held again for what was told, nor after a restart (faults C04)."""
    async with serving(rig, store) as service:
        run = service.submit(order("guards: {trouble: {hold: [contact]}}\n"), "ada")
        await asyncio.sleep(3 * 3600)
        rig.bench.tester.loosen_contact(CHANNEL, 300.0)
        await asyncio.sleep(3600)
        assert state(run) is RunState.HOLDING
        assert run.reason.startswith(f"{EventKind.CONTACT_RISES}: the resistance at the change from")
        assert not rig.bench.tester.channel(CHANNEL).busy
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(3600)
        assert state(run) is RunState.RUNNING
    async with serving(rig, store) as service:
        await asyncio.sleep(1800)
        assert store.run(run.run_id).state is RunState.RUNNING
    assert len(marks(store, run.run_id)) == 1


@LI_LI
async def test_mark_that_was_not_written_before_the_service_died_is_written_after_it(rig: Rig, store: Store) -> None:
    """Its records were committed, and the process was killed before the event was: the next one tells it."""
    async with serving(rig, store) as service:
        run = service.submit(order(), "ada")
        await asyncio.sleep(3 * 3600)
        rig.bench.tester.loosen_contact(CHANNEL, 300.0)
        await asyncio.sleep(3600)
    (before,) = marks(store, run.run_id)
    store.connection.execute("DELETE FROM event WHERE kind = ?", (EventKind.CONTACT_RISES,))
    async with serving(rig, store):
        await asyncio.sleep(3600)
    assert marks(store, run.run_id) == [before]


@LI_LI
async def test_mark_of_a_short_is_written_once_whatever_dies(rig: Rig, store: Store) -> None:
    """A restart tells nothing again; one that follows a kill between the records and the event tells it."""
    async with serving(rig, store) as service:
        run = service.submit(order("guards: {short: {policy: mark}}\n"), "ada")
        await asyncio.sleep(3600)
        rig.bench.tester.short_cell(CHANNEL, 1.0)
        await asyncio.sleep(5400)
    before = shorts(store, run.run_id)
    assert before
    for is_lost in (False, True):
        if is_lost:
            store.connection.execute("DELETE FROM event WHERE kind = ?", (EventKind.CELL_SHORTED,))
        async with serving(rig, store):
            await asyncio.sleep(300)
        assert shorts(store, run.run_id) == before


@LI_LI
async def test_run_is_held_although_the_service_died_between_the_word_and_the_hold(rig: Rig, store: Store) -> None:
    """The event is in the store and no hold has followed it: the sign is found again, and holds the run."""
    async with serving(rig, store) as service:
        run = service.submit(order("guards: {trouble: {hold: [contact]}}\n"), "ada")
        await asyncio.sleep(3 * 3600)
        rig.bench.tester.loosen_contact(CHANNEL, 300.0)
        told = {"action": "hold", "sign": "contact", "level": 50.0, "time_s": 3 * 3600.0}
        store.add_event(run.run_id, EventKind.CONTACT_RISES, "the last word", wall_time(), json.dumps(told))
    async with serving(rig, store) as service:
        await asyncio.sleep(3600)
        assert store.run(run.run_id).state is RunState.HOLDING
        await service.resume(run.run_id, "ada")
        await asyncio.sleep(3600)
    async with serving(rig, store):
        await asyncio.sleep(3600)
    assert store.run(run.run_id).state is RunState.RUNNING
