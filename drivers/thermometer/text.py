"""A thermometer's line of text as temperatures; what is no number says why."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.errors import BadReply
from drivers.temperatures import TemperatureReading
from drivers.thermometer.settings import ThermometerSettings

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_ZERO_DEGC_K = 273.15
_MOST_SHOWN = 80


class LineReader:
    """Reads lines in the form that the settings give."""

    def __init__(self, settings: ThermometerSettings) -> None:
        self._settings = settings
        self._pattern = re.compile(settings.pattern) if settings.pattern else None
        self._no_value = {text.casefold() for text in settings.no_value}

    def fields(self, line: bytes) -> dict[str, str] | None:
        """Return the text of each sensor; None for a line of another form, such as the heading of a table.

        Raises BadReply for what is no text: the wrong speed or parity, or another instrument.
        """
        text = line.decode("ascii", "replace").strip()
        # A part of a line behind noise would be a value of no sensor.
        if not text.isascii() or not text.replace("\t", " ").isprintable():
            raise BadReply(f"{line[:_MOST_SHOWN]!r} is no text: check baud_rate and parity")
        if self._pattern is not None:
            match = self._pattern.search(text)
            found = {} if match is None else {name: value or "" for name, value in match.groupdict().items()}
        else:
            parts = [part.strip() for part in text.split(self._settings.separator or None)]
            same = len(parts) == len(self._settings.columns)
            found = dict(zip(self._settings.columns, parts, strict=True)) if same else {}
        wanted = {found[sensor] for sensor in self._settings.places.values() if sensor in found}
        if any(self._is_none(one) or self._number(one) is not None for one in wanted):
            return found
        return None

    def readings(self, fields: Mapping[str, str], unix_time_s: float) -> dict[str, TemperatureReading]:
        """Return the reading of each place."""
        return {place: self._reading(fields[sensor], unix_time_s) for place, sensor in self._settings.places.items()}

    def _reading(self, text: str, unix_time_s: float) -> TemperatureReading:
        if self._is_none(text):
            return TemperatureReading(None, unix_time_s, f"no sensor: it says {text!r}")
        if (number := self._number(text)) is None:
            return TemperatureReading(None, unix_time_s, f"{text!r} is no number")
        degc = self._in_degc(number)
        low, high = self._settings.valid_degc
        if not low <= degc <= high:
            return TemperatureReading(None, unix_time_s, f"{degc:g} degC is not within {low:g} to {high:g} degC")
        return TemperatureReading(degc, unix_time_s)

    def _is_none(self, text: str) -> bool:
        return text.strip().casefold() in self._no_value

    def _number(self, text: str) -> float | None:
        plain = text.strip()
        if self._settings.decimal_comma:
            plain = plain.replace(",", ".")
        return float(plain) if _NUMBER.fullmatch(plain) else None

    def _in_degc(self, number: float) -> float:
        match self._settings.unit:
            case "K":
                degc = number - _ZERO_DEGC_K
            case "degF":
                degc = (number - 32.0) / 1.8
            case _:
                degc = number
        return round(degc, 6)
