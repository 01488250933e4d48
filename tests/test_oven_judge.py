"""What is concluded from an oven's readings: each fault in its time, and none in an oven that is well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from drivers.oven.fault_judge import FaultJudge
from drivers.temperatures import OvenFault, OvenReading
from simulators.oven.oven import OvenQuirks, SimulatedOven
from tests.figures import Figure
from tests.oven_rig import EUROTHERM, OMRON, OvenRig


def _readings(degc: Sequence[float], output: Sequence[float], every_s: float = 5.0) -> list[OvenReading]:
    return [OvenReading(t, 60.0, 60.0, o, every_s * n) for n, (t, o) in enumerate(zip(degc, output, strict=True))]


def _judged(readings: Sequence[OvenReading]) -> frozenset[OvenFault]:
    judge, found = FaultJudge(), frozenset[OvenFault]()
    for reading in readings:
        found = judge.feed(reading)
    return found


@pytest.mark.parametrize(
    ("readings", "faults"),
    [
        pytest.param(_readings([56.0] * 122, [10.0] * 121 + [15.1]), {OvenFault.SENSOR_FROZEN}, id="frozen"),
        pytest.param(_readings([56.0] * 121, [10.0] * 120 + [15.1]), set(), id="frozen for ten minutes only"),
        pytest.param(_readings([56.0] * 122, [10.0] * 121 + [15.0]), set(), id="output hardly moved"),
        pytest.param(_readings([56.0] * 121 + [56.1], [10.0] * 121 + [99.0]), set(), id="value moved"),
        pytest.param(_readings([60.1] * 721, [10.0] * 720 + [15.1]), set(), id="settled for an hour"),
        pytest.param(_readings([60.1] * 722, [10.0] * 721 + [15.1]), {OvenFault.SENSOR_FROZEN}, id="frozen there"),
        pytest.param(_readings([60.0 + 0.05 * n for n in range(25)], [0.9] * 25), {OvenFault.HEATER_STUCK}, id="stuck"),
        pytest.param(_readings([60.0 + 0.05 * n for n in range(24)], [0.9] * 24), set(), id="stuck, not yet"),
        pytest.param(_readings([60.0 + 0.05 * n for n in range(25)], [1.0] * 25), set(), id="a little output"),
        pytest.param(_readings([60.0 + 0.04 * n for n in range(25)], [0.0] * 25), set(), id="slowly rising"),
        pytest.param(
            _readings([60.0 + (0.2 * n if n < 10 else 2.0) for n in range(25)], [0.0] * 25), set(), id="levelling off"
        ),
        pytest.param(_readings([60.0, 56.9], [10.0, 50.0], 30.0), {OvenFault.DOOR_OPEN}, id="door"),
        pytest.param(_readings([60.0, 57.0], [10.0, 50.0], 30.0), set(), id="not quite a door"),
        pytest.param(_readings([60.0, 56.0], [10.0, 50.0], 31.0), set(), id="slower than a door"),
        pytest.param(_readings([70.0, 66.0], [0.0, 0.0], 30.0), set(), id="cooled from above"),
        pytest.param(
            _readings([60.0 - 0.01 * n for n in range(61)], [95.1] * 61), {OvenFault.HEATER_OPEN}, id="heater open"
        ),
        pytest.param(_readings([60.0 - 0.01 * n for n in range(60)], [95.1] * 60), set(), id="heater, not yet"),
        pytest.param(_readings([60.0 - 0.01 * n for n in range(61)], [95.0] * 61), set(), id="output not full"),
        pytest.param(_readings([40.0 + 0.01 * n for n in range(61)], [99.0] * 61), set(), id="warming up"),
        pytest.param(
            _readings([60.0 - 0.0051 * n for n in range(61)], [99.0] * 61), {OvenFault.HEATER_OPEN}, id="falls"
        ),
        pytest.param(_readings([60.0 - 0.0049 * n for n in range(61)], [99.0] * 61), set(), id="hardly falls"),
        pytest.param(_readings([60.0, 58.0, 58.5, 57.0], [99.0] * 4, 100.0), set(), id="rises in between"),
        pytest.param(_readings([60.0, 58.0], [99.0] * 2, 300.0), set(), id="two readings are no fall"),
        pytest.param(_readings([60.0, 62.0], [0.0] * 2, 120.0), set(), id="two readings are no rise"),
    ],
)
def test_fault_is_concluded_exactly_within_its_bounds(readings: list[OvenReading], faults: set[OvenFault]) -> None:
    """Each rule, just met and just not (reference smu-and-ovens, section 23)."""
    assert _judged(readings) == faults


def test_door_is_open_until_the_heat_is_back() -> None:
    """An open door stays a fault while the temperature is down, and ends when it has come back."""
    judge = FaultJudge()
    found = [
        OvenFault.DOOR_OPEN in judge.feed(reading)
        for reading in _readings([60, 55, 50, 50, 50, 52, 56, 57.5, 59], [99.0] * 9, 20.0)
    ]
    assert found == [False, True, True, True, True, True, True, False, False]


def test_door_that_nobody_closes_is_another_fault_after_half_an_hour() -> None:
    """An oven that does not come back is not called open for ever."""
    judge = FaultJudge()
    found = [
        OvenFault.DOOR_OPEN in judge.feed(reading) for reading in _readings([60.0] + [50.0] * 123, [99.0] * 124, 15.0)
    ]
    assert found == [False] + [True] * 121 + [False] * 2


def test_oven_that_tells_no_output_is_judged_by_its_temperature_alone() -> None:
    """Without an output only a door can be told."""
    rising = [OvenReading(60.0 + n, 60.0, 60.0, None, 60.0 * n) for n in range(30)]
    frozen = [OvenReading(56.0, 60.0, 60.0, None, 60.0 * n) for n in range(90)]
    assert _judged(rising) == _judged(frozen) == frozenset()
    assert _judged([rising[0], OvenReading(56.0, 60.0, 60.0, None, 30.0)]) == {OvenFault.DOOR_OPEN}


def test_gap_in_the_readings_joins_nothing() -> None:
    """What happened while nobody looked is not concluded from the readings around it."""
    assert _judged(_readings([60.0, 59.0, 58.0, 57.0], [99.0] * 4, 301.0)) == frozenset()


def test_reading_without_a_temperature_begins_anew() -> None:
    """What was seen before a sensor was open is not joined to what is seen after it."""
    readings = _readings([56.0] * 122, [10.0] * 121 + [15.1])
    broken = OvenReading(None, 60.0, 60.0, 10.0, 300.0)
    assert _judged([*readings[:60], broken, *readings[60:]]) == frozenset()


class Watch:
    """A simulated oven without a line, seen every five seconds as its display shows it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.oven = SimulatedOven(lambda: self.now_s)
        self._judge = FaultJudge()

    def look(self) -> frozenset[OvenFault]:
        """Look five seconds later."""
        self.now_s += 5.0
        oven = self.oven
        oven.advance()
        shown, output = round(oven.shown_degc, 1), round(100.0 * oven.output, 1)
        return self._judge.feed(OvenReading(shown, oven.target_degc, round(oven.working_degc, 1), output, self.now_s))

    def look_for(self, duration_s: float) -> set[OvenFault]:
        """Look for a while; give all that was told."""
        return {fault for _ in range(int(duration_s / 5.0)) for fault in self.look()}

    def until(self, fault: OvenFault, longest_s: float = 3600.0) -> tuple[float, set[OvenFault]]:
        """Look until a fault is told; give how long that took, and all that was told."""
        since_s, told = self.now_s, set[OvenFault]()
        while fault not in told and self.now_s - since_s < longest_s:
            told |= self.look()
        return self.now_s - since_s, told


