"""A simulated oven: heat, regulator, memory of the controller, and the verbs of hands and of faults.

The oven moves when somebody looks: ``advance`` steps second by second up to the clock's time, and skips what is left
once nothing moves any more. What a controller shows is under ``value``, by names that register tables use.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

from simulators.oven.condition import Faults, Memory, NotAccepted, OvenQuirks
from simulators.oven.regulator import Pid, PidParameters, ramped
from simulators.oven.thermal import STEP_S, Heat, ThermalParameters

__all__ = ["Faults", "Memory", "NotAccepted", "OvenQuirks", "SimulatedOven"]

_AT_REST_K = 1e-5
"""Nothing that is shown changes within an hour while all temperatures move by less than this in a second."""
_AT_REST_FOR_S = 60
_NEVER_S = float("inf")


class SimulatedOven:
    """One oven and its controller.

    ::

        oven = SimulatedOven(clock)
        oven.set_at_panel(60.0)
        oven.open_door()
        oven.place_degc          # of a cell inside
    """

    def __init__(
        self,
        clock: Callable[[], float],
        thermal: ThermalParameters | None = None,
        pid: PidParameters | None = None,
        quirks: OvenQuirks | None = None,
        seed: int = 1,
    ) -> None:
        """Build a cold oven that is switched on; ``clock`` gives seconds."""
        self.quirks = quirks or OvenQuirks()
        self.heat = Heat(thermal or ThermalParameters())
        self.memory = Memory(most_writes=self.quirks.memory_writes)
        self.faults = Faults()
        self._clock = clock
        self._pid = Pid(pid or PidParameters())
        self._seed = seed
        self._at_s = clock()
        self._powered_at_s = clock() - self.quirks.boots_for_s
        self.has_power = True
        self._rest_s = 0
        self._full_s = 0.0
        self._full_from_degc = 0.0
        self.output = 0.0
        self._shown_stale_degc = self.heat.sensor_degc
        self._heard_at_s = self._at_s
        self._power_on()

    def _power_on(self) -> None:
        """Begin as a controller does: what is not in memory is lost."""
        if self.quirks.power_on_degc is not None:
            self.memory.set_point_degc = self.quirks.power_on_degc
        self.local_degc = self.memory.set_point_degc
        self.remote_degc = self.memory.set_point_degc
        self.remote_at_s = -_NEVER_S
        self.is_remote = False
        self.remote_has_failed = False
        self.working_degc = self.memory.set_point_degc
        self.ramp_k_per_min = self.memory.ramp_k_per_min
        self.is_manual = False
        self.manual_output = 0.0
        self.is_standby = False
        self.is_volatile = self.quirks.begins_volatile
        self.writing_on = not self.quirks.writing_needs_enabling
        self._pid.start_over()

    # Looking -----------------------------------------------------------------------------------------------------

    @property
    def answers(self) -> bool:
        """Whether the controller answers: it has power, and has booted."""
        return self.has_power and self._clock() - self._powered_at_s >= self.quirks.boots_for_s

    @property
    def target_degc(self) -> float:
        """Return the set point in force, which a ramp moves towards."""
        return self.remote_degc if self.is_remote and not self.remote_has_failed else self.local_degc

    @property
    def place_degc(self) -> float:
        """Return the temperature of a cell inside."""
        self.advance()
        return self.heat.cell_degc

    @property
    def measured_degc(self) -> float:
        """Return what the sensor gives, without noise."""
        if self.faults.sensor_frozen_degc is not None:
            return self.faults.sensor_frozen_degc
        return self.heat.sensor_degc + self.faults.drifted_k

    @property
    def shown_degc(self) -> float:
        """Return the process value: a frozen sensor shows no noise, an open one a rail or an old value."""
        if self.faults.sensor_open:
            rail = self.quirks.high_degc * 1.06
            return rail if self.quirks.pv_on_sensor_break == "rail" else self._shown_stale_degc
        if self.faults.sensor_frozen_degc is not None:
            return self.faults.sensor_frozen_degc
        # Of the second, so that looking twice shows one value.
        noise = random.Random(f"{self._seed}/{math.floor(self._at_s)}").uniform(-1.0, 1.0) * self.quirks.noise_k
        return self.measured_degc + noise

    def status(self) -> set[str]:
        """Name all that the controller reports."""
        shown, q = self.shown_degc, self.quirks
        states = {
            "alarm1": q.alarm_is_told and q.alarm_high_degc is not None and shown > q.alarm_high_degc,
            "manual": self.is_manual,
            "sensor_break": self.faults.sensor_open and q.tells_sensor_break,
            "loop_break": self._full_s > q.loop_break_s,
            "over_range": shown > q.high_degc * 1.05 and q.tells_sensor_break,
            "ramp_running": abs(self.working_degc - self.target_degc) > 1e-9,
            "remote_failed": self.remote_has_failed,
            "heating": self.output > 0.0,
            "volatile_mode": self.is_volatile,
            "volatile_differs": abs(self.local_degc - self.memory.set_point_degc) > 1e-9,
            "stopped": self.is_standby,
            "writing_on": self.writing_on,
        }
        return {name for name, is_so in states.items() if is_so}

    # Time --------------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Bring the oven to now."""
        now_s = self._clock()
        while self._at_s + STEP_S <= now_s:
            if self._rest_s >= _AT_REST_FOR_S and not self._must_move():
                self._at_s += math.floor((now_s - self._at_s) / STEP_S) * STEP_S
                return
            self._step()
            self._at_s += STEP_S

    def _must_move(self) -> bool:
        """Say whether something moves that the temperatures do not show yet."""
        waits = self.is_remote and self.quirks.remote_timeout_s is not None and not self.remote_has_failed
        waits = waits or (self.quirks.stands_by_after_s is not None and not self.is_standby)
        counts = 0.0 < self._full_s <= self.quirks.loop_break_s
        return waits or self.faults.drift_k_per_s != 0.0 or self.working_degc != self.target_degc or counts

    def _step(self) -> None:
        before = self.output
        if self.has_power:
            self._control()
        self.heat.step(self._power_share())
        self.faults.drifted_k += self.faults.drift_k_per_s * STEP_S
        if self.heat.air_degc > self.quirks.limiter_degc:
            self.faults.limiter_tripped = True
        is_still = self.heat.moved_k < _AT_REST_K and abs(self.output - before) < _AT_REST_K
        self._rest_s = self._rest_s + 1 if is_still else 0

    def _control(self) -> None:
        timeout_s = self.quirks.remote_timeout_s
        refreshed_s = max(self.remote_at_s, self._heard_at_s if self.quirks.reads_refresh_remote else -_NEVER_S)
        if self.is_remote and timeout_s is not None and self._at_s - refreshed_s > timeout_s:
            self.remote_has_failed = True
        silent_s = self.quirks.stands_by_after_s
        if silent_s is not None and self._at_s - self._heard_at_s > silent_s:
            self.is_standby = True
        self.working_degc = ramped(self.working_degc, self.target_degc, self.ramp_k_per_min / 60.0)
        wanted = self._pid.output(self.working_degc, self.measured_degc)
        if self.is_standby:
            wanted = 0.0
        elif self.faults.sensor_open:
            wanted = self.quirks.output_on_sensor_break
        elif self.is_manual:
            wanted = self.manual_output
        self.output = wanted
        self._watch_loop()

    def _watch_loop(self) -> None:
        """Count for how long full output has not raised the temperature (the loop-break time)."""
        if self.output < 0.999 or self.measured_degc > self._full_from_degc + 1.0:
            self._full_s, self._full_from_degc = 0.0, self.measured_degc
        else:
            self._full_s += STEP_S

    def _power_share(self) -> float:
        """Return the share of its power that the heater really gives."""
        if self.faults.heater_open or self.faults.limiter_tripped:
            return 0.0
        if self.faults.heater_stuck:
            return 1.0
        return self.output if self.has_power else 0.0

    def _changed(self) -> None:
        """Note that somebody is about to change something: the oven is at rest no more."""
        self.advance()
        self._rest_s = 0

    def _follow(self) -> None:
        """Take over a set point at once where there is no ramp."""
        if self.ramp_k_per_min == 0.0:
            self.working_degc = self.target_degc

    def hear(self) -> None:
        """Note that the controller is asked something now."""
        self.advance()
        self._heard_at_s = self._at_s

    # What the controller takes -----------------------------------------------------------------------------------

    def order(self, degc: float, *, volatile: bool) -> None:
        """Take a local set point. Raises NotAccepted outside of the controller's limits."""
        if not self.quirks.low_degc <= degc <= self.quirks.high_degc:
            raise NotAccepted(f"{degc} degC is not within {self.quirks.low_degc} to {self.quirks.high_degc}")
        self._changed()
        if volatile:
            self.local_degc = degc
        elif self.memory.write():
            self.local_degc = self.memory.set_point_degc = degc
        self._follow()

    def order_remote(self, degc: float) -> None:
        """Take a remote set point, which is stored nowhere."""
        if not self.quirks.low_degc <= degc <= self.quirks.high_degc:
            raise NotAccepted(f"{degc} degC is not within {self.quirks.low_degc} to {self.quirks.high_degc}")
        self._changed()
        self.remote_degc, self.remote_at_s, self.remote_has_failed = degc, self._at_s, False
        self._follow()

    def take_remote(self, *, is_remote: bool) -> None:
        """Follow the remote set point from now on, or the local one."""
        self._changed()
        self.is_remote, self.remote_at_s, self.remote_has_failed = is_remote, self._at_s, False
        self._follow()

    def order_ramp(self, k_per_min: float) -> None:
        """Take a ramp, which is kept in memory; 0 is none."""
        if k_per_min < 0.0:
            raise NotAccepted(f"a ramp of {k_per_min} K/min")
        self._changed()
        if self.memory.write():
            self.ramp_k_per_min = self.memory.ramp_k_per_min = k_per_min

    def save(self) -> None:
        """Store what was ordered without being stored."""
        if self.memory.write():
            self.memory.set_point_degc = self.local_degc

    # Hands -------------------------------------------------------------------------------------------------------

    def set_at_panel(self, degc: float) -> None:
        """Change the set point by hand."""
        self._changed()
        self.local_degc = self.memory.set_point_degc = degc
        self._follow()

    def switch_to_manual(self, output: float) -> None:
        """Let somebody set the output, 0 to 1, by hand."""
        self._changed()
        self.is_manual, self.manual_output = True, output

    def switch_to_automatic(self) -> None:
        """Let the regulator work again."""
        self._changed()
        self.is_manual = False

    def stand_by(self, *, stands_by: bool = True) -> None:
        """Switch the outputs off at the panel, or on again."""
        self._changed()
        self.is_standby = stands_by

    def set_alarm(self, degc: float | None) -> None:
        """Set alarm 1 at the panel to a high alarm at this temperature, or to none."""
        self._changed()
        self.quirks.alarm_high_degc = degc

    def open_door(self) -> None:
        """Open the door."""
        self._changed()
        self.heat.door_is_open = True

    def close_door(self) -> None:
        """Close the door."""
        self._changed()
        self.heat.door_is_open = False

    def change_room(self, degc: float) -> None:
        """Let the room around the oven have another temperature, as at night."""
        self._changed()
        self.heat.parameters = replace(self.heat.parameters, room_degc=degc)

    def cut_power(self) -> None:
        """Take the mains away from controller and heater; a heater that is stuck is off too."""
        self._changed()
        self.has_power, self.output = False, 0.0

    def restore_power(self) -> None:
        """Give the mains back: the controller boots, and begins with what is in its memory."""
        self._changed()
        self.has_power, self._powered_at_s = True, self._clock()
        self._power_on()

    # Faults ------------------------------------------------------------------------------------------------------

    def break_sensor(self) -> None:
        """Open the sensor's wire."""
        self._changed()
        self._shown_stale_degc = self.shown_degc
        self.faults.sensor_open = True

    def freeze_sensor(self) -> None:
        """Let the sensor's value stay as it is, to the last digit."""
        self._changed()
        step = 10.0**-self.quirks.decimals
        self.faults.sensor_frozen_degc = round(self.measured_degc / step) * step

    def let_sensor_drift(self, k_per_h: float) -> None:
        """Let the sensor's value run away from the truth."""
        self._changed()
        self.faults.drift_k_per_s = k_per_h / 3600.0

    def open_heater(self) -> None:
        """Burn the heater through: it gives nothing."""
        self._changed()
        self.faults.heater_open = True

    def stick_heater(self) -> None:
        """Weld the heater's switch: it gives all its power, whatever the output."""
        self._changed()
        self.faults.heater_stuck = True

    def stop_fan(self) -> None:
        """Stop the air."""
        self._changed()
        self.heat.fan_is_on = False

    def trip_limiter(self) -> None:
        """Let the independent limiter switch the heater off; the controller does not know."""
        self._changed()
        self.faults.limiter_tripped = True

    def mend(self) -> None:
        """Take all faults away, and close the door."""
        self._changed()
        self.faults = Faults()
        self.heat.fan_is_on, self.heat.door_is_open = True, False
