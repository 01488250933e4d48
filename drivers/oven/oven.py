"""An oven whose controller speaks Modbus, as an ``Oven``: clamped, compared, written once, and read back."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from drivers.errors import BadReply, CannotRun, ConnectionFailed, NoReply, NotConfirmed, OutcomeUnknown
from drivers.oven.controller import Controller
from drivers.oven.fault_judge import FaultJudge
from drivers.oven.link import ModbusLink
from drivers.oven.register_map import FAULT_OF_BIT, Preparation, RampRegister, Register, WriteMap, WriteRegister
from drivers.oven.settings import OvenSettings
from drivers.oven.wire import RefusedByUnit, Request
from drivers.temperatures import OvenFault, OvenReading

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ATTEMPTS = 2
_DAY_S = 86400.0
_ROUNDING = 0.51
"""Two numbers that lie so much of a controller's last digit apart are one."""
_PER_MINUTE = {0: 1.0, 1: 60.0, 2: 1.0 / 60.0}
"""A kelvin a minute in the units of a ramp that a controller may be set to: a minute, an hour, a second."""
_UNIT_NUMBERS = {"K/min": 0, "K/h": 1, "K/s": 2}


class ModbusOven:
    """One oven on a link that it may share with others.

    ::

        (oven,) = ovens_of([settings], wall_time)
        await oven.open()                       # the right controller answers, and its scale is known
        await oven.set_target(60.0)             # compared, written once, read back
        reading = await oven.read()
        await oven.close()                      # the oven goes on at its set point
    """

    def __init__(self, settings: OvenSettings, link: ModbusLink, clock: Callable[[], float]) -> None:
        self.name = settings.name
        self.low_degc = settings.low_degc
        self.high_degc = settings.high_degc
        self.stored_writes = 0
        """How often this process has written into memory of the controller that wears out."""
        self._settings = settings
        self._link = link
        self._clock = clock
        self._controller = Controller(settings, link)
        self._judge = FaultJudge(settings.still_s)
        self._is_open = False
        # What was ordered last and confirmed, and what of the controller's own ramp an order has replaced.
        self._ordered_degc: float | None = None
        self._last_target_degc: float | None = None
        self._own_ramp: float | None = None
        self._refreshed_s = 0.0
        self._stored_at_s: deque[float] = deque()
        self._written_s: dict[int, float] = {}

    @property
    def identity(self) -> str:
        """Return who answered last, for people; empty before."""
        found = self._controller.identity
        if not found:
            return ""
        shown = ", ".join(f"{name} {value}" for name, value in found.items() if name != "loopback")
        return f"{self._controller.registers.name} as unit {self._settings.link.unit} at {self._link.name}: {shown}"

    @property
    def set_point_step_k(self) -> float:
        """Return the smallest difference of two set points."""
        return self._step(self._settings.way.setpoint)

    @property
    def own_limits_degc(self) -> tuple[float, float] | None:
        """Return between which set points the controller said that it takes one; None where it tells no limits."""
        return self._controller.limits_degc

    async def open(self) -> None:
        """Connect and check the identity. Raises ConnectionFailed."""
        async with self._link.turn:
            if not self._is_open:
                self._is_open = True
                self._link.users += 1
            await self._controller.connect(at_once=True)
            self._controller.pauses.answered()

    async def close(self) -> None:
        """Drop the connection, if no other oven uses the line; the oven goes on at its set point."""
        async with self._link.turn:
            if self._is_open:
                self._is_open = False
                self._link.users -= 1
            if self._link.users == 0:
                await self._link.drop()

    async def read(self) -> OvenReading:
        """Read all values, and conclude faults from these and those before.

        Raises ConnectionFailed: at once while an oven that failed is left alone.
        """
        async with self._link.turn:
            values = await self._values()
            if self._last_target_degc not in {None, values["setpoint"]}:
                # Either somebody has changed the set point, or the decimals of the display and with them all numbers.
                values = await self._values(anew=True)
            self._last_target_degc = values["setpoint"]
            await self._refresh(values["setpoint"])
        reading = self._reading(values)
        return replace(reading, faults=reading.faults | self._judge.feed(reading))

    async def ask(self, request: Request) -> tuple[int, ...]:
        """Send one request that no run has need of, and return its registers, unscaled: for a commissioning.

        Raises ConnectionFailed; RefusedByUnit for an exception, by whose code it is told.
        """
        async with self._link.turn:
            await self._controller.connect(at_once=True)
            return await self._link.ask(request)

    async def set_target(self, target_degc: float, ramp_k_per_min: float | None = None) -> None:
        """Order a set point, with a ramp where one is given; without one the controller's own is left, or put back.

        Raises CannotRun outside of the limits of settings and controller, or when its memory was written too often
        today; ConnectionFailed when nothing was sent; Refused; NotConfirmed when another value is read back;
        OutcomeUnknown when nobody can tell.
        """
        self._check_limits(target_degc, (self.low_degc, self.high_degc), "the limits of the bench file")
        if ramp_k_per_min is not None and not 0.0 < ramp_k_per_min < math.inf:
            raise CannotRun(f"{self.name}: a ramp of {ramp_k_per_min:g} K/min; write one above 0, or none")
        async with self._link.turn:
            # A number ten times as large would be an order too: decimals are asked before each.
            there = self._target(await self._values(at_once=True, anew=True))
            if self._controller.limits_degc is not None:
                self._check_limits(target_degc, self._controller.limits_degc, "the limits of its controller")
            before, self._ordered_degc = self._ordered_degc, None
            try:
                await self._order(target_degc, ramp_k_per_min, there)
            except (CannotRun, RefusedByUnit):
                self._ordered_degc = before
                raise
            # After any other error nobody knows which set point is ours.
            self._ordered_degc, self._last_target_degc = target_degc, None

    async def _order(self, target_degc: float, ramp_k_per_min: float | None, there: float) -> None:
        """Order ramp and set point, where ``there`` is the present one, and make it count."""
        way, readback = self._settings.way, self._controller.registers.read["setpoint"]
        await self._order_ramp(way, ramp_k_per_min)
        ahead = [one for one in way.prepare if one.first or one.command is not None]
        await self._prepare(ahead)
        if ahead:
            # It may have brought another one back.
            there = self._target({"setpoint": await self._asked(self._controller.value_at(readback), "set point")})
        if not self._is_same(way.setpoint, target_degc, there):
            await self._write(way.setpoint, target_degc, way.function, readback, "set point")
        await self._prepare([one for one in way.prepare if one not in ahead])
        self._refreshed_s = asyncio.get_running_loop().time()

    async def _refresh(self, there: float | None) -> None:
        """Write a set point that is stored nowhere again, before the controller falls back to its own."""
        loop, entry, ordered = asyncio.get_running_loop(), self._settings.way.setpoint, self._ordered_degc
        every_s = self._settings.refresh_s
        if every_s is None or ordered is None or loop.time() - self._refreshed_s < every_s or not entry.volatile:
            return
        if there is not None and self._is_same(entry, ordered, there):
            self._refreshed_s = loop.time()
            words, _ = self._controller.words_for(entry, ordered)
            try:
                await self._controller.write(entry, words, self._settings.way.function)
            except (ConnectionFailed, RefusedByUnit) as err:
                logger.warning("%s: its set point could not be refreshed: %s", self.name, err)

    # Reading -----------------------------------------------------------------------------------------------------

    async def _values(self, *, at_once: bool = False, anew: bool = False) -> dict[str, float | None]:
        """Read all values; ``anew``: after asking again who it is, and its decimals.

        Once more on a new connection if that fails, but not for an oven that has failed before: others wait.
        """
        attempts = 1 if self._controller.pauses.has_failed else _ATTEMPTS
        for attempt in range(1, attempts + 1):
            await self._controller.connect(at_once=at_once or attempt > 1)
            try:
                if anew:
                    await self._controller.greet_again()
                values = await self._controller.values()
            except ConnectionFailed as err:
                if not isinstance(err, NoReply):
                    await self._link.drop(after_fault=True)
                logger.info("%s: reading failed, attempt %d: %s", self.name, attempt, err)
                if attempt == attempts:
                    self._controller.pauses.failed(err)
                    raise
            else:
                self._controller.pauses.answered()
                return values
        raise AssertionError("unreachable")

    def _target(self, values: Mapping[str, float | None]) -> float:
        """Return the set point. Raises BadReply where there is none, before anything is ordered by this map."""
        if (target := values["setpoint"]) is None:
            raise BadReply(f"{self.name} has no set point that is a number; does the register map fit this instrument?")
        return target

    def _reading(self, values: Mapping[str, float | None]) -> OvenReading:
        """Make a reading of the map's values."""
        temperature, target = values["pv"], self._target(values)
        faults = {fault for name in values for fault in self._faults_of(name, values[name])}
        if temperature is None:
            faults.add(OvenFault.SENSOR_OPEN)
        if OvenFault.SENSOR_OPEN in faults:
            # A controller goes on showing a rail or an old value (reference smu-and-ovens, section 19).
            temperature = None
        ordered = self._ordered_degc
        if ordered is not None and not self._is_same(self._settings.way.setpoint, ordered, target):
            faults.add(OvenFault.CHANGED_BY_HAND)
        working = values.get("working_sp")
        return OvenReading(
            temperature_degc=temperature,
            target_degc=target,
            working_degc=target if working is None else working,
            output_percent=values.get("output"),
            unix_time_s=self._clock(),
            faults=frozenset(faults),
        )

    def _faults_of(self, name: str, value: float | None) -> set[OvenFault]:
        """Return what a value says that the controller reports itself."""
        entry = self._controller.registers.read[name]
        if value is None:
            return set()
        found = {
            fault
            for bit, number in entry.bits.items()
            if int(value) >> number & 1 and (fault := FAULT_OF_BIT[bit]) is not None
        }
        if entry.running and int(value) not in entry.running:
            found.add(OvenFault.NOT_CONTROLLING)
        return found

    # Ordering ----------------------------------------------------------------------------------------------------

    def _check_limits(self, target_degc: float, ends: tuple[float, float], whose: str) -> None:
        if not ends[0] <= target_degc <= ends[1]:
            raise CannotRun(f"{self.name}: {target_degc:g} degC is not within {ends[0]:g} to {ends[1]:g} degC: {whose}")

    def _is_same(self, entry: WriteRegister, one: float, other: float) -> bool:
        return abs(one - other) <= _ROUNDING * self._step(entry)

    def _step(self, entry: WriteRegister) -> float:
        """Return the smallest difference that a register can show; of floating-point numbers a thousandth."""
        return 1e-3 if entry.type.value == "f32" else self._controller.scale_of(entry)

    async def _order_ramp(self, way: WriteMap, ramp_k_per_min: float | None) -> None:
        """Set the controller's ramp, or put back the one that an earlier order of ours has replaced."""
        ramp = way.ramp
        if ramp is None:
            if ramp_k_per_min is not None:
                raise CannotRun(f"{self.name}: its register map has no ramp; order the set point without one")
            return
        if ramp_k_per_min is None and self._own_ramp is None:
            return
        there = await self._asked(self._controller.value_at(ramp), "ramp")
        if there is None:
            raise NotConfirmed(f"{self.name}: its ramp cannot be read")
        if ramp_k_per_min is None:
            wanted, self._own_ramp = self._own_ramp or 0.0, None
        else:
            wanted = ramp_k_per_min * await self._asked(self._ramp_unit(ramp), "unit of the ramp")
            if not self._is_same(ramp, wanted, there) and self._own_ramp is None:
                self._own_ramp = there
            if round(wanted / self._step(ramp)) == 0:
                raise CannotRun(f"{self.name}: {ramp_k_per_min:g} K/min is below the controller's smallest ramp")
        if not self._is_same(ramp, wanted, there):
            await self._write(ramp, wanted, way.function, ramp, "ramp")

    async def _ramp_unit(self, ramp: RampRegister) -> float:
        """Return what a kelvin a minute is in the unit that the controller has."""
        unit: float | None = _UNIT_NUMBERS[ramp.unit]
        if ramp.unit_address is not None:
            unit = await self._controller.value_at(WriteRegister(address=ramp.unit_address))
        if unit not in _PER_MINUTE:
            raise NotConfirmed(f"{self.name}: the unit of its ramp is number {unit}, which is none of 0, 1, 2")
        return _PER_MINUTE[int(unit)]

    async def _asked(self, question: Awaitable[T], what: str) -> T:
        """Await an answer in the middle of an order. Raises Refused, or ConnectionFailed with the line closed."""
        try:
            return await question
        except RefusedByUnit as err:
            raise RefusedByUnit(f"{self.name}: its {what} cannot be read: {err}", err.code) from err

    async def _prepare(self, preparations: Sequence[Preparation]) -> None:
        """Make a set point count."""
        try:
            await self._controller.prepare(preparations, self._settings.way.function)
        except RefusedByUnit as err:
            raise RefusedByUnit(f"{self.name} refuses what makes its set point count: {err}", err.code) from err
        except ConnectionFailed as err:
            raise OutcomeUnknown(f"{self.name}: whether its set point counts is not known: {err}") from err

    async def _write(self, entry: WriteRegister, value: float, function: int, readback: Register, what: str) -> None:
        """Write once, and read back. A lost reply is resolved by reading, never by writing again."""
        for end, beyond in ((entry.min, -1.0), (entry.max, 1.0)):
            if end is not None and (value - end) * beyond > 0:
                raise CannotRun(f"{self.name}: its register map takes no {what} of {value:g}; the end is {end:g}")
        words, held = self._controller.words_for(entry, value)
        self._count(entry, is_safe=what == "set point" and value == self._settings.safe_degc)
        await self._wait_for_turn_of(entry)
        lost = ""
        try:
            await self._controller.write(entry, words, function)
        except RefusedByUnit as err:
            raise type(err)(f"{self.name} takes no {what} of {value:g}: {err}", err.code) from err
        except ConnectionFailed as err:
            lost = f"; the reply to the order was lost: {err}"
        try:
            await self._controller.connect(at_once=True)
            there = await self._controller.value_at(readback)
        except (ConnectionFailed, RefusedByUnit) as err:
            await self._link.drop(after_fault=True)
            raise OutcomeUnknown(
                f"{self.name}: {what} {value:g} was sent and cannot be read back: {err}{lost}; look at its display"
            ) from err
        if there is None or not self._is_same(entry, held, there):
            shown = "no value" if there is None else f"{there:g}"
            raise NotConfirmed(f"{self.name}: {what} {value:g} ordered, {shown} read back{lost}")

    def _count(self, entry: WriteRegister, *, is_safe: bool) -> None:
        """Count a write into memory that wears out. Raises CannotRun above the number of a day, but for a safe one."""
        if entry.volatile:
            return
        now_s, most = self._clock(), self._settings.most_writes_per_day or entry.max_writes_per_day
        while self._stored_at_s and self._stored_at_s[0] <= now_s - _DAY_S:
            self._stored_at_s.popleft()
        if len(self._stored_at_s) >= most and not is_safe:
            raise CannotRun(
                f"{self.name}: its memory was written {most} times within a day, and wears out; order fewer set "
                'points, set set_point = "volatile", or raise most_writes_per_day'
            )
        self._stored_at_s.append(now_s)
        self.stored_writes += 1

    async def _wait_for_turn_of(self, entry: WriteRegister) -> None:
        """Keep the time between two writes of a register that its map asks for."""
        loop = asyncio.get_running_loop()
        written_s = self._written_s.get(entry.address, -1e9)
        await asyncio.sleep(max(0.0, written_s + entry.min_interval_s - loop.time()))
        self._written_s[entry.address] = loop.time()
