"""Reads the text steps of a PyBaMM experiment, one a line or in Python's own words; no code of the file is run.

What PyBaMM refuses (uA, two ends, a decimal comma) is refused here too, with what to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from protocols.formats.file_contents import Doc, FormatError, Note, ReadRecipe
from protocols.formats.numbers import milliampere_text, number, plain, positive, time_text, voltage_text
from protocols.formats.pybamm_python import PERIOD, Loop, of_lines, of_python
from protocols.formats.read_steps import CHARGE, DISCHARGE, StepList, current_step, rest

_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
_STEP = re.compile(
    r"(?P<word>Charge|Discharge|Hold|Rest)(?: at (?P<value>.+?))?"
    r"(?: for (?P<time>.+?))?(?:(?: or)? until (?P<end>.+?))?(?: \((?P<period>.+?) period\))?"
)
_TIME = re.compile(rf"({_NUMBER}) ?(seconds|second|sec|s|minutes|minute|min|m|hours|hour|hr|h)")
_FACTORS = {"s": 1, "m": 60, "h": 3600}
_VALUE = re.compile(rf"(?:({_NUMBER}) ?(m?A|m?V|m?W|Ohm|C)|C/({_NUMBER}))")
_OPERATOR = re.compile(r"([<>]) ?")


def knows(data: bytes) -> bool:
    """Tell whether a file may be steps of PyBaMM."""
    words = re.search(rb"\b(Charge|Discharge|Hold|Rest)( at [^\n]+)? (for|until) ", data)
    return words is not None and not data.lstrip().startswith((b"{", b"<"))


def read(data: bytes) -> ReadRecipe:
    """Read an experiment. Raises FormatError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise FormatError(f"the file is no text in UTF-8: {err}") from None
    try:
        found = of_python(text) or of_lines(text)
    except RecursionError:
        raise FormatError("the file nests deeper than anybody writes a test") from None
    if not found.items:
        raise FormatError("the file has no steps: expected texts such as 'Charge at 1 mA for 1 hour or until 4.2 V'")
    work = _Reading()
    work.add(found.items, ())
    every = _seconds(found.period, "period")
    if not found.is_said:
        work.list.notes.append(Note("period", f"it says none: PyBaMM's own, {PERIOD}, is taken", is_lost=False))
    return ReadRecipe(
        source="steps of a PyBaMM experiment",
        title="",
        steps=work.list.steps,
        record={"every": time_text(every)},
        notes=(*found.notes, *work.list.notes),
    )


class _Reading:
    def __init__(self) -> None:
        self.list = StepList()
        self._count = 0

    def add(self, items: Sequence[str | Loop], at: tuple[int, ...]) -> None:
        """Add steps and loops, in order."""
        for n, item in enumerate(items, 1):
            where = f"step {'.'.join(map(str, (*at, n)))}"
            self._count += 1
            if isinstance(item, Loop):
                first = self._count
                self.add(item.items, (*at, n))
                self._count += 1
                self.list.repeat(self._count, first, item.times, where)
            else:
                self._step(item, f"{where}, {item!r:.80}")

    def _step(self, text: str, where: str) -> None:
        found = _STEP.fullmatch(" ".join(text.split()))
        if found is None or (found["time"] is None and found["end"] is None):
            raise FormatError(f"{where} is no step: expected such as 'Charge at 1 mA for 1 hour or until 4.2 V'")
        until: Doc = {}
        if found["time"] is not None:
            until["time"] = time_text(_seconds(found["time"], where))
        step = self._rest(found, until, where) if found["word"] == "Rest" else self._driven(found, until, where)
        if step is None:
            self.list.add_unknown(self._count, where, "a step of a kind that cellrig has not")
            return
        if found["period"] is not None:
            step["record"] = {"every": time_text(_seconds(found["period"], where))}
        self.list.add(self._count, step)

    def _rest(self, found: re.Match[str], until: Doc, where: str) -> Doc | None:
        if found["end"] is not None and until:
            self.list.notes.append(Note(where, f"the end at {found['end']} of a rest is left out"))
        return rest(until["time"]) if until else None

    def _driven(self, found: re.Match[str], until: Doc, where: str) -> Doc | None:
        unit, value = _electric(found["value"] or "", where)
        if found["word"] == "Hold":
            return self._hold(unit, value, found["end"], until, where) if unit == "V" else None
        if unit not in ("A", "C"):
            return None
        direction = CHARGE if found["word"] == "Charge" else DISCHARGE
        if value < 0:
            direction = DISCHARGE if direction == CHARGE else CHARGE
            self.list.notes.append(Note(where, f"its current is negative: a {direction}", is_lost=False))
        if not value:
            raise FormatError(f"{where} has a current of 0")
        self._voltage_end(found["end"], direction, until, where)
        if "time" not in until:
            # PyBaMM gives a rate twice its time, and any other current a day.
            hours = plain(2 / abs(value)) if unit == "C" else "24"
            told = f"PyBaMM ends it, and the whole simulation, after {hours} h; here it has the bound of the cell"
            self.list.notes.append(Note(where, told, is_lost=False))
        return current_step(direction, _current(unit, abs(value), found["value"]), until, where)

    def _voltage_end(self, end: str | None, direction: str, until: Doc, where: str) -> None:
        if end is None:
            return
        operator = _OPERATOR.match(end)
        unit, value = _electric(_OPERATOR.sub("", end, count=1), where)
        is_usual = operator is None or (operator[1] == ">") == (direction == CHARGE)
        if unit == "V" and is_usual:
            until["voltage"] = voltage_text(value)
        else:
            self.list.notes.append(Note(where, f"its end at {end} is left out: a current ends by time or voltage here"))

    def _hold(self, unit: str, volts: Decimal, end: str | None, until: Doc, where: str) -> Doc:
        if end is not None:
            unit, value = _electric(_OPERATOR.sub("", end, count=1), where)
            if unit in ("A", "C"):
                until["current"] = _current(unit, abs(value), end)
            else:
                self.list.notes.append(
                    Note(where, f"its end at {end} is left out: a hold ends by time or current here")
                )
        return self.list.hold(self.list.direction_of_hold(volts, where), volts, until, None, where)


def _current(unit: str, value: Decimal, text: str) -> str:
    if unit == "A":
        return milliampere_text(value * 1000)
    below = _VALUE.fullmatch(text.strip())
    return f"C/{below[3]}" if below is not None and below[3] else f"{plain(value)} C"


def _electric(text: str, where: str) -> tuple[str, Decimal]:
    """Read a value with its unit, in A, V, W, Ohm or C. Raises FormatError."""
    found = _VALUE.fullmatch(text.strip())
    if found is None:
        hint = "; write uA as mA" if "uA" in text or "\u00b5" in text or "\u03bc" in text else ""
        raise FormatError(
            f"{where}: {text!r:.40} is not known; expected a number with mA, A, mV, V or C, or C/10{hint}"
        )
    if found[3] is not None:
        below = positive(found[3], where)
        if below is None:
            raise FormatError(f"{where}: a rate of C/0")
        return "C", 1 / below
    value, unit = number(found[1], where), found[2]
    return (unit[1:], value / 1000) if unit.startswith("m") else (unit, value)


def _seconds(text: str, where: str) -> Decimal:
    found = _TIME.fullmatch(text.strip())
    value = None if found is None else positive(found[1], where)
    if found is None or value is None:
        raise FormatError(f"{where}: {text!r:.40} is no time; expected such as '30 minutes'")
    return value * _FACTORS[found[2][0]]
