"""Reads step files of Neware's BTS, whoever wrote them: its editor, aurora-unicycler, bm-generator, neware-utils.

What they differ in (reference neware-ct4008, section 5): numbers with decimals or without; ``Scale`` 100, by which a
charge is 100 times as large; ``Delay`` for ``Delay_Time``; ``Curr`` beside ``Rate``; a hold after a discharge of the
type of a charge; GB2312. A ``Guid`` is the same in all files of some writers, and identifies nothing.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from decimal import Decimal

import defusedxml.ElementTree as SafeET
from defusedxml.common import DefusedXmlException

from protocols.formats.file_contents import Doc, FormatError, Note, ReadRecipe
from protocols.formats.neware_file import (
    CCCV_CHARGE,
    CCCV_DISCHARGE,
    CV_CHARGE,
    CV_DISCHARGE,
    END,
    LOOP,
    REST,
)
from protocols.formats.neware_file import CHARGE as CC_CHARGE
from protocols.formats.neware_file import DISCHARGE as CC_DISCHARGE
from protocols.formats.numbers import (
    capacity_text,
    count,
    milliampere_text,
    number,
    plain,
    positive,
    time_text,
    voltage_text,
)
from protocols.formats.read_steps import CHARGE, DISCHARGE, StepList, current_step, rest

_PER_VOLT, _PER_SECOND, _MAS_PER_AH = Decimal(10000), Decimal(1000), Decimal(3600000)
_DISCHARGES = {CC_DISCHARGE, CV_DISCHARGE, CCCV_DISCHARGE}
_OTHERS = {
    8: "constant power",
    9: "constant power",
    10: "constant resistance",
    11: "constant resistance",
    13: "a pause",
    16: "a pulse",
    17: "a profile",
    25: "a ramp of the voltage",
    30: "a cyclic voltammetry",
}
# A current that a writer has rounded to its last decimal is the same one; a truncated one is not.
_SAME_CURRENT = Decimal("0.005")
_READ = {"Curr", "Rate", "Time", "Volt", "Stop_Volt", "Stop_Curr", "Stop_Rate", "Cap"}
_ENCODING = re.compile(rb"<\?xml[^>]*encoding=[\"']([A-Za-z0-9_-]+)[\"'][^>]*\?>")
# Conditions of ``Limit/Other``: what is compared, and how (section 5.6). Where they lead: to the next step.
_MEASURES, _NEXT = {"1": "voltage", "2": "current", "3": "time"}, "65526"
_ABOVE, _BELOW = {"3", "4"}, {"5", "6"}


def knows(data: bytes) -> bool:
    """Tell whether a file may be a step file."""
    return b"Step_Info" in data and b"<root" in data[:4000]


def read(data: bytes) -> ReadRecipe:
    """Read a step file. Raises FormatError."""
    config = _parsed(data).find("config")
    info = None if config is None else config.find("Step_Info")
    if config is None or info is None:
        raise FormatError("the file is no step file: it has no config with Step_Info")
    work = _Reading(config)
    work.steps(list(info))
    whole = _whole(config)
    creator = _text(config, "Head_Info/Creator")
    return ReadRecipe(
        source="Neware step file" + (f", written by {creator}" if creator else ""),
        title=_text(config, "Head_Info/Remark"),
        steps=work.list.steps,
        record=_record(whole),
        low_v=_scaled(whole, "Protect/Main/Volt/Lower", _PER_VOLT),
        high_v=_scaled(whole, "Protect/Main/Volt/Upper", _PER_VOLT),
        notes=(*work.list.notes, *_beside(config, whole)),
    )


def _parsed(data: bytes) -> ET.Element:
    """Read XML; the parser knows no encoding of several bytes but UTF-8, and BTS declares GB2312."""
    declared = _ENCODING.match(data.lstrip(b"\xef\xbb\xbf"))
    try:
        if declared is not None and declared[1].lower().startswith(b"gb"):
            text = data.lstrip(b"\xef\xbb\xbf")[declared.end() :]
            try:
                data = text.decode("gb18030").encode()
            except UnicodeDecodeError:
                # Some declare GB2312 and write UTF-8.
                data = text.decode("utf-8", "replace").encode()
        root: ET.Element = SafeET.fromstring(data)
    except (ET.ParseError, DefusedXmlException, ValueError) as err:
        raise FormatError(f"the file is no well-formed XML: {err}") from None
    return root


def _whole(config: ET.Element) -> ET.Element:
    whole = config.find("Whole_Prt")
    return ET.Element("Whole_Prt") if whole is None else whole


def _text(parent: ET.Element, path: str) -> str:
    element = parent.find(path)
    return "" if element is None else element.get("Value", "").strip()


def _selected(parent: ET.Element, path: str) -> ET.Element | None:
    """Give a value; one that the editor has and does not use is none."""
    element = parent.find(path)
    return None if element is None or element.get("Is_Select") == "0" else element


def _scaled(parent: ET.Element, path: str, per_unit: Decimal) -> Decimal | None:
    element = _selected(parent, path)
    return None if element is None else number(element.get("Value"), f"{parent.tag}/{path}") / per_unit


def _bound(parent: ET.Element, path: str, per_unit: Decimal) -> Decimal | None:
    """Read a number of which 0 is none: no tester knows an end after 0 ms."""
    element = _selected(parent, path)
    found = None if element is None else positive(element.get("Value"), f"{parent.tag}/{path}")
    return None if found is None else found / per_unit


class _Reading:
    def __init__(self, config: ET.Element) -> None:
        self.list = StepList()
        scale = _bound(config, "Head_Info/Scale", Decimal(1)) or Decimal(1)
        self._mas_per_ah = _MAS_PER_AH * scale
        nominal = _bound(config, "Head_Info/MultCap", self._mas_per_ah)
        self._nominal_mah = None if nominal is None else nominal * 1000
        self._every = _record(_whole(config)).get("every", "30 s")
        self._is_by_rate = _text(config, "Head_Info/RateType") == "105"
        if scale != 1:
            told = f"Scale {plain(scale)}, as bm-generator writes: charges are divided by it, its currents are whole mA"
            self.list.notes.append(Note("Head_Info", told, is_lost=False))
        start = _text(config, "Head_Info/Start_Step")
        if start not in ("", "1"):
            self.list.notes.append(Note("Head_Info", f"the test begins with step {start} there, here with the first"))

    def steps(self, elements: list[ET.Element]) -> None:
        """Add the steps of the file up to its end step."""
        for n, element in enumerate(elements, 1):
            where, kind_text = element.tag, element.get("Step_Type", "")
            if element.get("Step_ID", str(n)) != str(n):
                raise FormatError(f"{where} has the number {element.get('Step_ID')!r} and stands at place {n}")
            if not (kind_text.isascii() and kind_text.isdigit()):
                raise FormatError(f"{where} has the type {kind_text!r}; expected a number")
            kind = int(kind_text)
            if kind == END:
                if n < len(elements):
                    self.list.notes.append(
                        Note(where, f"it ends the test; {len(elements) - n} steps behind it are left out")
                    )
                return
            self._step(n, kind, element)
        self.list.notes.append(Note("Step_Info", "the file has no end step", is_lost=False))

    def _step(self, n: int, kind: int, element: ET.Element) -> None:
        where = element.tag
        if kind == LOOP:
            back_to, times = (
                count(_text(element, f"Limit/Other/{tag}") or 0, f"{where}/{tag}")
                for tag in ("Start_Step", "Cycle_Count")
            )
            self.list.repeat(n, back_to, times, where)
            return
        found = element.find("Limit/Main")
        main = ET.Element("Main") if found is None else found
        until = self._until(kind, element, main)
        step: Doc | None = None
        if kind == REST:
            if "time" not in until:
                raise FormatError(f"{where} is a rest without a time")
            step = rest(until["time"])
        elif kind in (CC_CHARGE, CC_DISCHARGE):
            step = current_step(_direction(kind), self._current(main, where), until, where)
        elif kind in (CCCV_CHARGE, CCCV_DISCHARGE):
            step = self._cc_cv(kind, main, until, where)
        elif kind in (CV_CHARGE, CV_DISCHARGE):
            step = self._hold(kind, main, until, where)
        if step is None:
            self.list.add_unknown(n, where, f"a step of type {kind} ({_OTHERS.get(kind, 'unknown')})")
            return
        if record := _record(element):
            step["record"] = {"every": self._every, **record}
            if "every" not in record:
                told = f"records also every {self._every}: its own have no time"
                self.list.notes.append(Note(where, told, is_lost=False))
        self.list.add(n, step)
        for note in _rest_of(element, main):
            self.list.notes.append(note)

    def _until(self, kind: int, element: ET.Element, main: ET.Element) -> Doc:
        until: Doc = {}
        if (seconds := _bound(main, "Time", _PER_SECOND)) is not None:
            until["time"] = time_text(seconds)
        if (volts := _scaled(main, "Stop_Volt", _PER_VOLT)) is not None:
            until["voltage"] = voltage_text(volts)
        if (taper := _bound(main, "Stop_Curr", Decimal(1))) is not None:
            until["current"] = milliampere_text(taper)
        elif (rate := _bound(main, "Stop_Rate", Decimal(1))) is not None:
            until["current"] = f"{plain(rate)} C"
        if (charge := _bound(main, "Cap", self._mas_per_ah)) is not None:
            until["capacity"] = capacity_text(charge)
        for condition in element.iterfind("Limit/Other/*"):
            if condition.tag.startswith("Cnd"):
                self._condition(kind, element.tag, condition, until)
        return until

    def _condition(self, kind: int, where: str, condition: ET.Element, until: Doc) -> None:
        """Take a condition that ends the step as an end; note any other."""
        measure = _MEASURES.get(condition.get("type", ""), "")
        compared, jump = condition.get("CmpType", ""), condition.get("Jump_Line", "")
        value = number(condition.get("Value"), f"{where}/{condition.tag}")
        text = {
            "voltage": voltage_text(value / _PER_VOLT),
            "current": milliampere_text(value),
            "time": time_text(value / _PER_SECOND),
        }.get(measure, plain(value))
        ends = {
            "voltage": compared in {CC_CHARGE: _ABOVE, CC_DISCHARGE: _BELOW}.get(kind, set()),
            "current": kind in (CV_CHARGE, CV_DISCHARGE, CCCV_CHARGE, CCCV_DISCHARGE) and compared in _BELOW,
            "time": compared in _ABOVE,
        }
        is_end = jump == _NEXT and ends.get(measure, False) and measure not in until
        if is_end:
            until[measure] = text
        sign = ">" if compared in _ABOVE else "<" if compared in _BELOW else f"compared by {compared} with"
        told = f"the condition {measure or condition.get('type')} {sign} {text}, jump to {jump}, "
        self.list.notes.append(
            Note(where, told + ("is an end of the step here" if is_end else "is left out"), is_lost=not is_end)
        )

    def _current(self, main: ET.Element, where: str) -> str:
        """Give the current of a step. Raises FormatError for none, and for one that a writer has made 0."""
        current_ma, rate = _bound(main, "Curr", Decimal(1)), _bound(main, "Rate", Decimal(1))
        if current_ma is None and rate is not None and main.find("Curr") is None:
            return f"{plain(rate)} C"
        if current_ma is None:
            raise FormatError(f"{where} has a current of 0 or none; some writers cut small currents off to whole mA")
        if rate is not None and self._nominal_mah is not None:
            by_rate = rate * self._nominal_mah
            if abs(by_rate - current_ma) > _SAME_CURRENT * current_ma:
                told = (
                    f"its rate, {plain(rate)} C of {plain(self._nominal_mah)} mAh, is {plain(by_rate)} mA, its current "
                    f"{plain(current_ma)} mA: the current is taken"
                )
                self.list.notes.append(Note(where, told, is_lost=self._is_by_rate))
        return milliampere_text(current_ma)

    def _cc_cv(self, kind: int, main: ET.Element, until: Doc, where: str) -> Doc:
        volts = _scaled(main, "Volt", _PER_VOLT)
        volts = _scaled(main, "Stop_Volt", _PER_VOLT) if volts is None else volts
        ends = self._ends_of_hold(until, where)
        if volts is None or not ends:
            raise FormatError(f"{where} has no voltage, or no end by time or current")
        current = self._current(main, where)
        return {
            "step": "cc_cv",
            "direction": _direction(kind),
            "current": current,
            "voltage": voltage_text(volts),
            "until": ends,
        }

    def _hold(self, kind: int, main: ET.Element, until: Doc, where: str) -> Doc:
        volts = _scaled(main, "Volt", _PER_VOLT)
        if volts is None:
            raise FormatError(f"{where} holds a voltage and has no Volt")
        direction = _direction(kind)
        if kind == CV_CHARGE and self.list.discharged_to(volts):
            direction = DISCHARGE
            told = "of type 3 (charge) right after a discharge to the same voltage: read as a discharge"
            self.list.notes.append(Note(where, told, is_lost=False))
        limit_ma = _bound(main, "Curr", Decimal(1))
        return self.list.hold(direction, volts, self._ends_of_hold(until, where), limit_ma, where)

    def _ends_of_hold(self, until: Doc, where: str) -> Doc:
        for key in ("voltage", "capacity"):
            if key in until:
                told = f"its end at {until[key]} is left out: a voltage held ends by time or current here"
                self.list.notes.append(Note(where, told))
        return {key: text for key, text in until.items() if key in ("time", "current")}


def _direction(kind: int) -> str:
    return DISCHARGE if kind in _DISCHARGES else CHARGE


def _record(parent: ET.Element) -> Doc:
    found: Doc = {}
    if (seconds := _bound(parent, "Record/Main/Time", _PER_SECOND)) is not None:
        found["every"] = time_text(seconds)
    if (volts := _bound(parent, "Record/Main/Volt", _PER_VOLT)) is not None:
        found["on_voltage_change"] = voltage_text(volts)
    if (current := _bound(parent, "Record/Main/Curr", Decimal(1))) is not None:
        found["on_current_change"] = milliampere_text(current)
    return found


def _rest_of(element: ET.Element, main: ET.Element) -> Iterator[Note]:
    """Yield what else a step has."""
    for one in main:
        if one.get("Is_Select") == "0":
            yield Note(element.tag, f"{one.tag} {one.get('Value', '')} is marked as not used: left out", is_lost=False)
        elif one.tag not in _READ:
            yield Note(element.tag, f"{one.tag} {one.get('Value', '')} is left out")
    for one in element.iterfind("AdvancedPrt//*"):
        for name, times in one.items():
            if name.endswith("Count") and times != "0":
                yield Note(element.tag, f"its further protection, {one.tag}, is left out")
    for tag, what in (("Protect", "protection of its own"), ("Record/Aux", "records of auxiliary channels")):
        if element.find(tag) is not None:
            yield Note(element.tag, f"{what} is left out")
    for one in element.iterfind("Limit/Other/*"):
        if not one.tag.startswith("Cnd"):
            yield Note(element.tag, f"Other/{one.tag} {one.get('Value', '')} is left out")


def _beside(config: ET.Element, whole: ET.Element) -> Iterator[Note]:
    """Yield what a file says of the whole test, and a recipe does not."""
    for path, what, is_lost in (
        ("Protect/Main/Curr/Upper", "limit of current", False),
        ("Protect/Main/Cap/Upper", "limit of charge", True),
        ("Protect/Main/Delay_Time", "delay of protection", False),
        ("Protect/Main/Delay", "delay of protection", False),
        ("Protect/Aux", "protection by auxiliary channels", True),
        ("Record/Aux", "records of auxiliary channels", True),
        ("CapRetentionRateCycle", "cycle of the capacity retention", False),
    ):
        element = whole.find(path)
        if element is not None and element.get("Value", "x") != "0":
            kept = "is left out" if is_lost else "is left out: cellrig's own holds"
            yield Note("Whole_Prt", f"{what} {element.get('Value', '')} {kept}".replace("  ", " "), is_lost=is_lost)
    smbus = config.find("SMBUS/SMBUS_Info")
    if smbus is not None and smbus.get("Num", "0") != "0":
        yield Note("SMBUS", "readings of a battery's own electronics are left out")
