"""The heat in an oven: heater, air, walls, and what hangs in the air: the controller's sensor and a cell.

All numbers are assumed, of an oven of about 50 litres (reference smu-and-ovens, section 23). Only energy flows: the
sensor and the cell take so little that they only follow.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class ThermalParameters:
    """Powers, heat capacities and exchanges of an oven, and how its sensor and a cell lag behind the air."""

    power_w: float = 800.0
    heater_j_per_k: float = 600.0
    air_j_per_k: float = 700.0
    walls_j_per_k: float = 9000.0
    heater_air_w_per_k: float = 12.0
    air_walls_w_per_k: float = 18.0
    walls_room_w_per_k: float = 3.0
    air_room_w_per_k: float = 0.6
    open_door_w_per_k: float = 60.0
    # Without the fan the air hardly moves along the heater and the walls.
    fan_off_share: float = 0.25
    sensor_lag_s: float = 20.0
    sensor_dead_s: float = 10.0
    cell_lag_s: float = 480.0
    room_degc: float = 23.0


class Heat:
    """The temperatures of one oven, all at the room's at first; ``step`` moves them by a second."""

    def __init__(self, parameters: ThermalParameters) -> None:
        """Begin cold."""
        self.parameters = parameters
        room = parameters.room_degc
        self.heater_degc = self.air_degc = self.walls_degc = self.sensor_degc = self.cell_degc = room
        self.door_is_open = False
        self.fan_is_on = True
        self.moved_k = 0.0
        self._on_the_way = deque([room] * max(1, round(parameters.sensor_dead_s / STEP_S)))

    def step(self, output: float) -> None:
        """Advance by a second with this share of the heater's power, 0 to 1; ``moved_k`` is the fastest change."""
        p = self.parameters
        stirred = 1.0 if self.fan_is_on else p.fan_off_share
        to_room = p.air_room_w_per_k + (p.open_door_w_per_k if self.door_is_open else 0.0)
        from_heater = p.heater_air_w_per_k * stirred * (self.heater_degc - self.air_degc)
        to_walls = p.air_walls_w_per_k * stirred * (self.air_degc - self.walls_degc)
        heater = (output * p.power_w - from_heater) / p.heater_j_per_k
        air = (from_heater - to_walls - to_room * (self.air_degc - p.room_degc)) / p.air_j_per_k
        walls = (to_walls - p.walls_room_w_per_k * (self.walls_degc - p.room_degc)) / p.walls_j_per_k
        self.heater_degc += heater * STEP_S
        self.air_degc += air * STEP_S
        self.walls_degc += walls * STEP_S
        self._on_the_way.append(self.air_degc)
        sensor = (self._on_the_way.popleft() - self.sensor_degc) / p.sensor_lag_s
        cell = (self.air_degc - self.cell_degc) / p.cell_lag_s
        self.sensor_degc += sensor * STEP_S
        self.cell_degc += cell * STEP_S
        self.moved_k = max(abs(heater), abs(air), abs(walls), abs(sensor), abs(cell)) * STEP_S