@dataclass(frozen=True)
class Trouble:
    """What is done to an oven at 60 degC, what is to be told, and within how many seconds."""

    name: str
    do: Callable[[SimulatedOven], None]
    fault: OvenFault
    within_s: float


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("heater stuck", SimulatedOven.stick_heater, OvenFault.HEATER_STUCK, 240),
        Trouble("heater open", SimulatedOven.open_heater, OvenFault.HEATER_OPEN, 1800),
        Trouble("limiter tripped", SimulatedOven.trip_limiter, OvenFault.HEATER_OPEN, 1800),
        Trouble("door open", SimulatedOven.open_door, OvenFault.DOOR_OPEN, 40),
    ],
    ids=lambda one: one.name,
)
def test_trouble_that_no_controller_tells_is_concluded_in_its_time(trouble: Trouble, figure: Figure) -> None:
    """Fault C11: what happens to an oven at 60 degC is told by its name, in the stated time, and nothing else is."""
    watch = Watch()
    watch.oven.set_at_panel(60.0)
    assert watch.look_for(2.5 * 3600) == set()
    trouble.do(watch.oven)
    told_s, told = watch.until(trouble.fault)
    assert told == {trouble.fault}
    assert told_s < trouble.within_s
    figure("C11", f"{trouble.name}, told after", told_s, "s")


