"""Judges how far an oven is from the temperature that its runs want: it warns, all its channels are held, or trip.

Pure: fed with temperatures in order of time. One odd reading does nothing: each band asks for several of the last ones.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from math import ceil

WARN_K = 2.0
HOLD_K = 5.0
CUT_OUT_K = 10.0
"""Of a cell at 60 degC: told beyond 58 to 62, held beyond 55 to 65, tripped from 70 degC on (faults C10, C11)."""

COLD_S = 120.0
"""An oven that is too cold holds its channels after so long: a cell lags eight minutes behind the air, and a door that
is open for half a minute takes it 2 K down. One that is too hot does not come back by itself."""

_QUICK = (3, 5)
_TRIP = (2, 3)


class OvenBand(IntEnum):
    """How far an oven is from its temperature, in rising order."""

    INSIDE = 0
    WARN = 1
    HOLD = 2
    TRIP = 3


@dataclass(frozen=True, slots=True)
class OvenLimits:
    """The half widths of an oven's bands around the wanted temperature, and the temperature from which all runs trip.

    ``cut_out_degc`` None is ``CUT_OUT_K`` above what is wanted; without anything wanted then nothing trips.
    """

    warn_k: float = WARN_K
    hold_k: float = HOLD_K
    cut_out_degc: float | None = None

    def trips_from(self, wanted_degc: float | None) -> float | None:
        """Return the temperature from which all runs in the oven trip; None where nothing says one."""
        if self.cut_out_degc is not None or wanted_degc is None:
            return self.cut_out_degc
        return wanted_degc + CUT_OUT_K


class _Several:
    """True when so many of the last values were, and until all of them are not."""

    def __init__(self, need: int, of: int) -> None:
        self._need = need
        self._seen: deque[bool] = deque(maxlen=of)
        self._is_on = False

    def feed(self, *, is_beyond: bool) -> bool:
        self._seen.append(is_beyond)
        count = sum(self._seen)
        self._is_on = count >= self._need or (self._is_on and count > 0)
        return self._is_on


class OvenBandJudge:
    """Judges one oven that is read every ``period_s``. ``feed`` returns the band in which it is."""

    def __init__(self, limits: OvenLimits, period_s: float) -> None:
        self._limits = limits
        self._period_s = period_s
        self._wanted_degc: float | None = None
        self._begin()

    def _begin(self) -> None:
        cold = max(_QUICK[0], ceil(COLD_S / self._period_s))
        self._warn = _Several(*_QUICK)
        self._hot = _Several(*_QUICK)
        self._cold = _Several(cold, cold + cold // 4)
        self._trip = _Several(*_TRIP)

    def feed(
        self, temperature_degc: float, wanted_degc: float | None, hottest_degc: float, cut_out_degc: float | None
    ) -> OvenBand:
        """Add a reading of an oven whose runs want a temperature (None: none has begun that does).

        ``hottest_degc`` is the highest that any of its thermometers shows, its own among them; from ``cut_out_degc`` on
        it trips.
        """
        if wanted_degc != self._wanted_degc:
            self._wanted_degc = wanted_degc
            self._begin()
        away_k = 0.0 if wanted_degc is None else temperature_degc - wanted_degc
        limits = self._limits
        band = OvenBand.INSIDE
        if self._warn.feed(is_beyond=abs(away_k) > limits.warn_k):
            band = OvenBand.WARN
        is_hot = self._hot.feed(is_beyond=away_k > limits.hold_k)
        is_cold = self._cold.feed(is_beyond=away_k < -limits.hold_k)
        if is_hot or is_cold:
            band = OvenBand.HOLD
        if self._trip.feed(is_beyond=cut_out_degc is not None and hottest_degc >= cut_out_degc):
            band = OvenBand.TRIP
        return band
