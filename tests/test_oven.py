"""The oven's driver against the simulated controllers: reading, ordering, limits and wear."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drivers.errors import BadReply, CannotRun, NotConfirmed, Refused
from drivers.oven.settings import SetPointKeeping
from drivers.temperatures import Oven, OvenFault
from simulators.oven.oven import OvenQuirks
from tests.oven_rig import EUROTHERM, OMRON, OvenRig

_TCP = {"kind": "tcp", "host": "127.0.0.1"}


async def _opened(*models: str, **options: Any) -> OvenRig:  # noqa: ANN401 - options of the rig
    """Give an open driver for each model, a Eurotherm if none is named."""
    rig = OvenRig(models or (EUROTHERM,), **options)
    for driver in rig.drivers:
        await driver.open()
    return rig


@pytest.mark.parametrize("link", [{}, _TCP], ids=["rtu", "tcp"])
@pytest.mark.parametrize("keeping", SetPointKeeping)
@pytest.mark.parametrize("model", [EUROTHERM, OMRON])
async def test_oven_goes_to_the_ordered_temperature(model: str, keeping: SetPointKeeping, link: dict[str, str]) -> None:
    """Each model, each way to order, each link: the oven holds what was ordered, and the reading says so."""
    rig = await _opened(model, link=link, set_point=keeping)
    driver = rig.driver
    assert isinstance(driver, Oven)
    await driver.set_target(60.0)
    await asyncio.sleep(3 * 3600)
    reading = await driver.read()
    assert reading.temperature_degc == pytest.approx(60.0, abs=0.15)
    assert (reading.target_degc, reading.working_degc) == (60.0, 60.0)
    assert reading.output_percent == pytest.approx(14.7, abs=0.3)
    assert reading.faults == frozenset()
    assert rig.oven.memory.writes == driver.stored_writes == (1 if keeping is SetPointKeeping.STORED else 0)
    await rig.close()


async def test_temperature_below_zero_is_signed() -> None:
    """A chamber at -5.3 degC reads -5.3, not 6548.3."""
    rig = await _opened()
    rig.oven.heat.sensor_degc = -5.3
    rig.oven.quirks.noise_k = 0.0
    assert (await rig.driver.read()).temperature_degc == -5.3
    await rig.close()


@pytest.mark.parametrize("model", [EUROTHERM, OMRON])
@pytest.mark.parametrize("decimals", [0, 1, 2])
async def test_scale_follows_the_decimals_of_the_display(model: str, decimals: int) -> None:
    """A set point of 60 degC is 60 degC whatever the display shows, which the driver learns when it connects."""
    rig = await _opened(model, quirks=OvenQuirks(decimals=decimals))
    await rig.driver.set_target(60.0)
    assert rig.oven.target_degc == 60.0
    assert (await rig.driver.read()).target_degc == 60.0
    await rig.close()


async def test_decimals_are_learnt_on_a_slow_line_while_the_temperature_moves() -> None:
    """With two decimals, and a value that moves by some between two requests, the scale is known all the same."""
    rig = OvenRig((EUROTHERM,), quirks=OvenQuirks(decimals=2, noise_k=0.2))
    rig.line.quirks.reply_delay_s = 0.9
    for _ in range(10):
        await rig.driver.open()
        assert (await rig.driver.read()).target_degc == 25.0
        await rig.driver.close()
    await rig.close()


async def test_decimals_changed_at_the_panel_make_no_number_ten_times_wrong() -> None:
    """Decimals that change while the line is open are learnt anew before a reading is believed or an order is sent."""
    rig = await _opened()
    await rig.driver.set_target(60.0)
    await asyncio.sleep(3 * 3600)
    await rig.driver.read()
    rig.oven.quirks.decimals = 2
    reading = await rig.driver.read()
    assert reading.temperature_degc == pytest.approx(60.0, abs=0.15)
    assert (reading.target_degc, reading.faults) == (60.0, frozenset())
    rig.oven.quirks.decimals = 0
    await rig.driver.set_target(50.0)
    assert rig.oven.target_degc == 50.0
    await rig.close()


async def test_same_set_point_is_written_once() -> None:
    """An order that changes nothing writes nothing: the memory wears out."""
    rig = await _opened()
    for _ in range(5):
        await rig.driver.set_target(60.0)
    assert rig.oven.memory.writes == 1
    await rig.close()


async def test_writes_into_memory_are_limited_within_a_day() -> None:
    """The third set point of a day is refused where two are allowed, and accepted the day after."""
    rig = await _opened(most_writes_per_day=2)
    await rig.driver.set_target(50.0)
    await rig.driver.set_target(60.0)
    with pytest.raises(CannotRun, match="2 times within a day"):
        await rig.driver.set_target(70.0)
    assert rig.oven.target_degc == 60.0
    await rig.driver.set_target(25.0)  # the safe one, which is ordered where nobody knows how hot it is
    assert rig.oven.target_degc == 25.0
    await asyncio.sleep(86400)
    await rig.driver.set_target(70.0)
    assert rig.oven.target_degc == 70.0
    await rig.close()


async def test_worn_memory_is_not_confirmed() -> None:
    """A controller that acknowledges a write and keeps the old value is told by both values."""
    rig = await _opened(quirks=OvenQuirks(memory_writes=0))
    with pytest.raises(NotConfirmed, match="set point 60 ordered, 25 read back"):
        await rig.driver.set_target(60.0)
    await rig.close()


@pytest.mark.parametrize("target_degc", [4.9, 85.1, float("nan"), float("inf")])
async def test_target_outside_of_the_bench_files_limits_is_not_sent(target_degc: float) -> None:
    """The bench file's limits hold whatever the controller would take."""
    rig = await _opened()
    with pytest.raises(CannotRun, match="the limits of the bench file"):
        await rig.driver.set_target(target_degc)
    assert rig.controller.writes == 0
    await rig.close()


