"""Chaos nights, short ones; ``make chaos`` runs long ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.states import RunState
from orchestrator.virtual_time import wall_time
from tests.chaos.night import InlineLoop, Night, replay
from tests.chaos.plan import CHANNELS, Happening, draw

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("seed", [1, 3, 7])
def test_half_a_day_of_random_faults_breaks_no_invariant(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Eight channels, everything that may go wrong: what must hold does, at every event and in the morning."""
    caplog.set_level(logging.CRITICAL + 1)
    night = replay(seed, 0.5)
    assert night.samples > 1500
    assert len(night.injected) > 5
    assert set(night.finished) <= {RunState.COMPLETED, RunState.STOPPED, RunState.FAILED, "queued", "tripped"}


def test_a_seed_gives_the_same_night() -> None:
    """What happens, when and for how long follows from the seed alone."""
    assert draw(5, 2) == draw(5, 2)
    assert draw(5, 2) != draw(6, 2)


def _start_unknown(night: Night) -> None:
    night.bench.tester.start("21-1-2", night.schedule("21-1-2"), "R000099")


def _start_twice(night: Night) -> None:
    night.bench.tester.stop("21-1-1")
    night.bench.tester.start("21-1-1", night.schedule("21-1-1"), "R000001")


def _latch(night: Night) -> None:
    service = night.host.service
    assert service is not None
    service.store.set_run_state("R000001", "tripped", "", wall_time() - 3600)
    night.bench.tester.stop("21-1-1")
    service.store.open_intent("R000001", "21-1-1", "start", "", "again", wall_time() - 1)
    night.bench.tester.start("21-1-1", night.schedule("21-1-1"), "R000001.2")


def _two_owners(night: Night) -> None:
    service = night.host.service
    assert service is not None
    run = service.store.run("R000001")
    other = service.store.add_run(
        recipe=run.recipe, cell=run.cell, channel=run.channel, program_json=run.program_json,
        program_sha256=run.program_sha256, created_unix_s=wall_time(),
    )  # fmt: skip
    service.store.set_run_state(other, "running", "", wall_time())


def _lose_samples(night: Night) -> None:
    service = night.host.service
    assert service is not None
    service.store.connection.execute("DELETE FROM sample WHERE sequence = 2")
    night.invariants.survived(night.invariants.stored())


def _spoil_and_look(night: Night, spoil: Callable[[Night], None]) -> None:
    spoil(night)
    night.invariants.look(night.host)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_start_unknown, "without an intent"),
        (_start_twice, "was started twice"),
        (_latch, "on a tripped channel"),
        (_two_owners, "two active runs"),
        (_lose_samples, "has gaps"),
    ],
)
def test_what_is_broken_is_noticed(spoil: Callable[[Night], None], told: str, tmp_path: Path) -> None:
    """Each invariant is one that can fail."""

    async def work() -> None:
        night = Night(1, tmp_path)
        night.host.start()
        await asyncio.sleep(60)
        await night.happen(Happening(0.0, "submit", CHANNELS[0], 0.0, 0.9))
        await asyncio.sleep(900)
        night.invariants.look(night.host)
        try:
            with pytest.raises(AssertionError, match=told):
                _spoil_and_look(night, spoil)
        finally:
            night.host.kill()
            night.invariants.close()

    with asyncio.Runner(loop_factory=InlineLoop) as runner:
        runner.run(work())
