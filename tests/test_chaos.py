"""Chaos nights, short ones; ``make chaos`` runs long ones."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from drivers.interfaces import Measurement, Spectrum
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.measuring.storing import keep_measurement
from orchestrator.runs.request import RunRequest
from orchestrator.states import RunState
from orchestrator.store import Store
from orchestrator.store.companion_files import notices_path
from protocols.program import Program
from protocols.techniques import Impedance
from tests.chaos.night import InlineLoop, Night, replay
from tests.chaos.plan import CHANNELS, Happening, draw
from tests.feed_rig import made_cycle


def test_random_faults_of_six_hours_break_no_invariant_and_are_replayed(caplog: pytest.LogCaptureFixture) -> None:
    """Eight channels, feed and notices, everything that may go wrong: what must hold does, and in the morning.

    The same seed stores the same, at the same times, down to the last event; also with child processes.
    """
    caplog.set_level(logging.CRITICAL + 1)
    night, again = replay(3, 0.25), replay(3, 0.25)
    assert night.samples > 700
    assert night.spectra["stored"] > 1
    assert len(night.injected) > 5
    assert set(night.finished) <= {RunState.COMPLETED, RunState.STOPPED, RunState.FAILED, "queued", "tripped"}
    assert again.digest == night.digest


def test_a_seed_gives_the_same_night() -> None:
    """What happens, when and for how long follows from the seed alone."""
    assert draw(5, 2) == draw(5, 2)
    assert draw(5, 2) != draw(6, 2)


def _start_unknown(night: Night) -> None:
    night.bench.tester.start("21-1-2", night.schedule("21-1-2"), "R000099")


def _start_twice(night: Night) -> None:
    service = night.host.service
    assert service is not None
    night.bench.tester.stop("21-1-1")
    night.bench.tester.start("21-1-1", night.schedule("21-1-1"), service.store.barcode("R000001"))


def _latch(night: Night) -> None:
    service = night.host.service
    assert service is not None
    service.store.set_run_state("R000001", "tripped", "", wall_time() - 3600)
    night.bench.tester.stop("21-1-1")
    service.store.open_intent("R000001", "21-1-1", "start", "", "again", wall_time() - 1)
    night.bench.tester.start("21-1-1", night.schedule("21-1-1"), f"{service.store.barcode('R000001')}.2")


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


def _energise_twice(night: Night) -> None:
    night.bench.clip("21-1-1")


def _close_a_relay(night: Night) -> None:
    night.corner.relays.relays.close([5])


def _forget_at_leads(night: Night) -> None:
    night.bench.clip("21-1-5")
    night.invariants.at_leads.order(night.host)


def _measuring_run(night: Night) -> tuple[Store, str, int]:
    """Put a completed run with the test of its first spectrum into the store."""
    service = night.host.service
    assert service is not None
    program = night.measuring["21-1-5"][0]
    run_id = RunRequest(program, "21-1-5", "five").add_to(service.store)
    service.store.set_run_state(run_id, "completed", "", wall_time())
    return service.store, run_id, _measured(service.store, run_id, program)


def _measured(store: Store, run_id: str, program: Program, job: str = "job") -> int:
    segment = program.segments[1]
    return store.add_test(
        run_id=run_id, segment=1, instrument="chi660e", channel="21-1-5", tester_test_id=None, barcode=job,
        started_unix_s=wall_time(), program_json=segment.to_json(),
    )  # fmt: skip


def _keep(store: Store, run_id: str, test: int, rows: int) -> None:
    """Store a spectrum of so many rows."""
    spectrum = Spectrum(tuple(float(n) for n in range(rows, 0, -1)), (1 + 1j,) * rows, 0.0)
    measurement = Measurement("job", Impedance(1e5, 0.1), spectrum, wall_time() - 60, wall_time(), ())
    keep_measurement(store, test, run_id, measurement, cycle=1, open_circuit_v=0.0, rested_s=60.0)


def _cut_a_spectrum(night: Night) -> None:
    store, run_id, test = _measuring_run(night)
    _keep(store, run_id, test, 30)
    night.invariants.survived(night.invariants.stored())


def _measure_twice(night: Night) -> None:
    store, run_id, _ = _measuring_run(night)
    for job in ("a-missing", "b-missing"):
        _measured(store, run_id, night.measuring["21-1-5"][0], job)
    store.connection.execute("DELETE FROM test WHERE barcode = 'job'")
    night.invariants.survived(night.invariants.stored())


def _miss_in_silence(night: Night) -> None:
    store, run_id, _ = _measuring_run(night)
    store.connection.execute("UPDATE test SET barcode = 'job-missing' WHERE run_id = ? AND segment = 1", (run_id,))
    night.invariants.at_leads.end()


def _lose_a_spectrum(night: Night) -> None:
    store, run_id, _ = _measuring_run(night)
    store.connection.execute("DELETE FROM test WHERE run_id = ?", (run_id,))
    night.invariants.at_leads.end()


def _measure_open_leads(night: Night) -> None:
    store, run_id, test = _measuring_run(night)
    _keep(store, run_id, test, 73)
    night.invariants.at_leads.end()


def _lose_an_event(night: Night) -> None:
    del night.beside.stranger.came["event"][2]
    night.beside.end()


def _send_an_event_again(night: Night) -> None:
    came = night.beside.stranger.came["event"]
    came.append(came[2])
    night.beside.end()


def _send_late(night: Night) -> None:
    body = {"sequence": 3, "at_unix_s": 0.0, "backfill": False, "repeat": False}
    night.beside.stranger.deliver("cellrig/night/event", json.dumps(body).encode(), 7200.0)
    night.beside.end()


def _lose_a_cycle(night: Night) -> None:
    service = night.host.service
    assert service is not None
    service.store.add_cycles(1, [made_cycle(1)])
    night.beside.end()


def _kept(night: Night, sql: str) -> None:
    with closing(sqlite3.connect(notices_path(night.host.store_file), isolation_level=None)) as connection:
        assert connection.execute(sql).rowcount == 1
    night.beside.people.check()


def _leave_an_event_out(night: Night) -> None:
    _kept(night, "DELETE FROM notice WHERE event = 3")


def _tell_an_event_twice(night: Night) -> None:
    _kept(night, "UPDATE notice SET event = 3 WHERE event = 2")


def _tell_nobody(night: Night) -> None:
    service = night.host.service
    assert service is not None
    service.store.add_event("R000001", EventKind.STOP_NOT_CONFIRMED, "it goes on", wall_time())
    night.beside.people.check()


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
        (_energise_twice, "two energisers"),
    ],
)
def test_what_is_broken_is_noticed(spoil: Callable[[Night], None], told: str, tmp_path: Path) -> None:
    """Each invariant is one that can fail."""
    _in_a_night(tmp_path, spoil, told, settled_s=900.0)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_close_a_relay, "comes to the leads without an intent"),
        (_forget_at_leads, "is left at the leads"),
        (_cut_a_spectrum, "has 30 of 73 rows"),
        (_measure_twice, "was measured twice"),
        (_miss_in_silence, "its deviations say"),
        (_lose_a_spectrum, "is completed, and has"),
        (_measure_open_leads, "is not all of 21-1-5"),
    ],
)
def test_what_is_broken_at_the_potentiostat_is_noticed(
    spoil: Callable[[Night], None], told: str, tmp_path: Path
) -> None:
    """So is each that concerns spectra and leads."""
    _in_a_night(tmp_path, spoil, told, settled_s=0.0)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_lose_an_event, "faults of the feed, such as .*event"),
        (_send_an_event_again, "does not say that it is repeated"),
        (_send_late, "late and does not say so"),
        (_lose_a_cycle, "faults of the feed, such as .*cycle"),
        (_leave_an_event_out, "were not taken up"),
        (_tell_an_event_twice, "taken up 2 times"),
        (_tell_nobody, "was told nobody"),
    ],
)
def test_what_is_lost_beside_control_is_noticed(spoil: Callable[[Night], None], told: str, tmp_path: Path) -> None:
    """So is each that concerns the subscriber of the feed and the people who are told."""
    _in_a_night(tmp_path, spoil, told, settled_s=900.0)


def _in_a_night(folder: Path, spoil: Callable[[Night], None], told: str, settled_s: float) -> None:
    """Spoil something in a quiet night with a run, after so many seconds of it; without any, nothing is begun."""

    async def work() -> None:
        night = Night(1, folder)
        await night.corner.open()
        night.host.start()
        if settled_s:
            await asyncio.sleep(60)
            await night.happen(Happening(0.0, "submit", CHANNELS[0], 0.0, 0.9))
            await asyncio.sleep(settled_s)
        night.invariants.look(night.host)
        try:
            with pytest.raises(AssertionError, match=told):
                _spoil_and_look(night, spoil)
        finally:
            night.beside.kill_all()
            night.host.kill()
            night.invariants.reader.close()
            await night.corner.close()

    with asyncio.Runner(loop_factory=InlineLoop) as runner:
        runner.run(work())