async def test_target_outside_of_the_controllers_limits_is_refused() -> None:
    """A controller's own limits are read where there are registers for them, else its exception is told."""
    rig = await _opened(EUROTHERM, OMRON, quirks=OvenQuirks(high_degc=70.0))
    with pytest.raises(CannotRun, match="limits of its controller"):
        await rig.drivers[0].set_target(80.0)
    with pytest.raises(Refused, match=r"takes no set point of 80: .*exception 3"):
        await rig.drivers[1].set_target(80.0)
    assert [oven.target_degc for oven in rig.ovens] == [25.0, 25.0]
    await rig.close()


async def test_ramp_is_ordered_with_its_set_point_and_put_back() -> None:
    """The working set point moves as ordered; the next order without a ramp brings the controller's own back."""
    rig = await _opened()
    rig.oven.ramp_k_per_min = 5.0
    await rig.driver.set_target(45.0, ramp_k_per_min=2.0)
    await asyncio.sleep(300)
    reading = await rig.driver.read()
    assert reading.working_degc == pytest.approx(35.0, abs=0.2)
    assert reading.target_degc == 45.0
    await rig.driver.set_target(40.0)
    assert rig.oven.ramp_k_per_min == 5.0
    await rig.close()


@pytest.mark.parametrize("ramp", [0.0, -1.0, 0.01, float("nan"), float("inf")])
async def test_ramp_that_no_controller_has_is_refused(ramp: float) -> None:
    """Nothing is sent for a ramp of nothing, or one below the smallest step."""
    rig = await _opened()
    with pytest.raises(CannotRun):
        await rig.driver.set_target(45.0, ramp_k_per_min=ramp)
    assert rig.controller.writes == 0
    await rig.close()


async def test_omron_without_a_ramp_says_so() -> None:
    """A map without a ramp refuses one."""
    rig = await _opened(OMRON)
    with pytest.raises(CannotRun, match="has no ramp"):
        await rig.driver.set_target(45.0, ramp_k_per_min=1.0)
    await rig.close()


async def test_remote_set_point_is_refreshed_before_it_falls_back() -> None:
    """With refresh_s a set point that is stored nowhere outlives the controller's time-out; without it is told."""
    for refresh_s in (None, 30.0):
        rig = await _opened(quirks=OvenQuirks(remote_timeout_s=60.0), set_point="volatile", refresh_s=refresh_s)
        await rig.driver.set_target(60.0)
        for _ in range(30):
            await asyncio.sleep(10)
            await rig.driver.read()
        reading = await rig.driver.read()
        assert (OvenFault.NOT_CONTROLLING in reading.faults) == (refresh_s is None)
        assert rig.oven.target_degc == (25.0 if refresh_s is None else 60.0)
        await rig.close()


async def test_remote_set_point_counts_only_once_it_is_there() -> None:
    """The oven never follows an old remote set point: it is written before the oven is switched to it."""
    rig = await _opened(set_point="volatile")
    rig.oven.remote_degc = 200.0
    ordering = asyncio.create_task(rig.driver.set_target(60.0))
    while not ordering.done():
        assert rig.oven.target_degc in {25.0, 60.0}
        await asyncio.sleep(0.001)
    assert rig.oven.target_degc == 60.0
    await rig.close()


async def test_stored_set_point_survives_a_power_cut_and_a_volatile_one_does_not() -> None:
    """What returns after a power cut is what the memory had, and the driver tells a set point that is not its own."""
    for keeping, expected in ((SetPointKeeping.STORED, 60.0), (SetPointKeeping.VOLATILE, 25.0)):
        rig = await _opened(OMRON, set_point=keeping)
        await rig.driver.set_target(60.0)
        rig.oven.cut_power()
        await asyncio.sleep(60)
        rig.oven.restore_power()
        await asyncio.sleep(60)
        reading = await rig.driver.read()
        assert reading.target_degc == expected
        assert (OvenFault.CHANGED_BY_HAND in reading.faults) == (expected != 60.0)
        await rig.close()


