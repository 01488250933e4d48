"""The settings of a serial thermometer in a bench file: its line, the form of its lines of text, and its places."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from drivers.table_settings import SHORTEST_POLL_S
from drivers.tester_kind import CHANNEL_NAME, CHANNEL_NAME_RULE, INSTRUMENT_NAME
from drivers.transport.port_settings import PortSettings


class ThermometerSettings(PortSettings):
    """A thermometer in a bench file.

    A line of text is read by ``pattern``, a regular expression with a named group for each sensor, or by ``columns``,
    their names in order, between ``separator`` (empty: any white space). ``places`` says which sensor is at which
    channel or oven. With ``request`` a line is asked for; without it the instrument sends lines by itself. ``identify``
    asks who it is, and ``identity`` must stand in the answer as a whole word.

    ``no_value`` are texts in the place of a number where a sensor is missing; what is outside of ``valid_degc`` is none
    either. ``decimal_comma``: numbers are written 23,5. ``boot_s`` is waited after opening, for boards that restart
    then.
    """

    name: str = Field(pattern=INSTRUMENT_NAME)
    pattern: str = ""
    columns: tuple[str, ...] = ()
    separator: str = ","
    places: dict[str, str] = Field(min_length=1)
    unit: Literal["degC", "degF", "K"] = "degC"
    decimal_comma: bool = False
    no_value: tuple[str, ...] = ("", "-", "--", "---", "----", "OL", "OPEN", "ERR", "NaN", "n/a")
    valid_degc: tuple[float, float] = (-100.0, 400.0)
    request: str = ""
    identify: str = ""
    identity: str = ""
    line_end: str = "\r\n"
    boot_s: float = Field(default=0.0, ge=0, le=60)
    poll_period_s: float = Field(default=5.0, ge=SHORTEST_POLL_S, le=600)

    @model_validator(mode="after")
    def _is_whole(self) -> ThermometerSettings:
        if bool(self.pattern) == bool(self.columns):
            raise ValueError("give a pattern or columns, one of the two")
        if bool(self.identify) != bool(self.identity):
            raise ValueError("identify and identity belong together: the question, and what its answer must hold")
        if not self.valid_degc[0] < self.valid_degc[1]:
            raise ValueError(f"valid_degc: {self.valid_degc[0]:g} is not below {self.valid_degc[1]:g}")
        sensors = self.sensors
        for place, sensor in self.places.items():
            if not (CHANNEL_NAME.fullmatch(place) or re.fullmatch(INSTRUMENT_NAME, place)):
                raise ValueError(f"places: {place!r} is no channel or oven; a name has {CHANNEL_NAME_RULE}")
            if sensor not in sensors:
                raise ValueError(
                    f"places: {place} is at sensor {sensor!r}, and there are {', '.join(sensors) or 'none'}"
                )
        return self

    @property
    def sensors(self) -> tuple[str, ...]:
        """Return the names of the sensors in a line. Raises ValueError for a pattern that is none."""
        if self.columns:
            return tuple(dict.fromkeys(self.columns))
        try:
            return tuple(re.compile(self.pattern).groupindex)
        except re.error as err:
            raise ValueError(f"pattern: {self.pattern!r} is no regular expression: {err}") from err
