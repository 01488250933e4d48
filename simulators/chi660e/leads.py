"""The potentiostat's leads on a bench: open, alone on a cell, or on a cell that the tester is also wired to.

Alone on a cell, they own it: the tester sees an empty holder, and the cell's time is kept here. With the tester wired
to it too, the tester's step machine keeps the cell's time, and the leads only look, or add a current of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from simulators.cells.model import CellModel
from simulators.cells.resistor import ResistorCell
from simulators.cells.terminals import SharedCell
from simulators.chi660e.terminals import DUMMY_OHM, OPEN_OHM, OwnTerminals, Terminals
from simulators.neware.schedule import TICKS_PER_S
from simulators.neware.step_machine import Status
from simulators.neware.tester import Tester

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IdleTester:
    """The electrical load of the tester's idle leads: a resistance beside a capacitance (assumed values)."""

    resistance_ohm: float = 1e6
    capacitance_f: float = 10e-9

    def beside(self, impedance_ohm: complex, frequency_hz: float) -> complex:
        """Return an impedance with this beside it."""
        admittance = 1.0 / self.resistance_ohm + 2j * math.pi * frequency_hz * self.capacitance_f
        return 1.0 / (1.0 / impedance_ohm + admittance)


class Holder(Protocol):
    """A place of another instrument whose cell a switch can bring to the leads, isolated from that instrument."""

    def take_cell(self) -> CellModel:
        """Wire the object in the holder to the leads; return it as it is now, and leave the holder empty."""

    def give_cell_back(self) -> None:
        """Wire a taken cell to the holder again."""


class SharedTerminals:
    """Leads on a cell in a holder of the tester, which keeps its time."""

    plans_ahead = False

    def __init__(self, tester: Tester, channel: str, clock: Callable[[], float], tester_input: IdleTester) -> None:
        """Touch the cell in ``channel``, cell off."""
        self.at_s = clock()
        self.channel = channel
        self._tester = tester
        self._clock = clock
        self._input = tester_input
        self._driven: SharedCell | None = None

    @property
    def tester_is_driving(self) -> bool:
        """Return whether the tester passes a current through the cell now."""
        machine = self._tester.channel(self.channel).machine
        return machine.status is Status.WORKING and machine.drive.current_a != 0.0

    def leave_open(self) -> None:
        """Switch the cell off."""
        if self._driven is not None:
            machine = self._tester.channel(self.channel).machine
            if machine.drive.cell is self._driven:
                machine.exchange(self._driven.inner, self._tester.now_tick())
            self._driven = None

    def drive(self, current_a: float) -> None:
        """Pass this current beside the tester's."""
        self._wire(current_a, None)

    def hold(self, voltage_v: float) -> None:
        """Hold this voltage, also against the tester's current."""
        if self._driven is None or self._driven.hold_v != voltage_v:
            self._wire(0.0, voltage_v)

    def go(self, to_s: float) -> None:
        """Note the time; the tester moves the cell."""
        self.at_s = to_s

    def settle(self) -> None:
        """Do nothing: nothing is planned here."""

    def cut(self, now_s: float) -> None:
        """Do nothing: nothing is planned here."""
        self.at_s = min(self.at_s, now_s)

    def voltage_v(self) -> float:
        """Read the voltage."""
        return self._read(lambda cell, current_a: cell.voltage_v(current_a))

    def current_a(self) -> float:
        """Read the current through the potentiostat."""
        driven = self._driven
        if driven is None:
            return 0.0
        hold_v = driven.hold_v
        if hold_v is None:
            return driven.foreign_a
        return self._read(lambda _, current_a: driven.inner.current_a(hold_v) - current_a)

    def impedance_ohm(self, frequency_hz: float) -> complex:
        """Read the impedance of the cell with the tester's leads beside it."""
        return self._input.beside(self._read(lambda cell, _: cell.impedance_ohm(frequency_hz)), frequency_hz)

    def _wire(self, current_a: float, hold_v: float | None) -> None:
        self.leave_open()
        machine = self._tester.channel(self.channel).machine
        self._driven = SharedCell(machine.drive.cell, current_a, hold_v)
        machine.exchange(self._driven, self._tester.now_tick())

    def _read(self, read: Callable[[CellModel, float], T]) -> T:
        drive = self._tester.channel(self.channel).machine.drive
        return drive.as_of(self._clock() * TICKS_PER_S, read)


