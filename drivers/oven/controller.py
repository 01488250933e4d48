"""One controller on a line: who it is, how its numbers are scaled, and its registers by name.

Nothing but questions goes to a unit whose identity was not read since the line was opened (fault A02). After a fault
the first reading is enclosed by two identity readings, so that a late reply cannot be taken for a value (reference
smu-and-ovens, sections 24 and 25).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from drivers.errors import BadReply, ConnectionFailed
from drivers.oven.link import ModbusLink
from drivers.oven.register_map import (
    Decimals,
    IdentityRegister,
    Preparation,
    ReadRegister,
    Register,
    RegisterType,
    WriteRegister,
)
from drivers.oven.settings import OvenSettings
from drivers.oven.values import number_of, registers_of, scaled
from drivers.oven.wire import NO_REGISTER, RefusedByUnit, Request
from drivers.transport.pauses import Pauses

logger = logging.getLogger(__name__)

_DECIMALS_MOST = 3
_SCALES = (1.0, 0.1, 0.01, 0.001)
# A temperature that moves between two requests is looked at again.
_LOOKS = 3
_MOVES_K = 0.5
"""So far a temperature may move between two requests: a second on a slow line, noise included. Scales are ten apart."""
_TOKEN_STEP = 0x9E37
"""Each loop back sends another number, so that the reply to an earlier one is seen to be late."""


class Controller:
    """The registers of one unit of a link. Its caller holds the link's turn."""

    def __init__(self, settings: OvenSettings, link: ModbusLink) -> None:
        self.registers = settings.registers
        self.identity: dict[str, int] = {}
        """What the identity registers held when the unit was last asked who it is."""
        self.limits_degc: tuple[float, float] | None = None
        self._settings = settings
        self._link = link
        self._unit = settings.link.unit
        self._scale = 1.0
        self._absent: frozenset[str] = frozenset()
        self._generation = -1
        self._token = 0
        self._must_prove = False
        self.pauses = Pauses(settings.reconnect_first_s, settings.reconnect_longest_s)

    # Connecting --------------------------------------------------------------------------------------------------

    async def connect(self, *, at_once: bool) -> None:
        """Make sure that the right unit answers. Raises ConnectionFailed.

        A unit that failed is left alone for a while, since its silence holds up the others of its line; ``at_once``
        asks it all the same.
        """
        if not at_once:
            self.pauses.check()
        try:
            if not await self._link.connect(self._greet) and self._generation != self._link.generation:
                await self._greet()
        except ConnectionFailed as err:
            self.pauses.failed(err)
            raise

    async def _greet(self) -> None:
        await self._check_identity()
        try:
            self._scale = await self._read_scale()
            self._absent = await self._absent_registers()
            self.limits_degc = await self._read_limits()
        except RefusedByUnit as err:
            raise BadReply(f"{self._name}: {err}; does the register map fit this instrument?") from err
        self._generation = self._link.generation
        self._must_prove = True

    async def greet_again(self) -> None:
        """Ask once more who it is and how its numbers are scaled: a person may have changed the display's decimals."""
        await self._greet()

    @property
    def _name(self) -> str:
        return f"{self._settings.name} at {self._link.name}"

    async def _check_identity(self) -> None:
        """Read the identity. Raises ConnectionFailed where it is another instrument's."""
        found = {}
        for entry in self.registers.identity:
            try:
                found[entry.name] = await self._identity_value(entry)
            except RefusedByUnit as err:
                raise ConnectionFailed(
                    f"{self._name}: {err}, so that it is no {self.registers.name}; it was told nothing else"
                ) from err
            if problem := self._identity_problem(entry, found[entry.name]):
                raise ConnectionFailed(
                    f"{self._name} has {entry.name} {found[entry.name]}, {problem}; it was told nothing else: check "
                    "which adapter is plugged in where, and `unit` and `identity` in the bench file"
                )
        self.identity = found

    async def _identity_value(self, entry: IdentityRegister) -> int:
        if entry.loopback:
            self._token = (self._token + _TOKEN_STEP) & 0xFFFF
            await self._link.ask(Request(self._unit, 8, values=(self._token,)))
            return 0
        return (await self._read(entry.address or 0, 1))[0]

    def _identity_problem(self, entry: IdentityRegister, value: int) -> str:
        wanted: int | None = self._settings.identity.get(entry.name)
        if wanted is None and entry.equals is not None:
            wanted = self._unit if entry.equals == "unit" else entry.equals
        if wanted is not None and value != wanted:
            return f"expected {wanted}"
        if entry.at_most is not None and value > entry.at_most:
            return f"expected {entry.at_most} at most"
        before = self.identity.get(entry.name, value)
        # A number of decimals is no name: a person may change it.
        if wanted is None and entry.at_most is None and before != value:
            return f"and had {before} before"
        return ""

    async def _read_scale(self) -> float:
        """Learn what a display's decimals make of the integers."""
        if self._settings.scale != "read":
            return float(self._settings.scale)
        decimals = self.registers.decimals
        if decimals is None:
            return 1.0
        try:
            return await self._learnt_scale(decimals)
        except RefusedByUnit as err:
            raise BadReply(f"{self._name}: its decimals cannot be asked: {err}; set scale in the bench file") from err

    async def _learnt_scale(self, decimals: Decimals) -> float:
        if decimals.address is not None:
            number = (await self._read(decimals.address, 1))[0]
            if number > _DECIMALS_MOST:
                raise BadReply(f"{self._name} says that it shows {number} decimals")
            return _SCALES[number]
        pairs: list[tuple[float, float]] = []
        for _ in range(_LOOKS):
            pairs = [await self._both_ways(address, decimals.float_area or 0) for address in decimals.compare]
            if len(fitting := _fitting(pairs)) == 1:
                return fitting[0]
        shown = ", ".join(f"{integer:g} and {exact:g}" for integer, exact in pairs)
        raise BadReply(
            f"{self._name}: its decimals cannot be learnt from values read as integer and as floating-point number "
            f"({shown}); set scale in the bench file"
        )

    async def _both_ways(self, address: int, float_area: int) -> tuple[float, float]:
        integer = number_of(RegisterType.I16, await self._read(address, 1), self.registers.word_order)
        exact = number_of(RegisterType.F32, await self._read(float_area + 2 * address, 2), self.registers.word_order)
        # A value that is none in either form says nothing.
        return (0.0, 0.0) if integer is None or exact is None else (integer, exact)

    async def _absent_registers(self) -> frozenset[str]:
        absent = set()
        for name, entry in self.registers.read.items():
            if entry.optional:
                try:
                    await self._read(entry.address, entry.type.words)
                except RefusedByUnit as err:
                    logger.info("%s: %s is left out: %s", self._name, name, err)
                    absent.add(name)
        return frozenset(absent)

    async def _read_limits(self) -> tuple[float, float] | None:
        """Read between which set points the controller takes one."""
        if self.registers.limits is None:
            return None
        entry = self.registers.read["setpoint"]
        ends = [await self.value_at(entry, address) for address in self.registers.limits]
        return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])

    # Reading -----------------------------------------------------------------------------------------------------

    async def values(self) -> dict[str, float | None]:
        """Read all that the map reads, by name; None where the controller has no valid value.

        Raises ConnectionFailed, also for an exception: what was read before can be read again.
        """
        try:
            held: dict[int, int] = {}
            for address, count in self.registers.requests(self._absent):
                held |= dict(enumerate(await self._read(address, count), address))
            if self._must_prove:
                await self._check_identity()
                self._must_prove = False
        except RefusedByUnit as err:
            raise BadReply(f"{self._name}: {err}; does the register map fit this instrument?") from err
        found: dict[str, float | None] = {}
        for name, entry in self.registers.read.items():
            if name not in self._absent:
                words = [held[entry.address + n] for n in range(entry.type.words)]
                found[name] = self._valid(entry, words)
        return found

    async def value_at(self, entry: Register, address: int | None = None) -> float | None:
        """Read one value; at another ``address`` if given."""
        words = await self._read(entry.address if address is None else address, entry.type.words)
        return scaled(number_of(entry.type, words, self.registers.word_order), self.scale_of(entry))

    def scale_of(self, entry: Register) -> float:
        """Return what one step of an entry's number is worth."""
        return self._scale if entry.scale == "decimals" else float(entry.scale)

    def _valid(self, entry: ReadRegister, words: Sequence[int]) -> float | None:
        value = scaled(number_of(entry.type, words, self.registers.word_order), self.scale_of(entry))
        if value is None or (entry.valid is not None and not entry.valid[0] <= value <= entry.valid[1]):
            return None
        return value

    async def _read(self, address: int, count: int) -> tuple[int, ...]:
        return await self._link.ask(Request(self._unit, self.registers.read_function, address, count))

    # Writing -----------------------------------------------------------------------------------------------------

    async def prepare(self, preparations: Sequence[Preparation], function: int) -> None:
        """Make a set point count. Registers are compared before they are written; a command is sent each time."""
        for one in preparations:
            if one.command is not None:
                await self._link.ask(Request(self._unit, 6, 0, values=(one.command,)))
            elif one.address is not None and one.value is not None:
                try:
                    (there,) = await self._read(one.address, 1)
                except RefusedByUnit as err:
                    if err.code == NO_REGISTER:
                        continue
                    raise
                if there != one.value:
                    await self._link.ask(Request(self._unit, function, one.address, values=(one.value,)))

    def words_for(self, entry: WriteRegister, value: float) -> tuple[tuple[int, ...], float]:
        """Return a value's registers, and the value that they hold. Raises CannotRun where they cannot."""
        return registers_of(entry, value, self.scale_of(entry), self.registers.word_order)

    async def write(self, entry: WriteRegister, words: tuple[int, ...], function: int) -> None:
        """Write a value once. Raises RefusedByUnit when nothing changed, ConnectionFailed when nobody knows."""
        used = 16 if len(words) > 1 else function
        await self._link.ask(Request(self._unit, used, entry.address, values=words))


def _fitting(pairs: Sequence[tuple[float, float]]) -> list[float]:
    """Return the scales under which values read as integers are those read as floating-point numbers."""
    if not any(integer for integer, _ in pairs):
        return []
    return [scale for scale in _SCALES if all(_is_one(integer * scale, exact, scale) for integer, exact in pairs)]


def _is_one(number: float, exact: float, scale: float) -> bool:
    return abs(number - exact) <= max(scale, _MOVES_K)
