"""The simulated hardware behind the BTS client: middle machines, units of eight channels, cells, and their memory.

It knows no XML: ``SimulatedBts`` asks it in these terms, and tests reach in here to pull a cell out or to compare the
tester's own memory with what a driver has stored. Numbers in brackets are sections of the CT-4008 reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simulators.cells.model import CellModel
from simulators.cells.terminals import LooseCell, PulledOutCell, SharedCell, ShortedCell, TakenCell
from simulators.neware.memory import RecordRow, StoredTest
from simulators.neware.schedule import STEP_TYPE_TEXT, TICKS_PER_S, Schedule, StepKind, UnitRatings
from simulators.neware.settings import Quirks, Trouble
from simulators.neware.step_machine import Status, StepMachine


@dataclass(frozen=True, slots=True)
class Unit:
    """One test unit ("XWJ") with eight channels on the middle machine ``devid`` [3]."""

    devid: int = 21
    subdevid: int = 1
    devtype: int = 27
    channels: int = 8
    ratings: UnitRatings = field(default_factory=UnitRatings)

    def names(self) -> list[str]:
        """Return the channels' names, such as ``21-1-3``."""
        return [f"{self.devid}-{self.subdevid}-{n}" for n in range(1, self.channels + 1)]


@dataclass(frozen=True, slots=True)
class LiveValues:
    """The values that ``inquire`` shows of a working channel, up to some seconds old [4.3]."""

    cycle: int
    step: int
    step_type: str
    current_a: float
    voltage_v: float
    capacity_ah: float
    energy_wh: float
    total_s: float
    step_s: float


class Channel:
    """One channel: its step machine, the tests it remembers, its lamp and flag."""

    def __init__(self, name: str, unit: Unit, cell: CellModel, seed: int, tick: int, quirks: Quirks) -> None:
        """Put ``cell`` into the holder at ``tick``."""
        self.name = name
        self.unit = unit
        self.lit = False
        self.flagged = False
        self.stops_at: int | None = None
        self.tests: list[StoredTest] = []
        self.machine = StepMachine(cell, unit.ratings, f"{seed}/{name}", tick, quirks.log_codes, quirks.noise)
        self._cached: tuple[object, LiveValues] | None = None

    @property
    def cell(self) -> CellModel:
        """Return the cell of this channel, whether it sits in the holder or not."""
        cell = self.machine.drive.cell
        while isinstance(cell, PulledOutCell | ShortedCell | SharedCell):
            cell = cell.inner
        return cell

    @property
    def busy(self) -> bool:
        """Return whether a test is running or paused."""
        return self.machine.status in (Status.WORKING, Status.PAUSE)

    def test(self, test_id: int) -> StoredTest | None:
        """Return a test by its id, the latest for 0, None when there is none."""
        if test_id == 0:
            return self.tests[-1] if self.tests else None
        return next((test for test in self.tests if test.test_id == test_id), None)

    def live(self, tick: int, refresh_s: float) -> LiveValues:
        """Return live values, at most ``refresh_s`` old; looking moves nothing."""
        machine = self.machine
        period = tick // max(1, round(refresh_s * TICKS_PER_S))
        key = (period, machine.status, len(self.tests))
        if self._cached is None or self._cached[0] != key:
            self._cached = (key, self._measure(tick))
        return self._cached[1]

    def _measure(self, tick: int) -> LiveValues:
        machine = self.machine
        voltage_v, current_a, charge_ah, energy_wh = machine.drive.between(tick)
        step, test = machine.step, machine.test
        if not self.busy or step is None or test is None:
            return LiveValues(1, 0, "--", 0.0, voltage_v, 0.0, 0.0, 0.0, 0.0)
        step_type = STEP_TYPE_TEXT.get(StepKind(step.kind), "--")
        return LiveValues(
            machine.cycle, step.number, step_type, current_a, voltage_v, charge_ah, energy_wh,
            (tick - test.start_tick) / TICKS_PER_S, (tick - machine.step_start_tick) / TICKS_PER_S,
        )  # fmt: skip