class Leads:
    """Leads and the hands that clip them. ``clock`` gives the bench's seconds, ``speed`` those in a loop's second."""

    def __init__(
        self,
        tester: Tester,
        clock: Callable[[], float],
        *,
        speed: float = 1.0,
        tester_input: IdleTester | None = None,
        ports: Mapping[int, str] | None = None,
    ) -> None:
        """Begin on nothing. ``ports`` says which channel ``mch`` of a CHI684 switches to, where there is one [11]."""
        self.now_s = clock
        self.speed = speed
        self.double_energised = 0
        self.keeps_driving = False
        self.ac_peak_v = self.ac_peak_a = 0.0
        self.ports = dict(ports or {})
        # Channels that are not the tester's, by their names.
        self.others: dict[str, Holder] = {}
        self.channel: str | None = None
        self.isolating = True
        self._tester = tester
        self._input = tester_input or IdleTester()
        now_s = clock()
        self._dummy = OwnTerminals(ResistorCell(DUMMY_OHM), now_s)
        self._own = OwnTerminals(ResistorCell(OPEN_OHM), now_s)
        self._shared: SharedTerminals | None = None

    def unix_s(self) -> float:
        """Return the bench's wall time."""
        return self._tester.epoch_unix_s + self.now_s()

    def terminals(self, *, dummy: bool = False) -> Terminals:
        """Return the terminals that are measured, advanced to now."""
        chosen: Terminals = self._dummy if dummy else self._shared or self._own
        self._bring(chosen)
        return chosen

    def clip(self, channel: str | None, *, isolating: bool = True) -> None:
        """Put the leads on the cell of a channel (None: on nothing), with the tester's leads taken off it or not.

        ``KeyError`` when there is no such channel. The tester finds its cell back as old as the clock says, to within
        its own 0.1 s. A current or voltage that is applied goes on against whatever the leads are on.
        """
        other = None if channel is None else self.others.get(channel)
        if channel is not None and other is None:
            self._tester.channel(channel)
        if other is not None and not isolating:
            raise ValueError(f"the cell of {channel} is simulated at the leads only behind a switch that isolates it")
        self._let_go()
        self.channel, self.isolating = channel, isolating
        now_s = self.now_s()
        if channel is None:
            return
        if other is not None:
            self._own.exchange(other.take_cell(), now_s)
        elif isolating:
            held = self._tester.take_cell(channel)
            held.advance(max(0.0, now_s - self._tester.now_tick() / TICKS_PER_S), 0.0)
            self._own.exchange(held, now_s)
        else:
            self._own.leave_open()
            self._shared = SharedTerminals(self._tester, channel, self.now_s, self._input)

    def select(self, port: int) -> None:
        """Switch a CHI684 to a channel; one that is not installed is silently ignored [11]."""
        if port in self.ports:
            self.clip(self.ports[port], isolating=self.isolating)

    def note_energised(self) -> bool:
        """Return whether the tester drives the very cell that is being measured."""
        return self._shared is not None and self._shared.tester_is_driving

    @property
    def is_driven(self) -> bool:
        """Whether a current flows through the leads now."""
        return self.terminals().current_a() != 0.0

    @property
    def ac_rms_v(self) -> float:
        """The largest alternating voltage of the last spectrum, as a true-rms meter that keeps it shows."""
        return self.ac_peak_v / math.sqrt(2.0)

    def lost(self) -> None:
        """End the program's part: planned changes beyond now are undone, and the cell is off, or stays driven."""
        for terminals in (self._own, self._dummy, self._shared):
            if terminals is not None:
                terminals.cut(self.now_s())
                if not self.keeps_driving:
                    self._bring(terminals)
                    terminals.leave_open()

    def _bring(self, terminals: Terminals) -> None:
        terminals.go(max(terminals.at_s, self.now_s()))
        terminals.settle()

    def _let_go(self) -> None:
        """Leave the present cell where it belongs."""
        if self._shared is not None:
            self._shared.leave_open()
            self._shared = None
        elif self.channel is not None:
            self._own.exchange(ResistorCell(OPEN_OHM), self.now_s())
            other = self.others.get(self.channel)
            if other is None:
                self._tester.give_cell_back(self.channel)
            else:
                other.give_cell_back()