def test_sensor_that_freezes_below_the_set_point_is_told(figure: Figure) -> None:
    """Fault C12: the value stands still while the output climbs: told within twenty minutes."""
    watch = Watch()
    watch.oven.set_at_panel(60.0)
    while watch.oven.heat.sensor_degc < 56.0:
        assert watch.look() == frozenset()
    watch.oven.freeze_sensor()
    told_s, told = watch.until(OvenFault.SENSOR_FROZEN)
    assert told == {OvenFault.SENSOR_FROZEN}
    assert told_s < 1200.0
    figure("C12", "frozen sensor, told after", told_s, "s")


@pytest.mark.parametrize(
    ("targets", "ramp"),
    [((60.0, 80.0, 40.0, 60.0), 0.0), ((30.0, 32.0, 31.0, 29.0), 0.0), ((80.0, 25.0, 50.0), 2.0)],
)
def test_oven_that_is_well_is_never_suspected(targets: Sequence[float], ramp: float) -> None:
    """Warming up, overshooting, cooling down, turned back on the way, and holding: no fault in twelve hours."""
    watch = Watch()
    watch.oven.order_ramp(ramp)
    for target in targets:
        watch.oven.set_at_panel(target)
        assert watch.look_for(2.5 * 3600) == set()
    for target in (80.0, 40.0):
        watch.oven.set_at_panel(target)
        assert watch.look_for(400.0) == set()


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("heater stuck", SimulatedOven.stick_heater, OvenFault.HEATER_STUCK, 240),
        Trouble("sensor open", SimulatedOven.break_sensor, OvenFault.SENSOR_OPEN, 6),
        Trouble("manual", lambda oven: oven.switch_to_manual(0.3), OvenFault.NOT_CONTROLLING, 6),
        Trouble("standby", SimulatedOven.stand_by, OvenFault.NOT_CONTROLLING, 6),
        Trouble("panel", lambda oven: oven.set_at_panel(70.0), OvenFault.CHANGED_BY_HAND, 6),
    ],
    ids=lambda one: one.name,
)
@pytest.mark.parametrize("model", [EUROTHERM, OMRON])
async def test_driver_tells_the_trouble_of_its_oven(model: str, trouble: Trouble, figure: Figure) -> None:
    """Faults C11 and C12: of each controller, what it reports itself is told at the next reading, by its name alone."""
    rig = OvenRig((model,))
    await rig.driver.open()
    await rig.driver.set_target(60.0)
    await asyncio.sleep(2.5 * 3600)
    assert (await rig.driver.read()).faults == frozenset()
    trouble.do(rig.oven)
    told, told_s = frozenset[OvenFault](), 0.0
    while trouble.fault not in told and told_s < 600.0:
        await asyncio.sleep(5.0)
        told_s += 5.0
        reading = await rig.driver.read()
        told = reading.faults
    assert told == {trouble.fault}
    assert told_s < trouble.within_s
    figure("C12" if "sensor" in trouble.name else "C11", f"{model}: {trouble.name}, told after", told_s, "s")
    await rig.close()


@pytest.mark.parametrize("shown", ["rail", "stale"])
async def test_open_sensor_has_no_temperature(shown: str) -> None:
    """Fault C12: neither a rail nor an old value of an open sensor is a temperature; the output is the safe one."""
    rig = OvenRig(quirks=OvenQuirks(pv_on_sensor_break=shown))
    await rig.driver.open()
    rig.oven.break_sensor()
    await asyncio.sleep(5.0)
    reading = await rig.driver.read()
    assert reading.temperature_degc is None
    assert reading.faults == {OvenFault.SENSOR_OPEN}
    assert reading.output_percent == 0.0
    await rig.close()
