"""Judges whether the thermometers in an oven contradict its own sensor while runs go on.

A sensor that freezes in an oven that has settled shows the right value, and the output stands still with it: nothing of
the controller tells that, and the oven follows the room. A second sensor does. A thermometer beside a cell lags behind
the air by minutes, as when a door was open: the two are compared only where the oven's own sensor has been steady for
longer than that. Pure: fed with readings in order of time.
"""

from __future__ import annotations

from collections.abc import Mapping

AGREE_K = 2.0
"""How far a thermometer in an oven may be from the oven's own sensor: racks and doors make gradients of 1 K, and a
thermocouple is good for 1.5 K."""

STEADY_S = 1800.0
STEADY_K = 1.0
"""The oven's own sensor has been within so much for so long: three lags of a cell, of which 5 percent of any step are
left."""

LASTS_S = 120.0
"""A contradiction begins, and is over, when each reading of two minutes says so: a plug that is touched is none."""


def farthest(own_degc: float, beside: Mapping[str, float], agree_k: float) -> str:
    """Return the place whose thermometer contradicts the oven's own sensor most; empty where none does."""
    away = {place: abs(degc - own_degc) for place, degc in beside.items()}
    place = max(away, key=away.__getitem__, default="")
    return place if place and away[place] > agree_k else ""


class OvenAgreement:
    """Judges one oven; ``contradicted_by`` is the place of the thermometer that contradicts it, empty for none."""

    def __init__(self, agree_k: float = AGREE_K) -> None:
        self.contradicted_by = ""
        self._agree_k = agree_k
        # The value around which the oven's own sensor is steady, and since when.
        self._steady: tuple[float, float] | None = None
        # Since when the readings say the opposite of what is told.
        self._other_since_s: float | None = None

    def feed(self, own_degc: float, beside: Mapping[str, float], unix_s: float) -> None:
        """Add what all sensors show at one time; ``beside`` are the thermometers by place."""
        if self._steady is None or abs(own_degc - self._steady[0]) > STEADY_K:
            self._steady = own_degc, unix_s
        place = farthest(own_degc, beside, self._agree_k)
        is_steady = unix_s - self._steady[1] >= STEADY_S
        is_told = bool(self.contradicted_by)
        if bool(place) == is_told or (place and not is_steady) or not beside:
            self._other_since_s = None
            self.contradicted_by = place if is_told and place else self.contradicted_by
            return
        if self._other_since_s is None:
            self._other_since_s = unix_s
        if unix_s - self._other_since_s >= LASTS_S:
            self.contradicted_by, self._other_since_s = place, None
