"""A dead service is told of from outside: by its lock, its store and what people have acknowledged."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.events.to_do import SERVICE_DEAD
from orchestrator.notices.dispatcher import BEAT
from orchestrator.notices.state_file import StateFile
from orchestrator.rack.lock import lock_path, owning
from orchestrator.serving.service_watch import DEAD_S, Health, look_at, watch_service
from orchestrator.states import RunState
from orchestrator.store import open_store
from tests.notice_servers import endpoint
from tests.storing import add_run

_DIED = '{"pid": 1, "host": "rig", "started_utc": "2026-11-27T12:00:00Z", "url": ""}'


@pytest.fixture
def state(store_path: Path) -> Iterator[StateFile]:
    """Give the notices' file of a store that was served with a run under way."""
    with open_store(store_path) as store:
        store.set_run_state(add_run(store), RunState.RUNNING.value, "", 1.0)
    with StateFile(store_path) as opened:
        yield opened


def left(store: Path, text: str, age_s: float) -> None:
    """Leave the lock file of a service that is gone."""
    path = lock_path(store)
    path.write_text(f" {text}" if text else "")
    os.utime(path, (time.time() - age_s, time.time() - age_s))


@pytest.mark.parametrize(
    ("text", "age_s", "health"),
    [
        (_DIED, DEAD_S + 5, Health.DIED),
        (_DIED, DEAD_S - 5, Health.LIVES),
        ("", DEAD_S + 5, Health.LEFT),
    ],
)
def test_a_service_that_is_gone_is_told_once_it_is_gone_for_long(
    store_path: Path, state: StateFile, text: str, age_s: float, health: Health
) -> None:
    """Killed, restarting, or ended in order while a tester goes on with a run."""
    left(store_path, text, age_s)
    look = look_at(store_path, state, time.time())
    assert look.health is health
    assert not health.is_told or "1 run may go on in the testers" in look.sentence


def test_a_service_that_was_ended_with_nothing_under_way_is_no_alarm(store_path: Path, state: StateFile) -> None:
    """Whoever ends it in order with an empty rack is not called in the night."""
    with open_store(store_path) as store:
        store.set_run_state("R000001", RunState.COMPLETED.value, "", 1.0)
    left(store_path, "", DEAD_S + 5)
    assert look_at(store_path, state, time.time()).health is Health.ENDED


async def test_a_service_that_lives_and_gives_no_sign_of_life_hangs(store_path: Path, state: StateFile) -> None:
    """Its lock is held and grows old; with a fresh lock, a notices process that says nothing is told of."""
    async with owning(store_path) as instance:
        instance.write_owner("http://127.0.0.1:1")
        now_s = lock_path(store_path).stat().st_mtime
        assert look_at(store_path, state, now_s + DEAD_S - 1).health is Health.LIVES
        assert look_at(store_path, state, now_s + DEAD_S + 1).health is Health.HANGS
        state.keep_mark(BEAT, now_s - DEAD_S - 1)
        assert look_at(store_path, state, now_s + 1).health is Health.MUTE


@pytest.mark.real_time
async def test_people_are_told_of_a_dead_service_once_until_they_acknowledge_or_it_lives(store_path: Path) -> None:
    """Each look is a process of its own: the file remembers; a second death is told anew."""
    with open_store(store_path) as store:
        store.set_run_state(add_run(store), RunState.RUNNING.value, "", 1.0)
    left(store_path, _DIED, 600)
    async with endpoint() as there:
        target = {"name": "ada", "url": there.url("works")}
        rules = NoticeSettings.model_validate({"targets": [target], "deadline_s": 60})
        assert (await watch_service(rules, store_path, "rack-1")).health is Health.DIED
        await watch_service(rules, store_path, "rack-1")
        assert [body["title"] for _, body in there.got] == [f"[ALARM] rack-1: {SERVICE_DEAD}"]
        assert "cellrig serve" in there.got[0][1]["message"]
        with StateFile(store_path) as opened:
            (row,) = opened.open_incidents()
            opened.close_incident(row["number"], "acknowledged by ada", time.time())
            opened.keep_mark("dead service last told", time.time() - 3600)
        await watch_service(rules, store_path, "rack-1")
        assert len(there.got) == 1
        left(store_path, _DIED, 0)
        assert (await watch_service(rules, store_path, "rack-1")).health is Health.LIVES
        left(store_path, _DIED, 600)
        await watch_service(rules, store_path, "rack-1")
    assert len(there.got) == 2
