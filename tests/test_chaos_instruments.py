"""What a chaos night holds of ovens and source meters is what can fail; ``make chaos`` runs long nights."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.temperature import CellTemperature
from tests.chaos.happenings import TABLE
from tests.chaos.instruments import INSIDE, SMUS, warmed
from tests.chaos.night import InlineLoop, Night
from tests.chaos.plan import INSTRUMENTS, Happening, draw

_RUN_S = 900.0


def _set_for_nobody(night: Night) -> None:
    """Order a set point that no run wants."""
    assert night.instruments is not None
    assert night.at_instruments is not None
    night.instruments.oven.order(70.0, volatile=False)
    night.at_instruments.tick(night.host)


def _leave_it_hot(night: Night) -> None:
    """Leave the oven at a person's set point, and say that nobody chose it."""
    assert night.instruments is not None
    assert night.at_instruments is not None
    night.instruments.by_hand_degc = 45.0
    night.instruments.oven.order(45.0, volatile=False)
    night.at_instruments.tick(night.host)
    night.instruments.by_hand_degc = None
    night.at_instruments._check_hot(night.host, asyncio.get_running_loop().time() + 310.0)  # noqa: SLF001 - the time is told


def _let_current_flow(night: Night) -> None:
    """Switch an output on by hand, and look again two minutes later."""
    assert night.instruments is not None
    assert night.at_instruments is not None
    unit = night.instruments.units[SMUS[1]].instrument
    for line in (":SOUR:FUNC CURR", ":SOUR:CURR:RANG 1E-3", ":SOUR:CURR 1E-4", ":OUTP ON"):
        unit.set_by_hand(line)
    now_s = asyncio.get_running_loop().time()
    night.at_instruments._check_output(SMUS[1], night.host, now_s)  # noqa: SLF001 - the time is told
    night.at_instruments._check_output(SMUS[1], night.host, now_s + 120.0)  # noqa: SLF001 - the same


def _sql(sql: str) -> Callable[[Night], None]:
    def spoil(night: Night) -> None:
        service = night.host.service
        assert service is not None
        assert service.store.connection.execute(sql).rowcount > 0
        assert night.at_instruments is not None
        night.at_instruments.order()

    return spoil


def _begin_cold(night: Night) -> None:
    """Tell the run's program as one that wants its cell warm."""
    service = night.host.service
    assert service is not None
    assert night.at_instruments is not None
    (program,) = {run.request.program for run in service.runs if run.request.channel == INSIDE[1]}
    (segment,) = warmed([program])[0].cycling
    assert segment.temperature == CellTemperature(60.0, soak_s=300.0)
    service.store.connection.execute("UPDATE test SET program_json = ?", (segment.to_json(),))
    night.at_instruments._last_test = 0  # noqa: SLF001 - it was looked at already
    night.at_instruments.look()


# Test 2 is outside of the oven. A record that was looked at is not looked at again: each is another.
_SPOILS: tuple[tuple[Callable[[Night], None], str], ...] = (
    (
        _sql("UPDATE sample SET temperature_degc = 60.0 WHERE test = 2 AND sequence = 2"),
        "record 2 on 21-1-1: 60 degC, and it is in no oven",
    ),
    (
        _sql("UPDATE sample SET temperature_degc = 60.0 WHERE test = 1 AND sequence = 2"),
        "record 2 on 21-1-7: 60 degC, and the oven showed 2",
    ),
    (
        _sql("UPDATE sample SET temperature_degc = NULL WHERE test = 1 AND sequence = 3"),
        "record 3 on 21-1-7: it has no temperature, and the oven was read all the time",
    ),
    (_let_current_flow, "have flown at smu-2 for 90 s without a run"),
    (_begin_cold, "the oven was 3.* K away from 60 degC"),
    (_set_for_nobody, "the oven was set from 25 to 70 degC, and no run wants that"),
    (_leave_it_hot, "is set to 45 degC for 310 s, and no run wants that"),
)


def test_what_is_broken_at_an_oven_or_a_source_meter_is_noticed(tmp_path: Path) -> None:
    """Set points, currents, cold starts and temperatures of records: each wrong one is told."""

    async def work() -> None:
        night = Night(1, tmp_path, has_instruments=True)
        at = night.at_instruments
        assert at is not None
        await night.corner.open()
        night.host.start()
        watching = asyncio.ensure_future(at.watch(night.host))
        try:
            await asyncio.sleep(60.0)
            for channel in (INSIDE[1], "21-1-1"):
                # The last of the programs leaves the temperature open.
                await night.happen(Happening(0.0, "submit", channel, 0.0, 0.42))
            await asyncio.sleep(_RUN_S)
            at.look()
            for spoil, told in _SPOILS:
                with pytest.raises(AssertionError, match=told):
                    spoil(night)
        finally:
            watching.cancel()
            night.beside.kill_all()
            night.host.kill()
            night.invariants.reader.close()
            await night.corner.close()

    with asyncio.Runner(loop_factory=InlineLoop) as runner:
        runner.run(work())


def test_what_happens_to_instruments_changes_nothing_else_of_a_night() -> None:
    """The same seed gives the same faults of the rack, with instruments or without; each kind can happen."""
    without = draw(5, 1)
    drawn = draw(5, 1, instruments=True)
    assert [[it for it in part if it.kind not in INSTRUMENTS] for part in drawn] == without
    assert INSTRUMENTS.keys() <= TABLE.keys()
