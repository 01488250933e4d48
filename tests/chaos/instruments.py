"""An oven around some channels of the rack, and source meters beside it: they outlive the service that drives them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from drivers.oven.opening import ovens_of
from drivers.oven.settings import LinkSettings, OvenSettings
from drivers.smu import SmuSettings, build_tester
from drivers.stepping import SteppedTester
from drivers.transport.line import Lines, StreamLine
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.ovens import BenchOvens
from protocols.program import Program
from protocols.temperature import CellTemperature
from simulators.cells import load_cell
from simulators.oven.cells_inside import CellsInside, WarmsCells
from simulators.oven.controller import SimulatedController, oven_of
from simulators.oven.line import OvenLine
from simulators.smu import SimulatedSmu
from tests.chaos.host import Network
from tests.chaos.plan import CHANNELS
from tests.oven_rig import EUROTHERM, settings_of

SMUS = ("smu-1", "smu-2")
_TESTED = (CHANNELS[3], CHANNELS[6])
INSIDE = (*_TESTED, SMUS[0])
"""The channels in the oven: a symmetric cell, a full cell and the one at the first source meter."""
SAFE_DEGC = 25.0
# Set points that runs want, one after the other of a channel's programs; the last program leaves it open.
_WANTED_DEGC = (60.0, 60.0, 45.0, None)
_MODEL = "keithley-2450"
# Readings of hours need no four decisions a second.
_INTERVAL_S, _DECISION_TIMEOUT_S = 2.0, 10.0


def warmed(programs: list[Program]) -> list[Program]:
    """Return programs of a channel in the oven, most of which want a temperature."""
    return [_at(program, _WANTED_DEGC[n % len(_WANTED_DEGC)]) for n, program in enumerate(programs)]


def _at(program: Program, degc: float | None) -> Program:
    wanted = None if degc is None else CellTemperature(degc, soak_s=300.0)
    return replace(program, segments=tuple(replace(segment, temperature=wanted) for segment in program.segments))


class Instruments:
    """The simulated instruments; ``is_down`` has the names of those whose line is dead."""

    def __init__(self, clock: Callable[[], float], holders: WarmsCells, seed: int) -> None:
        self.oven = oven_of(EUROTHERM, clock, seed=seed)
        self.line = OvenLine([SimulatedController(EUROTHERM, self.oven)])
        self.units = {
            name: SimulatedSmu(
                _MODEL, clock, load_cell("coated-li-li", seed=seed * 100 + n), seed=f"{seed}/{n}", serial=f"400000{n}"
            )
            for n, name in enumerate(SMUS, 1)
        }
        # What a person has chosen at the panel, until somebody orders another.
        self.by_hand_degc: float | None = None
        self.is_swapped = False
        self.is_down: set[str] = set()
        self._life: InstrumentsOfALife | None = None
        self._cells = CellsInside(self.oven, holders, _TESTED)
        self._settings = settings_of(
            EUROTHERM,
            name="oven",
            places=list(INSIDE),
            poll_period_s=10.0,
            reach_within_s=7200.0,
            most_writes_per_day=500,
        )
        units = [
            {
                "channel": name,
                "model": _MODEL,
                "resource": f"TCPIP::{name}::5025::SOCKET",
                "serial": unit.instrument.identity.split(",")[2].strip(),
            }
            for name, unit in self.units.items()
        ]
        self._smu_settings = SmuSettings.model_validate(
            {
                "units": units,
                "accept_unknown_host_loss": True,
                "interval_s": _INTERVAL_S,
                "fastest_interval_s": _INTERVAL_S / 2,
                "decision_timeout_s": _DECISION_TIMEOUT_S,
                "poll_period_s": 30.0,
            }
        )

    async def follow(self) -> None:
        """Let the cells in the oven follow its temperature until cancelled."""
        await self._cells.follow()

    async def handle_unit(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client that has connected to the address of a source meter."""
        there = SMUS[1 - SMUS.index(name)] if self.is_swapped else name
        await self.units[there].handle(reader, writer)

    def swap(self, *, is_swapped: bool) -> None:
        """Put each source meter at the other's address, or back."""
        self.is_swapped = is_swapped
        for unit in self.units.values():
            unit.hang_up()

    def cut_line(self, name: str, *, is_down: bool) -> None:
        """Let the line to an instrument be dead, or live again."""
        (self.is_down.add if is_down else self.is_down.discard)(name)
        if self._life is not None:
            self._life.cut_line(name, is_down=is_down)

    def mend(self) -> None:
        """Mend all of it, but for a set point that a person has chosen."""
        self.line.wire.mend()
        if not self.oven.has_power:
            self.oven.restore_power()
        self.oven.mend()
        for name in tuple(self.is_down):
            self.cut_line(name, is_down=False)
        if self.is_swapped:
            self.swap(is_swapped=False)
        for unit in self.units.values():
            unit.wire.mend()
            if not unit.instrument.unit.powered:
                unit.restore_power()

    def life(self) -> InstrumentsOfALife:
        """Return the drivers of another life of the service."""
        self._life = InstrumentsOfALife(self, self._settings, self._smu_settings)
        for name in self.is_down:
            self._life.cut_line(name, is_down=True)
        return self._life


class InstrumentsOfALife:
    """What one life of the service has of them; ``kill`` takes every line away from it, and ends what it still does."""

    def __init__(self, bench: Instruments, oven: OvenSettings, smus: SmuSettings) -> None:
        self._networks = {"oven": Network(bench.line.handle)}
        self._networks |= {name: Network(partial(bench.handle_unit, name)) for name in SMUS}
        (driver,) = ovens_of([oven], wall_time, self._oven_lines)
        self.ovens = BenchOvens(((oven, driver),))
        self.tester = build_tester(smus, wall_time, {name: self._networks[name].connect for name in SMUS})

    def _oven_lines(self, link: LinkSettings) -> Lines:
        async def lines() -> list[StreamLine]:
            return [StreamLine(link.where, self._networks["oven"].connect)]

        return lines

    def cut_line(self, name: str, *, is_down: bool) -> None:
        """Let the line to an instrument be dead, or live again."""
        self._networks[name].down = is_down
        if is_down:
            self._networks[name].cut()

    def kill(self) -> None:
        """Do nothing more, and let nobody hear of it."""
        for network in self._networks.values():
            network.host_is_dead = True
            network.cut()
        assert isinstance(self.tester, SteppedTester)
        for channel in self.tester._channels.values():  # noqa: SLF001 - the dead end nothing by themselves
            channel._source._dead_man.close()  # type: ignore[attr-defined]  # noqa: SLF001 - the same
            if channel.test is not None and channel.test.task is not None:
                channel.test.task.cancel()
