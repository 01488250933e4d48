"""What clients see of the rack stays true when there is much of it, when a value is none, and when a tester is away."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest

from drivers.neware.opening import KIND
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.api.live_stream import LiveClients, stream
from orchestrator.api.routes import channel_now
from orchestrator.api.sentences import note_start, since_start
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Bus, EventKind, RunUpdate
from orchestrator.rack.service import Service
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.rig import CHANNEL, Rig
from tests.service_rig import request, serving

UPDATE = RunUpdate("R000001", "cell", CHANNEL, RunState.RUNNING, "", 1.0, 2.0, 1, 0.1, 3)


def test_status_shows_the_newest_events_however_many_there_were(store: Store) -> None:
    """After thousands of events since the start the last fifty are told, and the way the service ended before."""
    store.add_event(None, EventKind.SERVICE_AWAY, "away", 1.0)
    store.add_event(None, EventKind.SERVICE_STARTED, "started", 2.0)
    assert [what for _, _, what in since_start(store)] == ["away"]
    with store.transaction():
        for n in range(3000):
            store.add_event(None, EventKind.COMMAND, f"order {n}", 3.0 + n)
            store.add_event(None, EventKind.BACKUP, "made", 3.0 + n)
    assert [what for _, _, what in since_start(store)] == [f"order {n}" for n in range(2950, 3000)]


@pytest.mark.parametrize("away_unix_s", [None, 1000.0])
def test_status_shows_that_the_store_went_back(store: Store, away_unix_s: float | None) -> None:
    """It is written before the start, as the death of the service before is, which a kill adds behind it."""
    store.add_event(None, EventKind.SERVICE_STARTED, "started", 1.0)
    store.add_event(None, EventKind.COMMAND, "order", 2.0)
    note_start(store, [], away_unix_s, 1180.0, "the store has gone back")
    store.add_event(None, EventKind.SERVICE_STARTED, "started", 1180.0)
    told = [what for _, _, what in since_start(store)]
    assert told[0] == "store doubted: the store has gone back"
    assert len(told) == (1 if away_unix_s is None else 2)


async def test_a_value_that_is_no_number_ends_no_stream() -> None:
    """JSON has no word for it: clients get null, and the next value too."""
    live = LiveClients(Bus())
    texts = stream(live, [replace(UPDATE, voltage_v=nan), replace(UPDATE, time_s=float("inf")), UPDATE])
    told = [json.loads((await anext(texts)).partition("data: ")[2]) for _ in range(3)]
    assert [(one["voltage_v"], one["time_s"]) for one in told] == [(None, 1.0), (0.1, None), (0.1, 1.0)]


async def test_a_run_is_forecast_once(rig: Rig, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the status nor the rows that housekeeping expects each minute walk through a long recipe again."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        monkeypatch.delattr("orchestrator.runs.run.forecast")
        await asyncio.sleep(600)
        shown = channel_now(service, CHANNEL).run
        assert shown is not None
        assert shown.planned_s == run.forecast.planned_duration_s
        assert 0 < service.rows_to_come() < run.forecast.records


async def test_a_placeholder_record_has_no_voltage(rig: Rig, store: Store) -> None:
    """A run whose last record holds no number says so by none, for the status, the stream and the pictures alike."""
    async with serving(rig, store) as service:
        run = service.submit(request(), "ada")
        await asyncio.sleep(600)
        assert run.records is not None
        assert run.update().voltage_v is not None
        assert run.records.last is not None
        run.records.last = run.records.last._replace(voltage_v=nan)
        assert run.update().voltage_v is None
        assert channel_now(service, CHANNEL).model_dump(mode="json")["run"]["voltage_v"] is None


def test_a_channel_of_a_tester_that_does_not_answer_is_not_called_free(store: Store, tmp_path: Path) -> None:
    """Nobody knows what it does, and status says so; a run may wait there."""
    settings = NewareSettings(
        name="away", step_files=tmp_path, step_files_on_bts_pc="S:/", units=(UnitSettings(devid=21, subdevid=1),)
    )
    service = Service(store, [KIND.build(settings, wall_time)])
    shown = channel_now(service, "21-1-1")
    assert (shown.instrument, shown.words) == ("away", "it is not known what it does: away does not answer")