class Tester:
    """All channels, one clock, one test counter per middle machine."""

    def __init__(
        self,
        clock: Callable[[], float],
        epoch_unix_s: float,
        units: Sequence[Unit],
        cells: Mapping[str, CellModel],
        seed: int,
        quirks: Quirks,
    ) -> None:
        """Wire up the units; ``clock`` gives seconds since its own zero, which is ``epoch_unix_s`` in UTC."""
        self.units = tuple(units)
        self.quirks = quirks
        self.epoch_unix_s = epoch_unix_s
        self._clock = clock
        self._next_test_id = {unit.devid: quirks.first_test_id for unit in units}
        tick = self.now_tick()
        self.channels: dict[str, Channel] = {}
        for unit in units:
            for name in unit.names():
                if name not in cells:
                    raise ValueError(f"channel {name}: no cell given; give one for every channel of the units")
                self.channels[name] = Channel(name, unit, cells[name], seed, tick, quirks)
        unknown = sorted(set(cells) - set(self.channels))
        if unknown:
            raise ValueError(f"no such channel: {', '.join(unknown)}; there are {', '.join(self.channels)}")

    def now_tick(self) -> int:
        """Return the clock in ticks of 0.1 s, rounded down."""
        # 0.30000000000000004 * 10 is 3 here, and so is 0.3 reached from below by a sum of floats.
        return math.floor(self._clock() * TICKS_PER_S + 1e-6)

    def channel(self, name: str) -> Channel:
        """Return a channel advanced to now; ``KeyError`` when there is none of this name."""
        channel = self.channels[name]
        self._catch_up(channel)
        return channel

    def advance(self) -> None:
        """Bring every channel to now. Never needed for the records; it only spreads the work."""
        for channel in self.channels.values():
            self._catch_up(channel)

    # Orders ----------------------------------------------------------------------------------------------------

    def start(self, name: str, schedule: Schedule, barcode: str) -> int | None:
        """Begin a test and return its id; None when the channel is busy, unless a start replaces a test here."""
        channel = self.channel(name)
        is_barred = channel.machine.status is Status.PROTECT and not self.quirks.starts_from_protect
        is_taken = channel.busy and self.quirks.start_on_busy == "refused"
        if is_taken or (is_barred and channel.flagged):
            return None
        tick = self.now_tick()
        test_id = self._next_test_id[channel.unit.devid]
        self._next_test_id[channel.unit.devid] = test_id + 1
        channel.stops_at = None
        test = StoredTest(test_id, barcode, tick, self.quirks.ring_rows)
        channel.tests.append(test)
        channel.machine.start(schedule, test, tick)
        return test_id

    def stop(self, name: str) -> bool:
        """End the running test; False when nothing runs or the channel refuses."""
        channel = self.channel(name)
        behaviour = channel.machine.trouble.stop
        if not channel.busy or behaviour == "refuse":
            return False
        if behaviour == "obey":
            channel.stops_at = self.now_tick() + round(self.quirks.stop_delay_s * TICKS_PER_S)
            self._catch_up(channel)
        return True

    def resume(self, name: str) -> bool:
        """Continue after a pause; False when there is no paused step."""
        channel = self.channel(name)
        machine = channel.machine
        ended = {Status.STOP: self.quirks.continue_from_stop, Status.PROTECT: self.quirks.continue_from_protect}
        if machine.status is not Status.PAUSE and not (ended.get(machine.status, False) and machine.test is not None):
            return False
        machine.resume(self.now_tick())
        return True

    def goto(self, name: str, step: int) -> bool:
        """Jump to another step of the running schedule; False when it does not exist or nothing runs."""
        channel = self.channel(name)
        machine = channel.machine
        if self.quirks.goto_refused or machine.status is not Status.WORKING or not 1 <= step <= machine.last_step:
            return False
        machine.goto(step, self.now_tick())
        return True

    def replace_schedule(self, name: str, schedule: Schedule) -> bool:
        """Replace the running schedule; False when nothing runs."""
        channel = self.channel(name)
        if channel.machine.status is not Status.WORKING:
            return False
        channel.machine.replace_schedule(schedule, self.now_tick())
        return True

    # What happens to a bench -----------------------------------------------------------------------------------

    def pull_out_cell(self, name: str) -> None:
        """Take the cell out of its holder."""
        channel = self._holder(name)
        channel.machine.exchange(PulledOutCell(channel.cell), self.now_tick())

    def put_back_cell(self, name: str) -> None:
        """Put the cell back, and take away a short."""
        channel = self._holder(name)
        channel.machine.exchange(channel.cell, self.now_tick())

    def short_cell(self, name: str, resistance_ohm: float = 0.5) -> None:
        """Bridge the cell with a resistor."""
        channel = self._holder(name)
        channel.machine.exchange(ShortedCell(channel.cell, resistance_ohm), self.now_tick())

    def loosen_contact(self, name: str, resistance_ohm: float) -> None:
        """Put a resistance in the cell's leads; ``put_back_cell`` takes it away."""
        channel = self._holder(name)
        channel.machine.exchange(LooseCell(channel.cell, resistance_ohm), self.now_tick())

    def take_cell(self, name: str) -> CellModel:
        """Wire the object in the holder to another instrument; return it as it is now, and leave the holder empty."""
        machine = self.channel(name).machine
        held = machine.drive.cell
        machine.exchange(TakenCell(held), self.now_tick())
        return held

    def give_cell_back(self, name: str) -> None:
        """Wire a taken cell to the tester again."""
        machine = self.channel(name).machine
        if isinstance(machine.drive.cell, TakenCell):
            machine.exchange(machine.drive.cell.inner, self.now_tick())

    def is_empty(self, name: str) -> bool:
        """Return whether no cell is in the holder, nor out of it at another instrument."""
        held = self.channel(name).machine.drive.cell
        return isinstance(held, PulledOutCell) and not isinstance(held, TakenCell)

    def swap_cell(self, name: str, cell: CellModel) -> None:
        """Put another cell into the holder."""
        channel = self._holder(name)
        channel.machine.exchange(cell, self.now_tick())

    def temperature_of(self, name: str) -> float:
        """Return the temperature of a channel's cell."""
        return self.channels[name].cell.temperature_degc

    def warm_cell(self, name: str, temperature_degc: float) -> None:
        """Let the cell of a channel have a temperature from now on, as an oven around it has."""
        channel = self.channel(name)
        channel.machine.warm(channel.cell, temperature_degc, self.now_tick())

    def make_trouble(self, name: str, trouble: Trouble) -> None:
        """Break something in a channel from the next step on, ``Trouble()`` mends it."""
        channel = self.channel(name)
        channel.machine.trouble = replace(trouble)

    def protect(self, name: str) -> None:
        """Let the tester protect a channel for a reason of its own, such as a hot power stage."""
        channel = self.channel(name)
        if channel.busy:
            channel.machine.protect(self.now_tick())
            channel.flagged = True

    def reboot(self, *, keep_program: bool = True) -> None:
        """Cut the units' power for a moment: running tests are paused, or are lost and show as stopped."""
        for name, channel in self.channels.items():
            self.channel(name)
            if channel.machine.status is Status.WORKING:
                if keep_program:
                    channel.machine.pause(self.now_tick())
                else:
                    channel.machine.stop(self.now_tick())

    def clients_gone(self) -> None:
        """Do what the units do when nobody is connected to the BTS client any more."""
        for name in self.channels if self.quirks.link_loss != "ride" else ():
            channel = self.channel(name)
            if channel.machine.status is Status.WORKING:
                act = channel.machine.pause if self.quirks.link_loss == "pause" else channel.machine.stop
                act(self.now_tick())

    def records(self, name: str, test_id: int = 0) -> list[RecordRow]:
        """Return the tester's own memory of a test, row for row (0: the latest)."""
        test = self.channel(name).test(test_id)
        if test is None:
            raise KeyError(f"channel {name} has no test {test_id}")
        return list(test.rows())

    def unix_s(self, tick: int) -> float:
        """Return the true time of a tick."""
        return self.epoch_unix_s + tick / TICKS_PER_S

    def _holder(self, name: str) -> Channel:
        """Return a channel whose cell is where hands can reach it."""
        channel = self.channel(name)
        if isinstance(channel.machine.drive.cell, TakenCell):
            raise ValueError(f"channel {name}: its cell is wired to another instrument; unclip that first")
        return channel

    def _catch_up(self, channel: Channel) -> None:
        before = channel.machine.status
        tick, stops_at = self.now_tick(), channel.stops_at
        if stops_at is not None and stops_at <= tick:
            channel.stops_at = None
            channel.machine.advance_to(stops_at)
            if channel.busy:
                channel.machine.stop(stops_at)
        channel.machine.advance_to(tick)
        if channel.machine.status is Status.PROTECT and before is not Status.PROTECT:
            channel.flagged = True
