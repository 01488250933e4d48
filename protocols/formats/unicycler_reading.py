"""Reads the JSON of aurora-unicycler.

What others than its own reader must know: a rate goes before a current; a sample with a capacity makes a rate a
current; the sign of a current is its direction, also of one that ends a hold, where it is missing after discharges; a
loop counts all passes and goes back to a tag or a number; 0 and "" are no values but for voltages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from protocols.formats.file_contents import Doc, FormatError, Note, ReadRecipe, mapping
from protocols.formats.numbers import count, milliampere_text, number, plain, positive, time_text, voltage_text
from protocols.formats.read_steps import CHARGE, DISCHARGE, StepList, current_step, rest

_FRACTION = re.compile(r"(?P<sign>[+-]?)(?P<above>[0-9.]*) ?(?P<letter>[CD]?) ?/ ?(?P<below>[0-9.]+)")
_KNOWN = {
    "open_circuit_voltage": {"until_time_s"},
    "constant_current": {"rate_C", "current_mA", "until_time_s", "until_voltage_V"},
    "constant_voltage": {"voltage_V", "until_time_s", "until_rate_C", "until_current_mA"},
    "impedance_spectroscopy": {"amplitude_V", "start_frequency_Hz", "end_frequency_Hz"},
    "loop": {"loop_to", "cycle_count"},
    "tag": {"tag"},
}
# What each of them may say without changing anything here.
_HARMLESS: Mapping[str, object] = {"measures_per_point": 1, "drift_correction": False}


def knows(data: bytes) -> bool:
    """Tell whether a file may be one of unicycler's."""
    head = data.lstrip(b"\xef\xbb\xbf \r\n\t")
    return head.startswith(b"{") and b'"method"' in data


def read(data: bytes) -> ReadRecipe:
    """Read a protocol. Raises FormatError."""
    try:
        document = mapping(
            json.loads(data.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refused), "the file"
        )
    except (ValueError, RecursionError) as err:
        raise FormatError(f"the file is no JSON: {err}") from None
    method = document.get("method")
    if not isinstance(method, list) or not method:
        raise FormatError("the file has no method: expected a list of steps")
    sample = mapping(document.get("sample") or {}, "sample")
    work = _Reading(_value(sample.get("capacity_mAh"), "sample.capacity_mAh"))
    for n, step in enumerate(method, 1):
        work.step(n, mapping(step, f"method[{n}]"))
    record = mapping(document.get("record") or {}, "record")
    safety = mapping(document.get("safety") or {}, "safety")
    notes = [*work.list.notes, *_beside(safety, record)]
    version = mapping(document.get("unicycler") or {}, "unicycler").get("version", "")
    return ReadRecipe(
        source=f"JSON of aurora-unicycler {version}".strip(),
        title=str(sample.get("name") or "").replace("$NAME", ""),
        steps=work.list.steps,
        record=_record(record),
        low_v=_volts(safety.get("min_voltage_V"), "safety.min_voltage_V"),
        high_v=_volts(safety.get("max_voltage_V"), "safety.max_voltage_V"),
        notes=tuple(notes),
    )


def _refused(text: str) -> None:
    raise FormatError(f"the file has {text} where a number belongs")


def _value(value: object, where: str) -> Decimal | None:
    """Read a number above 0; nothing, "" and 0 are none."""
    return None if value in (None, "") else positive(value, where)


def _volts(value: object, where: str) -> Decimal | None:
    return None if value in (None, "") else number(value, where)


