"""The hands at a simulated oven, over TCP: one line of text an order, one line back (``ok``, or what is wrong).

::

    open door
    set 65
    freeze sensor
    state
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from simulators.oven.oven import SimulatedOven


class HandsAtOven:
    """Carries out orders at one oven: what hands do at it, and what breaks."""

    def __init__(self, oven: SimulatedOven) -> None:
        """Stand before an oven."""
        self._oven = oven
        self._verbs: dict[str, Callable[[], None]] = {
            "open door": oven.open_door,
            "close door": oven.close_door,
            "stand by": oven.stand_by,
            "run": lambda: oven.stand_by(stands_by=False),
            "automatic": oven.switch_to_automatic,
            "cut power": oven.cut_power,
            "restore power": oven.restore_power,
            "break sensor": oven.break_sensor,
            "freeze sensor": oven.freeze_sensor,
            "open heater": oven.open_heater,
            "stick heater": oven.stick_heater,
            "stop fan": oven.stop_fan,
            "trip limiter": oven.trip_limiter,
            "mend": oven.mend,
            "no alarm": lambda: oven.set_alarm(None),
        }
        self._with_number: dict[str, Callable[[float], None]] = {
            "set": oven.set_at_panel,
            "manual": lambda percent: oven.switch_to_manual(percent / 100.0),
            "drift": oven.let_sensor_drift,
            "alarm": oven.set_alarm,
            "room": oven.change_room,
        }

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it hangs up."""
        try:
            async for line in reader:
                writer.write(self.do(line.decode("ascii", "replace").strip()).encode() + b"\n")
        except (OSError, ValueError):
            pass  # the client is gone, or its line has no end
        writer.close()

    def do(self, order: str) -> str:
        """Carry out one order; return ``ok``, what was asked for, or what is wrong with the order."""
        if order == "state":
            return json.dumps(self.state())
        if order in self._verbs:
            self._verbs[order]()
            return "ok"
        verb, _, number = order.partition(" ")
        if verb not in self._with_number:
            known = (*self._verbs, *(f"{one} NUMBER" for one in self._with_number), "state")
            return f"error: nobody knows how to {order!r}; known are {', '.join(known)}"
        try:
            self._with_number[verb](float(number))
        except ValueError as err:
            return f"error: {err}"
        return "ok"

    def state(self) -> dict[str, float | bool | list[str]]:
        """Return the truth about the oven, in degC and percent."""
        oven = self._oven
        oven.advance()
        return {
            "shown_degc": round(oven.shown_degc, oven.quirks.decimals),
            "shown_target_degc": round(oven.target_degc, oven.quirks.decimals),
            "limit_degc": oven.quirks.high_degc,
            "controls": not (oven.is_standby or oven.is_manual),
            "air_degc": round(oven.heat.air_degc, 3),
            "sensor_degc": round(oven.heat.sensor_degc, 3),
            "cell_degc": round(oven.heat.cell_degc, 3),
            "target_degc": oven.target_degc,
            "working_degc": round(oven.working_degc, 3),
            "output_percent": round(100.0 * oven.output, 2),
            "door_is_open": oven.heat.door_is_open,
            "memory_writes": oven.memory.writes,
            "status": sorted(oven.status()),
        }
