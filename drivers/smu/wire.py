"""Lines of SCPI as values: numbers, lists, errors and identities (reference smu-and-ovens, sections 4 to 6, 10, 11).

No input or output. The wire has neither message numbers nor checksums; a reply of another shape is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from drivers.errors import BadReply
from drivers.smu.dialects import Form, Setting

OVERFLOW_FROM = 9.8e37
"""From this magnitude on a number is no value: 9.91E37 is none, 9.9E37 is infinite, and a 2400 sends 9.91E37 for
both. Never compared for equality (section 1.9)."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d{1,3})?")
_ERROR = re.compile(r"([+-]?\d{1,6})(?:,\s*(.*))?")
_SWITCHES = {"0": "0", "1": "1", "OFF": "0", "ON": "1"}
_STATUS_LIMITS = (1 << 3) | (1 << 16)
"""A 2400's status word: real and range compliance (section 10)."""
_OVER_RANGE = 1 << 0
# Source and limit are quantised to 5e-5 of their range (section 2.2), and answered with seven figures.
_RESOLUTION = 1e-4
_FIGURES = 1e-5
_RANGE_MORE = 1.06


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """An entry of the error queue; code 0 is none. A 2450 adds fields inside the text, Keysight writes ``+0``."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text!r}"


@dataclass(frozen=True, slots=True)
class Identity:
    """The fields of an answer to ``*IDN?``: type without the word MODEL, in capitals, and the serial number."""

    type_name: str
    serial: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The values of one reply to a question for a reading; None is no value or more than the range."""

    output_on: bool
    voltage_v: float | None
    current_a: float | None
    at_limit: bool


def text_of(line: bytes) -> str:
    """Return a line as text. Raises BadReply for other than printable ASCII."""
    try:
        text = line.decode("ascii").strip()
    except UnicodeDecodeError as err:
        raise BadReply(f"{line!r} came, which is not ASCII") from err
    if not text.isprintable():
        raise BadReply(f"{line!r} came, which is not printable")
    return text


def spelled(value: float) -> str:
    """Write a number for the wire: a plain ``{:f}`` would make 1e-7 zero (section 16)."""
    return f"{value:.6E}"


def parts(text: str, count: int) -> list[str]:
    """Split the answer to ``count`` questions of one line. Raises BadReply when there are more or fewer."""
    found = [part.strip() for part in text.split(";", count - 1)]
    if len(found) != count:
        raise BadReply(f"{text!r} came where {count} answers belong")
    return found


def number(text: str) -> float | None:
    """Return a number, or None for one that stands for no value or for infinity. Raises BadReply for other text."""
    if not _NUMBER.fullmatch(text.strip()):
        raise BadReply(f"{text!r} came where a number belongs")
    value = float(text)
    return value if isfinite(value) and abs(value) < OVERFLOW_FROM else None


def switch(text: str) -> bool:
    """Return whether an answer is on. Raises BadReply for other than 0, 1, OFF and ON."""
    if (flag := _SWITCHES.get(text.strip().upper())) is None:
        raise BadReply(f"{text!r} came where 0 or 1 belongs")
    return flag == "1"


def error_entry(text: str) -> ErrorEntry:
    """Read an entry of the error queue. Raises BadReply."""
    if not (found := _ERROR.fullmatch(text)):
        raise BadReply(f"{text!r} came where an error's number belongs")
    return ErrorEntry(int(found[1]), (found[2] or "").strip('"'))


def identity(text: str) -> Identity:
    """Read an answer to ``*IDN?``. Raises BadReply for one without type and serial number."""
    fields = [field.strip() for field in text.split(",")]
    if len(fields) < 3 or not fields[1] or not fields[2]:
        raise BadReply(f"{text!r} came where maker, type and serial number belong")
    return Identity(fields[1].upper().removeprefix("MODEL").strip(), fields[2])


def event_flags(text: str) -> int:
    """Read a status register. Raises BadReply for other than a whole number from 0 to 255."""
    value = number(text)
    if value is None or not 0 <= value <= 255 or value != int(value):
        raise BadReply(f"{text!r} came where a status byte belongs")
    return int(value)


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a template with the values in the place of the names in braces."""
    return template.format_map(values)


def differs(setting: Setting, values: Mapping[str, str], answer: str) -> bool:
    """Return whether the answer to a setting's question says something else than was ordered. Raises BadReply."""
    wanted = filled(setting.wanted, values)
    if setting.form is Form.SWITCH:
        return switch(answer) != switch(wanted)
    if setting.form is Form.WORD:
        # Short keywords may be answered in their long form.
        return not answer.strip().strip("\"'").upper().startswith(wanted.upper())
    if setting.form is Form.NAMES:
        names = {name.strip().strip("\"'").upper().partition(":")[0][:4] for name in answer.split(",")}
        return not set(wanted.split(",")) <= names
    value, asked = number(answer), float(wanted)
    if value is None:
        return True
    if setting.form is Form.RANGE:
        return not asked * (1 - _FIGURES) <= value <= asked * _RANGE_MORE
    scale = float(values[setting.resolution]) if setting.resolution else 0.0
    return abs(abs(value) - abs(asked) if _is_magnitude(setting) else value - asked) > (
        _RESOLUTION * scale + _FIGURES * abs(asked)
    )


def _is_magnitude(setting: Setting) -> bool:
    """Return whether a setting is a limit, which acts on both signs and may be answered with either (section 8)."""
    return setting.wanted == "{limit}"


def measured(text: str, values: tuple[str, ...], has_trip: bool, sources_voltage: bool) -> Measured:
    """Read a reply to a question for a reading: output, values, and whether the limit holds. Raises BadReply.

    With the output off there is nothing to measure, and what follows the first answer is not looked at.
    """
    first, _, rest = text.partition(";")
    if not switch(first):
        return Measured(False, None, None, False)
    fields, *trip = parts(rest, 2 if has_trip else 1)
    found = [number(field) for field in fields.split(",")]
    if len(found) != len(values):
        raise BadReply(f"{text!r} came where {len(values)} values belong: {', '.join(values)}")
    named = dict(zip(values, found, strict=True))
    at_limit = bool(trip) and switch(trip[0])
    if "status" in named:
        if (status := named["status"]) is None or status != int(status) or status < 0:
            raise BadReply(f"{text!r} has no status word where one belongs")
        at_limit = bool(int(status) & _STATUS_LIMITS)
        if int(status) & _OVER_RANGE:
            # The measured function has left its fixed range; the sourced one is within its own.
            named["current" if sources_voltage else "voltage"] = None
    if "measured" in named:
        of_source, of_meter = named["sourced"], named["measured"]
        named["voltage"], named["current"] = (of_source, of_meter) if sources_voltage else (of_meter, of_source)
    return Measured(True, named["voltage"], named["current"], at_limit)