class _Reading:
    def __init__(self, capacity_mah: Decimal | None) -> None:
        self.list = StepList()
        self.capacity_mah = capacity_mah
        self._tags: dict[str, int] = {}

    def step(self, n: int, step: Mapping[str, Any]) -> None:
        """Add one step of the method."""
        kind, where = step.get("step"), f"method[{n}]"
        self._unknown_keys(step, str(kind), where)
        if kind == "open_circuit_voltage":
            seconds = _value(step.get("until_time_s"), f"{where}.until_time_s")
            if seconds is None:
                raise FormatError(f"{where} is a rest without until_time_s")
            self.list.add(n, rest(time_text(seconds)))
        elif kind == "constant_current":
            self.list.add(n, self._current(step, where))
        elif kind == "constant_voltage":
            self.list.add(n, self._hold(step, where))
        elif kind == "impedance_spectroscopy" and step.get("amplitude_V") not in (None, "", 0):
            self.list.add(n, self._impedance(step, where))
        elif kind == "tag":
            self._tags[str(step.get("tag", ""))] = n
        elif kind == "loop":
            self._loop(n, step, where)
        else:
            self.list.add_unknown(n, where, f"a step {kind!r:.60}")

    def _unknown_keys(self, step: Mapping[str, Any], kind: str, where: str) -> None:
        known = _KNOWN.get(kind, set())
        for key, value in step.items():
            is_set = value not in (None, "") and _HARMLESS.get(key) != value
            if kind in _KNOWN and key not in {"step", "id", *known} and is_set:
                self.list.notes.append(Note(where, f"{key} {value} has no place here: left out"))

    def _signed(self, step: Mapping[str, Any], rate: str, current: str, where: str) -> tuple[str, str] | None:
        """Give direction and magnitude of a current; None where it says none. A rate goes before a current."""
        found = _rate(step.get(rate), f"{where}.{rate}")
        if found is not None:
            times, text = found
            direction = CHARGE if times > 0 else DISCHARGE
            if self.capacity_mah is None:
                return direction, text
            return direction, milliampere_text(abs(times) * self.capacity_mah)
        value = step.get(current)
        milliamperes = Decimal(0) if value in (None, "") else number(value, f"{where}.{current}")
        if not milliamperes:
            return None
        return CHARGE if milliamperes > 0 else DISCHARGE, milliampere_text(abs(milliamperes))

    def _current(self, step: Mapping[str, Any], where: str) -> Doc:
        signed = self._signed(step, "rate_C", "current_mA", where)
        if signed is None:
            raise FormatError(f"{where} has a current of 0: expected rate_C or current_mA")
        until = _time(step, where)
        volts = _volts(step.get("until_voltage_V"), f"{where}.until_voltage_V")
        if volts is not None:
            until["voltage"] = voltage_text(volts)
        return current_step(*signed, until, where)

    def _hold(self, step: Mapping[str, Any], where: str) -> Doc:
        volts = number(step.get("voltage_V"), f"{where}.voltage_V")
        until, taper = _time(step, where), self._signed(step, "until_rate_C", "until_current_mA", where)
        direction = self.list.direction_of_hold(volts, where)
        if taper is not None:
            until["current"] = taper[1]
            if taper[0] == DISCHARGE:
                direction = DISCHARGE
        return self.list.hold(direction, volts, until, None, where)

    def _impedance(self, step: Mapping[str, Any], where: str) -> Doc:
        points = step.get("points_per_decade")
        if points is not None:
            told = f"{points} points a decade: the potentiostat here has its own"
            self.list.notes.append(Note(where, told, is_lost=False))
        low, high = sorted(
            number(step.get(key), f"{where}.{key}") for key in ("start_frequency_Hz", "end_frequency_Hz")
        )
        amplitude = number(step.get("amplitude_V"), f"{where}.amplitude_V")
        return {
            "step": "eis",
            "high": f"{plain(high)} Hz",
            "low": f"{plain(low)} Hz",
            "amplitude": voltage_text(amplitude),
        }

    def _loop(self, n: int, step: Mapping[str, Any], where: str) -> None:
        back_to, times = step.get("loop_to", 1), count(step.get("cycle_count"), f"{where}.cycle_count")
        if isinstance(back_to, str) and back_to not in self._tags:
            raise FormatError(f"{where} goes back to the tag {back_to!r:.60}, which stands nowhere before it")
        start = self._tags[back_to] if isinstance(back_to, str) else count(back_to, f"{where}.loop_to")
        self.list.repeat(n, start, times, where)


def _rate(value: object, where: str) -> tuple[Decimal, str] | None:
    """Give a rate, signed, and how a recipe writes its magnitude; None for 0 and nothing."""
    if value in (None, "", 0):
        return None
    found = _FRACTION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        times = number(value, where)
        return (times, f"{plain(abs(times))} C") if times else None
    above, below = number(found["above"] or 1, where), number(found["below"], where)
    if not below or not above:
        raise FormatError(f"{where} is {value!r:.60}; expected a rate such as C/10")
    sign = -1 if (found["letter"] == "D") != (found["sign"] == "-") else 1
    return sign * above / below, f"{plain(above)} C/{plain(below)}".removeprefix("1 ")


def _time(step: Mapping[str, Any], where: str) -> Doc:
    seconds = _value(step.get("until_time_s"), f"{where}.until_time_s")
    return {} if seconds is None else {"time": time_text(seconds)}


def _record(record: Mapping[str, Any]) -> Doc:
    found: Doc = {}
    if (seconds := _value(record.get("time_s"), "record.time_s")) is not None:
        found["every"] = time_text(seconds)
    if (volts := _value(record.get("voltage_V"), "record.voltage_V")) is not None:
        found["on_voltage_change"] = voltage_text(volts)
    if (current := _value(record.get("current_mA"), "record.current_mA")) is not None:
        found["on_current_change"] = milliampere_text(current)
    return found


def _beside(safety: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Note]:
    for key, value in safety.items():
        if key not in ("max_voltage_V", "min_voltage_V") and value not in (None, "", 0):
            told = f"{key} {value} is left out: cellrig's own limits of current and delay hold"
            yield Note("safety", told, is_lost=key == "max_capacity_mAh")
    for key in record:
        if key not in ("time_s", "voltage_V", "current_mA"):
            yield Note("record", f"{key} is left out")
