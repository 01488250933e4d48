"""Keeps what is known of one oven: its newest reading, its faults, and whether its sensors can be believed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf

from drivers.oven.fault_judge import DOOR_DROP_K, DOOR_LONGEST_S
from drivers.oven.settings import OvenSettings
from drivers.temperatures import OvenFault, OvenReading
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.judging.oven_agreement import OvenAgreement
from orchestrator.judging.still_sensor import StillSensor
from orchestrator.rack.oven_events import OvenEvents
from orchestrator.rack.place_temperatures import PlaceTemperatures

# Faults with which the heat cannot be trusted whatever the sensor shows: the runs are held at once.
_HELD_AT_ONCE = frozenset({OvenFault.HEATER_STUCK, OvenFault.SENSOR_FROZEN})

DISAGREE = "thermometers disagree"
"""What the contradiction of two sensors is called, beside the faults that the driver of an oven tells."""


class OvenSight:
    """What is known of one oven."""

    def __init__(self, settings: OvenSettings, places: PlaceTemperatures, events: OvenEvents) -> None:
        self.name = settings.name
        self.reading: OvenReading | None = None
        # Why there is no valid temperature; empty while there is one.
        self.problem = f"{settings.name} has not been read yet"
        # What is wrong with it, as it was read last; and whether it does not answer.
        self.faults: frozenset[OvenFault] = frozenset()
        self.is_lost = False
        # Set when it has answered, or not, for the first time.
        self.looked_at = asyncio.Event()
        self._where: Sequence[str] = (settings.name, *settings.places)
        self._places = places
        self._events = events
        self._still = StillSensor()
        self._agreement = OvenAgreement(settings.agree_k)

    def lost(self, why: str) -> None:
        """Note that it does not answer."""
        self.looked_at.set()
        self.problem = f"{self.name} does not answer: {why}"
        if not self.is_lost:
            self.is_lost = True
            self._events.tell(EventKind.OVEN_LOST, self.problem)

    def seen(self, reading: OvenReading) -> None:
        """Note a reading, and tell what has begun or ended with it."""
        self.reading = reading
        self.looked_at.set()
        if self.is_lost:
            self.is_lost = False
            self._events.tell(EventKind.OVEN_BACK, f"{self.name} answers again")
        self._tell_faults(reading)
        self.faults = reading.faults
        if reading.temperature_degc is None:
            self.problem = f"the sensor of {self.name} shows no temperature"
        elif OvenFault.SENSOR_FROZEN in reading.faults:
            self.problem = f"the sensor of {self.name} is frozen at {reading.temperature_degc:.1f} degC"
        else:
            self.problem = ""
            self._still.feed(reading.temperature_degc, reading.output_percent, reading.unix_time_s)
            self._places.note_oven(self.name, reading.unix_time_s, reading.temperature_degc)
            self._compare(reading.temperature_degc, reading.unix_time_s)

    def _tell_faults(self, reading: OvenReading) -> None:
        for fault in sorted(reading.faults - self.faults):
            self._events.tell(
                EventKind.OVEN_FAULT, f"{self.name}: {fault.value}, {_shown(reading)}", {"fault": fault.value}
            )
        over = self.faults - reading.faults
        if OvenFault.DOOR_OPEN in over and not _is_warm_again(reading):
            # The driver has given up waiting for the heat: that is no closed door.
            over -= {OvenFault.DOOR_OPEN}
            self._events.tell(
                EventKind.OVEN_FAULT,
                f"{self.name}: the heat has not come back in {duration_words(DOOR_LONGEST_S)}, {_shown(reading)}; the "
                "door may still be open, or it does not heat: look at its door, its fan and its heater",
                {"fault": OvenFault.DOOR_OPEN.value},
            )
        if over:
            words = ", ".join(sorted(fault.value for fault in over))
            self._events.tell(EventKind.OVEN_BACK, f"{self.name}: {words} is over, {_shown(reading)}")

    def _compare(self, own_degc: float, unix_s: float) -> None:
        """Compare the oven's own sensor with the thermometers in it, and tell where they begin or end to disagree."""
        before = self._agreement.contradicted_by
        self._agreement.feed(own_degc, self.beside, unix_s)
        if bool(before) == bool(self._agreement.contradicted_by):
            return
        if before:
            self._events.tell(EventKind.OVEN_BACK, f"{self.name}: {DISAGREE} is over, it shows {own_degc:.1f} degC")
        else:
            self._events.tell(EventKind.OVEN_FAULT, self.contradiction, {"fault": DISAGREE})

    @property
    def contradiction(self) -> str:
        """Say which thermometer inside contradicts the oven's own sensor, in a sentence; empty while none does."""
        place, own = self._agreement.contradicted_by, None if self.reading is None else self.reading.temperature_degc
        if not place or own is None or self.problem:
            return ""
        degc = self.beside.get(place)
        shown = "no temperature any more" if degc is None else f"{degc:.1f} degC"
        return f"{self.name} shows {own:.1f} degC, and the thermometer at {place} {shown}: {DISAGREE}"

    @property
    def stands_still(self) -> bool:
        """Whether the sensor shows one and the same value for minutes while the heater's output is changed."""
        return self._still.stands_still

    @property
    def temperature_degc(self) -> float | None:
        """The oven's own valid temperature, else that of a thermometer inside; None where there is neither."""
        if not self.problem and self.reading is not None:
            return self.reading.temperature_degc
        return next(iter(self.beside.values()), None)

    @property
    def beside(self) -> dict[str, float]:
        """What the thermometers in the oven show, by place; that of the oven as a whole is first."""
        now = wall_time()
        found = {place: self._places.of_probe(place, now) for place in self._where}
        return {place: degc for place, degc in found.items() if degc is not None}

    @property
    def hottest_degc(self) -> float:
        """The highest that any thermometer in the oven shows, its own among them."""
        own = self.temperature_degc
        return max([-inf if own is None else own, *self.beside.values()])

    @property
    def is_left_safe(self) -> bool:
        """Whether nobody knows how hot it is while it heats: the safe set point stays, whatever a run wants."""
        return bool(self.faults & _HELD_AT_ONCE) and not self.is_lost and self.temperature_degc is None

    @property
    def told_faults(self) -> tuple[str, ...]:
        """The names of all that is wrong with it, in order."""
        return tuple(sorted([fault.value for fault in self.faults] + [DISAGREE] * bool(self.contradiction)))


def _is_warm_again(reading: OvenReading) -> bool:
    """Say whether an oven is near what it follows now, as after a door was closed."""
    degc = reading.temperature_degc
    return degc is None or degc > reading.working_degc - DOOR_DROP_K


def _shown(reading: OvenReading) -> str:
    shown = "no temperature" if reading.temperature_degc is None else f"{reading.temperature_degc:.1f} degC"
    return f"{shown}, set to {reading.target_degc:g} degC"
