"""What a misspelt key, step or unit of a file was meant to be, as a sentence; nothing is ever read as what was meant.

>>> meant_step("Constant current"), meant_step("cccv"), meant_step("dance")
('constant_current', 'cc_cv', None)
>>> meant_several("C/10, C/5, 1C"), meant_several("0.1, 0.2 mA/cm2"), meant_several("0.2 mA/cm2")
("brackets around several values: '[C/10, C/5, 1C]'", "brackets around several values: '[0.1, 0.2] mA/cm2'", None)
>>> meant_quantity("C/20"), meant_quantity("0.2 mA cm-2"), meant_quantity("10 hours"), meant_quantity("1 h 30 min")
('0.05 C', '0.2 mA/cm2', '10 h', '90 min')
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from math import pi
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from protocols.field_types import FileModel

_CLOSE = 0.75
_STEPS = {
    "cc": "constant_current",
    "galvanostatic": "constant_current",
    "cv": "constant_voltage",
    "potentiostatic": "constant_voltage",
    "hold": "constant_voltage",
    "cccv": "cc_cv",
    "cp": "constant_power",
    "cr": "constant_resistance",
    "pause": "rest",
    "wait": "rest",
    "loop": "repeat",
    "cycle": "repeat",
    "peis": "eis",
    "impedance": "eis",
    "ocp": "ocv",
    "open_circuit": "ocv",
    "dcir": "dc_resistance",
    "ccd": "critical_current",
    "aurbach": "modified_aurbach",
    "pulses": "pulse",
    "floating": "float",
    "foreach": "for_each",
    "for": "for_each",
    "group": "phase",
}
_KEYS = {
    "type": ("step",),
    "mode": ("step",),
    "technique": ("step",),
    "cycles": ("times",),
    "count": ("times",),
    "number": ("times",),
    "min": ("low",),
    "max": ("high",),
    "lower": ("low",),
    "upper": ("high",),
    "end": ("until",),
    "stop": ("until",),
    "cutoff": ("until",),
    "duration": ("time",),
    "volts": ("voltage",),
    "potential": ("voltage",),
    "amps": ("current",),
    "rate": ("current",),
    "mass": ("active_mass",),
    "loading": ("active_mass",),
    "capacity": ("nominal_capacity",),
    "thickness": ("electrolyte_thickness",),
    "diameter": ("area",),
    "disc": ("area",),
    "kinds": ("for",),
    "kind": ("for",),
    "cathode": ("working_electrode",),
    "anode": ("counter_electrode",),
}
_ENDS = frozenset({"time", "voltage", "capacity", "current"})
_UNITS = {
    "h": ("hour", "hours", "hr", "hrs", "hh"),
    "min": ("mins", "minute", "minutes", "m"),
    "s": ("sec", "secs", "second", "seconds"),
    "d": ("day", "days"),
    "V": ("volt", "volts"),
    "A": ("amp", "amps", "ampere", "amperes"),
    "degC": ("c", "celsius", "degree", "degrees"),
    "ohm": ("ohms",),
    "W": ("watt", "watts"),
}
_SPELLED = {word: unit for unit, words in _UNITS.items() for word in words}
_MINUS = "\N{MINUS SIGN}"
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_RATE = re.compile(rf"({_NUMBER})? *\*? *[Cc] */ *({_NUMBER})|({_NUMBER}) */ *({_NUMBER}) *[Cc]")
_WORDED = re.compile(rf"({_NUMBER}) *([A-Za-z]+)\.?")
_PER = re.compile(rf"({_NUMBER}) *([a-zA-Z]+?) *[*./ ]? *(cm|g) *(?:\^|\*\*)? *(-?[12])?")
_TIMES_S = {"d": 86400, "h": 3600, "min": 60, "s": 1}
_SUM = re.compile(rf"(?:({_NUMBER}) *d)? *(?:({_NUMBER}) *h)? *(?:({_NUMBER}) *min)? *(?:({_NUMBER}) *s)?")
# The part of a decimal number behind a comma, which a list in braces takes for a key of its own.
_FRACTION = re.compile(r"[0-9]+( *[A-Za-z][A-Za-z0-9/]*)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_ONE = rf"(?:{_NUMBER}(?: */ *[0-9.]+)?|C */ *[0-9.]+)"
_PART = re.compile(rf"{_ONE}(?: *[A-Za-z%][A-Za-z0-9/%]*)?")
_COMMAS = re.compile(rf"{_PART.pattern}(?:, +{_PART.pattern})+")
_ENDS_OF_RANGE = re.compile(rf"({_PART.pattern}) +(?:to|-|\.\.\.?) +({_PART.pattern})")
_OWN_UNIT = re.compile(rf"({_NUMBER}) *([A-Za-z%][A-Za-z0-9/%]*)")
# How pydantic says that a key itself is wrong.
OF_A_KEY = "[key]"
_DISC = re.compile(r"([0-9]+(?:\.[0-9]+)?) *mm")


def _plain(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def meant_step(word: str, known: Sequence[str] = tuple(_STEPS.values())) -> str | None:
    """Give the kind of step that a word was meant to be; None where nothing is near."""
    plain = _plain(word)
    if plain in known:
        return plain
    if plain.replace("_", "") in _STEPS:
        return _STEPS[plain.replace("_", "")]
    return _STEPS.get(plain) or next(iter(get_close_matches(plain, known, 1, _CLOSE)), None)


def meant_key(word: str, known: Sequence[str]) -> str | None:
    """Give the key, out of those that a block may have, that a word was meant to be; None where nothing is near."""
    plain = _plain(word)
    if plain in known:
        return plain
    for key in _KEYS.get(plain, ()):
        if key in known:
            return key
    return next(iter(get_close_matches(plain, known, 1, _CLOSE)), None)


def meant_quantity(text: str) -> str | None:
    """Give the quantity that a text was meant to be, where its spelling is a common one of another program."""
    if _MINUS in text:
        # What word processors make of a hyphen before a number.
        return text.replace(f"{_MINUS} ", "-").replace(_MINUS, "-")
    if rate := _RATE.fullmatch(text):
        above, below = (rate[1] or "1", rate[2]) if rate[2] else (rate[3], rate[4])
        if Decimal(below):
            return f"{_short(Decimal(above) / Decimal(below))} C"
    if (worded := _WORDED.fullmatch(text)) and worded[2].lower() in _SPELLED:
        return f"{worded[1]} {_SPELLED[worded[2].lower()]}"
    if text.strip() and (parts := _SUM.fullmatch(text)) and sum(part is not None for part in parts.groups()) > 1:
        pairs = zip(parts.groups(), _TIMES_S.values(), strict=True)
        total_s = sum((Decimal(part) * factor for part, factor in pairs if part), Decimal(0))
        return f"{_short(total_s / 60)} min"
    return _powers(text)


def meant_several(text: str) -> str | None:
    """Give how several values are written, where a text is a list without its brackets or a range without its steps."""
    if ends := _ENDS_OF_RANGE.fullmatch(text.strip()):
        steps = "from 0.1 to 2 in steps of 0.1 mA/cm2"
        return f"{_bracketed([ends[1], ends[2]])}, or a range with its steps, such as '{steps}'"
    if not _COMMAS.fullmatch(text.strip()):
        return None
    return _bracketed([part.strip() for part in text.split(",")])


def _bracketed(parts: list[str]) -> str:
    last = _OWN_UNIT.fullmatch(parts[-1])
    if last and all(re.fullmatch(_NUMBER, part) for part in parts[:-1]):
        return f"brackets around several values: '[{', '.join([*parts[:-1], last[1]])}] {last[2]}'"
    return f"brackets around several values: '[{', '.join(parts)}]'"


def _powers(text: str) -> str | None:
    """Give ``mA/cm2`` for ``mA cm-2``, ``mA/cm^2`` and ``mA.cm-2``, ``mAh/g`` for ``mAh g-1``."""
    match = _PER.fullmatch(text)
    if match is None or (match[4] not in {None, "-1"} if match[3] == "g" else match[4] not in {"2", "-2"}):
        return None
    return f"{match[1]} {match[2]}/{match[3]}{'2' if match[3] == 'cm' else ''}"


def _short(value: Decimal) -> str:
    return format(Decimal(f"{value:.4g}"), "f")


class Slip(NamedTuple):
    """A slip of the pen: where it stands, what was seen and expected, and the reports for which its own stands."""

    loc: tuple[str | int, ...]
    seen: str
    expected: str
    covered: tuple[tuple[str | int, ...], ...]


def slips(
    errors: Sequence[Mapping[str, Any]],
    model: type[FileModel],
    block: Mapping[tuple[str | int, ...], Mapping[str, Any]],
) -> Iterator[Slip]:
    """Give the slips behind unknown keys; ``block`` has what was written beside each of them, by its place."""
    for error in errors:
        loc = error["loc"]
        written = block.get(loc, {})
        if loc and loc[-1] == OF_A_KEY:
            found = _list(loc[:-1], written)
        elif error["type"] == "extra_forbidden":
            found = _comma(loc, written) or _list(loc, written) or _key(loc, written, model)
        else:
            continue
        if found is not None:
            yield found


def _comma(loc: tuple[str | int, ...], written: Mapping[str, Any]) -> Slip | None:
    """Find a decimal comma in braces: ``{voltage: 4,0 V}`` is ``voltage: 4`` and a key ``0 V`` without value."""
    key, keys = str(loc[-1]), list(written)
    if key not in keys or written[key] != "" or not _FRACTION.fullmatch(key) or keys.index(key) == 0:
        return None
    before = keys[keys.index(key) - 1]
    whole = written[before]
    if not isinstance(whole, str) or not _WHOLE.fullmatch(whole):
        return None
    at = (*loc[:-1], before)
    return Slip(at, f"'{whole},{key}'", f"a decimal point: '{whole}.{key}'", (loc, at))


def _list(loc: tuple[str | int, ...], written: Mapping[str, Any]) -> Slip | None:
    """Find a list without brackets in braces: ``{current: 0.1, 0.2 mA/cm2}`` has a key ``0.2 mA/cm2`` without value."""
    keys = list(written)
    if str(loc[-1]) not in keys:
        return None
    first = end = keys.index(str(loc[-1]))
    while first > 0 and written[keys[first]] == "":
        first -= 1
    while end < len(keys) and end > first and written[keys[end]] == "":
        end += 1
    others = keys[first + 1 : end]
    if not others or not all(map(_PART.fullmatch, others)) or not isinstance(written[keys[first]], str):
        return None
    text = ", ".join([written[keys[first]], *others])
    meant = meant_several(text)
    at, extra = (*loc[:-1], keys[first]), [(*loc[:-1], key) for key in others]
    return None if meant is None else Slip(at, f"'{text}'", meant, (at, *extra, *((*key, OF_A_KEY) for key in extra)))


def _key(loc: tuple[str | int, ...], written: Mapping[str, Any], model: type[FileModel]) -> Slip | None:
    key = str(loc[-1])
    known = _keys(model, loc[:-1])
    first, _, rest = key.partition(" ")
    if rest and first in known and written.get(key) == "":
        return Slip(loc, f"'{key}' without a colon", f"'{first}: {rest}'", (loc, (*loc[:-1], first)))
    meant = meant_key(key, [name for name in known if name not in written])
    if meant is None and key in _ENDS and "until" in known:
        around = f"the key 'until' around it: until: {{{key}: ...}}"
        return Slip(loc, f"the key '{key}' beside the step's own", around, (loc, (*loc[:-1], "until")))
    if meant is None:
        return None
    expected = f"the key '{meant}'"
    disc = _DISC.fullmatch(str(written.get(key)))
    if meant == "area" and disc:
        area = pi * (float(disc[1]) / 20) ** 2
        expected += f", for a disc of {disc[1]} mm {_short(Decimal(area))} cm2"
    elif key == "loading":
        expected += ", of the whole cell: loading x area"
    return Slip(loc, f"the unknown key '{key}'", expected, (loc, (*loc[:-1], meant)))


def _keys(model: type[FileModel], loc: Sequence[str | int]) -> list[str]:
    """Give the keys of the block at a place of a model, by pydantic's path: names of steps stand in it."""
    here: list[type[FileModel]] = [model]
    for part in loc:
        if isinstance(part, int):
            continue
        tagged = [one for one in here if _tag(one) == part]
        if tagged:
            here = tagged
            continue
        here = [
            inner
            for one in here
            for name, field in one.model_fields.items()
            if part in (name, field.alias)
            for inner in _models(field.annotation)
        ]
    return [
        name
        for one in here[:1]
        for name in (*(str(field.alias or key) for key, field in one.model_fields.items()), *one.written_keys)
    ]


def _tag(model: type[FileModel]) -> str | None:
    field = model.model_fields.get("step")
    values = get_args(field.annotation) if field is not None and get_origin(field.annotation) is Literal else ()
    return str(values[0]) if values else None


def _models(annotation: object) -> Iterator[type[FileModel]]:
    if isinstance(annotation, type) and issubclass(annotation, FileModel):
        yield annotation
    elif get_origin(annotation) in {Union, UnionType, Annotated, tuple, list}:
        for inner in get_args(annotation):
            yield from _models(inner)
