"""One source meter: what its settings make of its output, and what stops it, whoever is connected."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator
from typing import Any

from simulators.cells.model import CellModel
from simulators.smu.buffers import Buffers
from simulators.smu.errors_of_unit import UnitErrors
from simulators.smu.leads import Leads
from simulators.smu.output_stage import OutputStage
from simulators.smu.ranges import Model, Quantity, Range
from simulators.smu.regulation import Drive, OperatingPoint
from simulators.smu.settings import OpenSense, Quirks
from simulators.smu.setup import OffState, Setup
from simulators.smu.status import Complaint, Measurement, StandardEvent, Status

Wait = Generator[float, None, Any]
"""A command that takes time: it yields seconds, and returns its answer or None."""

OffAction = tuple[Drive | None, float]
"""What an output does when it is off: for how many seconds, before its relay opens. None is an open relay."""

CLOCK_WRAPS_S = 99_999.999 + 0.001
"""A 2400's time stamp begins again here (section 10)."""

_SPIKE_S = 1e-3
"""So long a change of range under load overshoots."""

_ROUNDING_S = 1e-6

_SENSE_ERROR_V = 5.0
"""So far an output with an open sense lead rises above its level (section 3)."""


class Unit:
    """One unit: settings, output, status, memories. It lives on when all its clients are gone.

    ``reset`` makes the settings that a dialect has after ``*RST``; ``off`` says what its output does when it is off.
    """

    def __init__(
        self,
        model: Model,
        clock: Callable[[], float],
        cell: CellModel,
        seed: str,
        quirks: Quirks,
        reset: Callable[[Model, Quirks], Setup],
        off: Callable[[Unit], OffAction],
        write_error: Callable[[int, str], str],
        idle: int = 0,
    ) -> None:
        self.model, self.quirks, self.clock = model, quirks, clock
        self._reset, self._off = reset, off
        self.errors = UnitErrors(seed, quirks)
        self.stage = OutputStage(clock, Leads(cell, quirks.lead_ohm))
        self.status = Status(write_error, idle)
        self.buffers = Buffers()
        self.setup = reset(model, quirks)
        self.power_on_setup = "RST"
        self._memories: dict[str, Setup] = {}
        self.language = "SCPI"
        self.next_language = "SCPI"
        self._is_on = self.powered = False
        self.interlock_closed = True
        self.hot = False
        self.sense_lead_open = False
        self.tripped_over_voltage = False
        self.in_trigger_model = False
        self._zero_s = 0.0
        self._disturbed_s = -math.inf
        self.switch_on_power()

    # Time ------------------------------------------------------------------------------------------------------

    @property
    def time_s(self) -> float:
        """Return the seconds of the unit's own clock since it was set to zero."""
        return self.clock() - self._zero_s

    def set_time_zero(self) -> None:
        """Let the unit's clock begin again."""
        self._zero_s = self.clock()

    # Power -----------------------------------------------------------------------------------------------------

    def switch_on_power(self) -> None:
        """Start the unit: output off, in its power-on setup; what was in its buffers is gone."""
        self.powered = True
        self.language = self.next_language
        self._is_on = self.hot = self.tripped_over_voltage = self.stage.tripped = False
        self.status.power_on()
        self.buffers = Buffers()
        self.set_time_zero()
        self.setup = (self._memories.get(self.power_on_setup) or self._reset(self.model, self.quirks)).copy()
        self.apply()

    def cut_power(self) -> None:
        """Take the power away: the relay opens."""
        self.powered = self._is_on = False
        self.stage.set_drive(None)

    # Settings --------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Do as ``*RST``: output off, all settings those of the factory; status and link stay."""
        self._is_on = self.stage.tripped = False
        self.setup = self._reset(self.model, self.quirks)
        self.apply()

    def save(self, name: str) -> None:
        """Keep the settings in a memory."""
        self._memories[name] = copy.deepcopy(self.setup)

    def recall(self, name: str) -> None:
        """Take the settings of a memory, output off; -221 for one that is empty."""
        if name not in self._memories:
            raise Complaint(-221)
        self._is_on = False
        self.setup = self._memories[name].copy()
        self.apply()

    def source_range(self, quantity: Quantity) -> Range:
        """Return the range in which a quantity is sourced."""
        return self._range_named(quantity, self.setup.sourced[quantity].range)

    def measure_range(self, quantity: Quantity, value: float) -> Range:
        """Return the range in which a value is measured: that of the source for what is sourced."""
        setup = self.setup
        if quantity is setup.source:
            return self.source_range(quantity)
        sense = setup.sensed[quantity]
        if not sense.auto:
            return self._range_named(quantity, sense.range)
        most = self.holding_range(quantity, max(sense.limit, sense.low_limit))
        wanted = self.model.range_for(quantity, max(abs(value), sense.lowest)) or most
        return most if wanted.full > most.full else wanted

    def _range_named(self, quantity: Quantity, full: float) -> Range:
        return next(it for it in self.model.ranges(quantity) if it.full == full)

    def change_source_range(self, quantity: Quantity, full: float) -> None:
        """Source a quantity in another range; a cell at the output feels it."""
        if self.setup.sourced[quantity].range != full:
            self.setup.sourced[quantity].range = full
            if quantity is self.setup.source:
                self._disturb()

    def change_measure_range(self, quantity: Quantity, full: float, *, waits: bool = False) -> None:
        """Measure a quantity in another range; a cell at the output feels it. ``waits``: no reading does."""
        if self.setup.sensed[quantity].range != full:
            self.setup.sensed[quantity].range = full
            if quantity is not self.setup.source:
                self._disturb(waits=waits)

    def _disturb(self, *, waits: bool = False) -> None:
        if self.output:
            self._disturbed_s = -math.inf if waits else self.clock()
            self.stage.exposure.spikes += 1

    def spike_v(self, aperture_s: float) -> float:
        """Return what a change of range within the aperture that ends now adds to a measured voltage."""
        if self.clock() - self._disturbed_s > aperture_s + _ROUNDING_S:
            return 0.0
        return self.model.overshoot_v * min(1.0, _SPIKE_S / aperture_s)

    # Output ----------------------------------------------------------------------------------------------------

    @property
    def output(self) -> bool:
        """Return whether the output is on now."""
        self.stage.advance()
        return self._is_on and not self.stage.tripped

    def switch_on(self) -> Wait:
        """Switch the output on; after a relay that was open this takes longer. Raises Complaint when it is blocked."""
        if self.hot:
            raise Complaint(810)
        if self.setup.output_enable_line and not self.interlock_closed:
            raise Complaint(802)
        if not self.output:
            if self.stage.drive is None:
                yield self.quirks.relay_time_s
            self._is_on, self.stage.tripped = True, False
            self.stage.exposure.switched_on += 1
            self.apply()

    def switch_off(self) -> None:
        """Switch the output off, into its off state."""
        was_on, self._is_on = self.output, False
        drive, seconds = self._off(self)
        if was_on and drive is not None and seconds < math.inf:
            self.stage.pass_through(drive, seconds)
        self.apply()

    def trip(self) -> None:
        """Switch the output off for the unit's own sake."""
        if self.output:
            self.stage.trip()

    def apply(self) -> None:
        """Let the output do what the settings say."""
        stage = self.stage
        stage.sense_at_cell(four_wire=self.setup.four_wire())
        is_on = self.output
        stage.trips_at_limit = is_on and self.setup.output_protection
        if is_on:
            stage.set_drive(self._on_drive())
        elif not self.powered or stage.tripped:
            stage.set_drive(None)
        else:
            drive, seconds = self._off(self)
            stage.set_drive(drive if seconds == math.inf else None)

    def _on_drive(self) -> Drive:
        setup = self.setup
        held, other = setup.source, setup.source.other
        source_range = self.source_range(held)
        level = self.errors.sourced(held, source_range, setup.sourced[held].level)
        if self.sense_lead_open and setup.four_wire() and held is Quantity.VOLTAGE:
            level += _SENSE_ERROR_V if self.quirks.open_sense is OpenSense.RISES else 0.0
        if held is Quantity.CURRENT:
            level *= self.quirks.current_sign
        sense = setup.sensed[other]
        range_most = self._range_named(other, sense.range).most
        range_limits = not sense.auto and range_most < max(sense.limit, sense.low_limit)
        limit, low_limit = (
            min(self._limited(other, it), range_most if range_limits else math.inf)
            for it in (sense.limit, sense.low_limit)
        )
        return Drive(held, level, limit, low_limit, self._most_a(), range_limits, setup.over_voltage_v)

    def _limited(self, quantity: Quantity, limit: float) -> float:
        return self.errors.limited(quantity, self.holding_range(quantity, limit), limit)

    def holding_range(self, quantity: Quantity, limit: float) -> Range:
        """Return the range that holds a limit."""
        return self.model.range_for(quantity, limit) or self.model.ranges(quantity)[-1]

    def _most_a(self) -> float:
        """Return the current that ends what flows out of a cell above a current source's limit (section 1.2)."""
        full = self.setup.sourced[Quantity.CURRENT].range
        return self.quirks.limit_below_cell_a if full <= 0.1 else self.model.envelope[0][1]

    def point(self) -> OperatingPoint:
        """Return where the output stands now, and set the conditions that go with it."""
        is_on, point = self.output, self.stage.point
        self.tripped_over_voltage = is_on and point.at_over_voltage
        measurement = self.status.measurement
        measurement.set(Measurement.COMPLIANCE, on=is_on and point.at_limit)
        measurement.set(Measurement.OVER_VOLTAGE, on=self.tripped_over_voltage)
        return point

    def is_limited(self, quantity: Quantity) -> bool:
        """Return what ``TRIP?`` of a limited quantity says: whether the limit holds the output now."""
        point = self.point()
        if not self.output or self.setup.source is quantity or not point.at_limit:
            return False
        drive = self.stage.drive
        return self.quirks.range_compliance_sets_tripped or (drive is not None and not drive.range_limits)

    def press_output(self) -> None:
        """Do as a finger on OUTPUT."""
        if self.output:
            self.switch_off()
            return
        for _ in self.switch_on():
            pass

    def press_local(self) -> None:
        """Do as a finger on LOCAL: the request is an event, and source autorange is off (section 6)."""
        self.status.standard_event |= StandardEvent.USER_REQUEST
        for source in self.setup.sourced.values():
            source.auto = False

    @property
    def off_state(self) -> OffState:
        """Return what the output is when it is off."""
        return self.setup.sourced[self.setup.source].off_state