async def test_optional_register_that_is_not_there_is_left_out() -> None:
    """A controller without the registers that print does not promise is read all the same."""
    rig = OvenRig()
    rig.controller.quirks.no_register = frozenset({199, 273})
    await rig.driver.open()
    rig.oven.switch_to_manual(0.5)
    assert (await rig.driver.read()).faults == {OvenFault.NOT_CONTROLLING}
    await rig.close()


@pytest.mark.parametrize("hole", [None, 0x8000])
async def test_map_that_does_not_fit_is_named_before_any_order(hole: int | None) -> None:
    """A controller without a set point where the map looks for it gets no order, whatever its holes answer."""
    rig = await _opened(addresses={"setpoint": 77}, scale=0.1)
    rig.controller.quirks.hole_value = hole
    with pytest.raises(BadReply, match="does the register map fit"):
        await rig.driver.set_target(60.0)
    assert rig.controller.writes == 0
    await rig.close()


@pytest.mark.parametrize(
    ("model", "register", "bit", "fault"),
    [
        (EUROTHERM, 75, 0, OvenFault.ALARM),
        (EUROTHERM, 75, 3, OvenFault.ALARM),
        (EUROTHERM, 75, 4, OvenFault.NOT_CONTROLLING),
        (EUROTHERM, 75, 5, OvenFault.SENSOR_OPEN),
        (EUROTHERM, 75, 6, OvenFault.HEATER_OPEN),
        (EUROTHERM, 75, 10, OvenFault.SENSOR_OPEN),
        (EUROTHERM, 75, 13, None),
        (EUROTHERM, 75, 14, OvenFault.NOT_CONTROLLING),
        (OMRON, 0x2406, 2, OvenFault.ALARM),
        (OMRON, 0x2406, 6, OvenFault.SENSOR_OPEN),
        (OMRON, 0x2406, 10, OvenFault.HEATER_OPEN),
        (OMRON, 0x2406, 12, OvenFault.ALARM),
        (OMRON, 0x2407, 20 - 16, None),
        (OMRON, 0x2407, 24 - 16, OvenFault.NOT_CONTROLLING),
        (OMRON, 0x2407, 26 - 16, OvenFault.NOT_CONTROLLING),
    ],
)
async def test_bits_of_a_status_are_the_faults_of_the_reference(
    model: str, register: int, bit: int, fault: OvenFault | None
) -> None:
    """Each bit of a status word by its number (reference smu-and-ovens, sections 19 and 20)."""
    rig = await _opened(model)
    rig.controller.registers[register] = (f"constant {1 << bit}", "word")
    reading = await rig.driver.read()
    assert reading.faults == ({fault} if fault else frozenset())
    assert (reading.temperature_degc is None) == (fault is OvenFault.SENSOR_OPEN)
    await rig.close()


async def test_line_that_echoes_is_read_with_echo_and_named_without() -> None:
    """An adapter that gives back what is sent: with ``echo`` all is well, without it the setting is named."""
    for model in (EUROTHERM, OMRON):
        rig = OvenRig((model,), link={"echo": True})
        rig.line.quirks.echo = True
        await rig.driver.open()
        await rig.driver.set_target(60.0)
        assert rig.oven.target_degc == (await rig.driver.read()).target_degc == 60.0
        await rig.close()
        rig = OvenRig((model,))
        rig.line.quirks.echo = True
        with pytest.raises(BadReply, match="set echo = true for it"):
            await rig.driver.set_target(60.0)
        assert rig.controller.writes == 0
        await rig.close()


async def test_order_that_is_cancelled_or_refused_accuses_nobody() -> None:
    """After an order without an end no set point is called another's; after a refused one the last is still ours."""
    rig = await _opened(OMRON, quirks=OvenQuirks(high_degc=70.0))
    await rig.driver.set_target(60.0)
    with pytest.raises(Refused):
        await rig.driver.set_target(80.0)
    assert (await rig.driver.read()).faults == frozenset()
    rig.oven.set_at_panel(50.0)
    assert (await rig.driver.read()).faults == {OvenFault.CHANGED_BY_HAND}
    ordering = asyncio.create_task(rig.driver.set_target(65.0))
    for _ in range(10_000):
        await asyncio.sleep(0.001)
        if rig.oven.target_degc == 65.0:
            break
    ordering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ordering
    assert (await rig.driver.read()).faults == frozenset()
    assert (await rig.driver.read()).target_degc == 65.0
    await rig.close()
