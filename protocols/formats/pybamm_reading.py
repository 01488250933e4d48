"""Reads the text steps of a PyBaMM experiment, one a line or in Python's own words; no code of the file is run.

Known are lists, tuples, sums, products with a number, names that stand for such, and ``pybamm.Experiment(...)``. What
PyBaMM refuses (uA, two ends, a decimal comma) is refused here too, with what to write.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from protocols.formats.file_contents import Doc, FormatError, Note, ReadRecipe
from protocols.formats.numbers import milliampere_text, number, plain, positive, time_text, voltage_text
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
# What PyBaMM records by itself.
_PERIOD = "1 minute"


def knows(data: bytes) -> bool:
    """Tell whether a file may be steps of PyBaMM."""
    words = re.search(rb"\b(Charge|Discharge|Hold|Rest)( at [^\n]+)? (for|until) ", data)
    return words is not None and not data.lstrip().startswith((b"{", b"<"))


@dataclass(slots=True)
class _Loop:
    times: int
    items: list[str | _Loop]


_Items = list["str | _Loop"]


@dataclass(slots=True)
class _File:
    """What a file says: its steps, its period, and what else was said of the experiment."""

    items: _Items = field(default_factory=list)
    period: str = _PERIOD
    is_said: bool = False
    notes: list[Note] = field(default_factory=list)


def read(data: bytes) -> ReadRecipe:
    """Read an experiment. Raises FormatError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise FormatError(f"the file is no text in UTF-8: {err}") from None
    try:
        found = _of_python(text) or _of_lines(text)
    except RecursionError:
        raise FormatError("the file nests deeper than anybody writes a test") from None
    if not found.items:
        raise FormatError("the file has no steps: expected texts such as 'Charge at 1 mA for 1 hour or until 4.2 V'")
    work = _Reading()
    work.add(found.items, ())
    every = _seconds(found.period, "period")
    if not found.is_said:
        work.list.notes.append(Note("period", f"it says none: PyBaMM's own, {_PERIOD}, is taken", is_lost=False))
    return ReadRecipe(
        source="steps of a PyBaMM experiment",
        title="",
        steps=work.list.steps,
        record={"every": time_text(every)},
        notes=(*found.notes, *work.list.notes),
    )


def _of_lines(text: str) -> _File:
    lines = (line.partition("#")[0].strip().strip("\"',") for line in text.splitlines())
    return _File([line for line in lines if line])


def _of_python(text: str) -> _File | None:
    """Read steps in Python's words; None for a text that is none."""
    try:
        with warnings.catch_warnings():
            # Of a text that is no Python the parser warns before it gives up.
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found, experiment = _File(), False
    names: dict[str, _Items] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr) and statement.value is not None:
            value = statement.value
            call = value if isinstance(value, ast.Call) else None
            if call is not None and _called(call) == "Experiment":
                _experiment(call, names, found)
                experiment = True
            elif call is None and not experiment:
                _named(statement, value, names, found)
    return found


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _named(
    statement: ast.Assign | ast.AnnAssign | ast.Expr, value: ast.expr, names: dict[str, _Items], found: _File
) -> None:
    """Keep a list by its name; the last one is the experiment, unless there is a call of it."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    name = getattr(targets[0], "id", "") if targets else ""
    if isinstance(value, ast.Constant):
        if name == "period" and isinstance(value.value, str):
            found.period, found.is_said = value.value, True
        elif isinstance(value.value, str) and _STEP.fullmatch(value.value):
            names[name] = [value.value]
        return
    found.items = names[name] = _items(value, names)


def _experiment(call: ast.Call, names: dict[str, _Items], found: _File) -> None:
    arguments = {"operating_conditions": call.args[0]} if call.args else {}
    arguments |= {str(keyword.arg): keyword.value for keyword in call.keywords}
    if "operating_conditions" in arguments:
        found.items = _items(arguments.pop("operating_conditions"), names)
    for name, value in arguments.items():
        is_name = isinstance(value, ast.Name)
        text = value.value if isinstance(value, ast.Constant) else None
        if name == "period" and isinstance(text, str):
            found.period, found.is_said = text, True
        elif not (name == "period" and is_name):
            found.notes.append(Note("Experiment", f"{name}={ast.unparse(value)} is left out"))


def _items(value: ast.expr, names: dict[str, _Items]) -> _Items:
    """Give the steps of an expression. Raises FormatError for words that are not known."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.List | ast.Tuple):
        return [
            item for one in value.elts for item in _items(one.value if isinstance(one, ast.Starred) else one, names)
        ]
    if isinstance(value, ast.Name) and value.id in names:
        return names[value.id]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        return [*_items(value.left, names), *_items(value.right, names)]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        left, right = value.left, value.right
        steps, count = (
            (right, left) if isinstance(left, ast.Constant) and isinstance(left.value, int) else (left, right)
        )
        if isinstance(count, ast.Constant) and isinstance(count.value, int) and count.value > 0:
            return [_Loop(count.value, _items(steps, names))]
    if isinstance(value, ast.Call) and _called(value) == "string" and len(value.args) == 1 and not value.keywords:
        return _items(value.args[0], names)
    seen = ast.unparse(value)
    raise FormatError(
        f"line {value.lineno}: {seen[:80]!r} is not known; expected texts, lists, tuples, '+' and '* a number'"
    )


class _Reading:
    def __init__(self) -> None:
        self.list = StepList()
        self._count = 0

    def add(self, items: Sequence[str | _Loop], at: tuple[int, ...]) -> None:
        """Add steps and loops, in order."""
        for n, item in enumerate(items, 1):
            where = f"step {'.'.join(map(str, (*at, n)))}"
            self._count += 1
            if isinstance(item, _Loop):
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
            told = "PyBaMM ends it, and the whole simulation, after 24 h; here it has the bound of the cell"
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
