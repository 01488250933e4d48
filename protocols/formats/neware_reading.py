"""Reads step files of Neware's BTS, whoever wrote them: its editor, aurora-unicycler, bm-generator, neware-utils.

What they differ in (reference neware-ct4008, section 5): numbers with decimals or without; ``Scale`` 100, by which a
charge is 100 times as large; ``Delay`` for ``Delay_Time``; ``Curr`` beside ``Rate``; a hold after a discharge of the
type of a charge; GB2312. A ``Guid`` is the same in all files of some writers, and identifies nothing.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
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
from protocols.formats.neware_left_out import READ, beside, rest_of
from protocols.formats.neware_values import PER_SECOND, PER_VOLT, bound, is_zero, record_of, scaled, selected, text_of
from protocols.formats.numbers import (
    capacity_text,
    count,
    milliampere_text,
    number,
    plain,
    time_text,
    voltage_text,
)
from protocols.formats.read_steps import CHARGE, DISCHARGE, StepList, current_step, rest

_MAS_PER_AH = Decimal(3600000)
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
    creator = text_of(config, "Head_Info/Creator")
    return ReadRecipe(
        source="Neware step file" + (f", written by {creator}" if creator else ""),
        title=text_of(config, "Head_Info/Remark"),
        steps=work.list.steps,
        record=record_of(whole),
        low_v=scaled(whole, "Protect/Main/Volt/Lower", PER_VOLT),
        high_v=scaled(whole, "Protect/Main/Volt/Upper", PER_VOLT),
        notes=(*work.list.notes, *beside(config, whole)),
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


class _Reading:
    def __init__(self, config: ET.Element) -> None:
        self.list = StepList()
        scale = bound(config, "Head_Info/Scale", Decimal(1)) or Decimal(1)
        self._mas_per_ah = _MAS_PER_AH * scale
        nominal = bound(config, "Head_Info/MultCap", self._mas_per_ah)
        self._nominal_mah = None if nominal is None else nominal * 1000
        self._every = record_of(_whole(config)).get("every", "30 s")
        self._is_by_rate = text_of(config, "Head_Info/RateType") == "105"
        if scale != 1:
            told = f"Scale {plain(scale)}, as bm-generator writes: charges are divided by it, its currents are whole mA"
            self.list.notes.append(Note("Head_Info", told, is_lost=False))
        start = text_of(config, "Head_Info/Start_Step")
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
                count(text_of(element, f"Limit/Other/{tag}") or 0, f"{where}/{tag}")
                for tag in ("Start_Step", "Cycle_Count")
            )
            self.list.repeat(n, back_to, times, where)
            for condition in element.iterfind("Limit/Other/*"):
                if condition.tag.startswith("Cnd"):
                    self.list.notes.append(Note(where, f"the loop's condition {condition.tag} is left out"))
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
        if record := record_of(element):
            step["record"] = {"every": self._every, **record}
            if "every" not in record:
                told = f"records also every {self._every}: its own have no time"
                self.list.notes.append(Note(where, told, is_lost=False))
        self.list.add(n, step)
        self.list.notes += rest_of(element, main, kind)

    def _until(self, kind: int, element: ET.Element, main: ET.Element) -> Doc:
        """Give the ends of a step, of the kinds that a step of its kind has here."""
        where, until = element.tag, Doc()
        found = {
            "Time": ("time", _written(bound(main, "Time", PER_SECOND), time_text)),
            "Stop_Volt": ("voltage", _written(scaled(main, "Stop_Volt", PER_VOLT), voltage_text)),
            "Stop_Curr": ("current", self._amount(main, "Stop_Curr", "Stop_Rate", where)),
            "Cap": ("capacity", _written(bound(main, "Cap", self._mas_per_ah), capacity_text)),
        }
        is_held = _is_held_by_its_end(kind, main)
        for tag, (key, text) in found.items():
            if text is not None and tag in READ.get(kind, found):
                until[key] = text
            elif text is not None and not (is_held and tag == "Stop_Volt"):
                told = f"its end at {text} is left out: a step of this kind has no such end here"
                self.list.notes.append(Note(where, told))
        if until.get("current") is None and is_zero(main, "Stop_Curr"):
            self.list.notes.append(Note(where, "the current that ends it is 0, which no tester meets: left out"))
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
            "voltage": voltage_text(value / PER_VOLT),
            "current": milliampere_text(value),
            "time": time_text(value / PER_SECOND),
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
        what = measure or condition.get("Expression") or f"of type {condition.get('type')}"
        told = f"the condition {what} {sign} {text}, jump to {jump}, "
        self.list.notes.append(
            Note(where, told + ("is an end of the step here" if is_end else "is left out"), is_lost=not is_end)
        )

    def _current(self, main: ET.Element, where: str) -> str:
        """Give the current of a step. Raises FormatError for none, and for one that a writer has made 0."""
        found = self._amount(main, "Curr", "Rate", where)
        if found is None:
            raise FormatError(f"{where} has a current of 0 or none; some writers cut small currents off to whole mA")
        return found

    def _amount(self, main: ET.Element, tag: str, rate_tag: str, where: str) -> str | None:
        """Give a current that a file says in mA, as a rate, or both; None for none.

        A rate alone is that of the capacity that the file names: a cell here may have another one.
        """
        current_ma, rate = bound(main, tag, Decimal(1)), bound(main, rate_tag, Decimal(1))
        if current_ma is None and (rate is None or main.find(tag) is not None):
            return None
        by_rate = None if rate is None or self._nominal_mah is None else rate * self._nominal_mah
        if current_ma is None and rate is not None:
            nominal = "no capacity" if self._nominal_mah is None else f"{plain(self._nominal_mah)} mAh"
            kept = "it is a rate of the cell's own" if by_rate is None else f"it is {plain(by_rate)} mA"
            told = f"{rate_tag} {plain(rate)} C stands alone, and the file has {nominal}: {kept}"
            self.list.notes.append(Note(where, told, is_lost=False))
            return f"{plain(rate)} C" if by_rate is None else milliampere_text(by_rate)
        if current_ma is None:
            return None
        if rate is not None and by_rate is not None and abs(by_rate - current_ma) > _SAME_CURRENT * current_ma:
            name, what = ("its rate", "its current") if tag == "Curr" else ("the rate that ends it", "the current")
            of = f"{plain(rate)} C of {plain(by_rate / rate)} mAh"
            told = f"{name}, {of}, is {plain(by_rate)} mA, {what} {plain(current_ma)} mA: the current is taken"
            self.list.notes.append(Note(where, told, is_lost=self._is_by_rate))
        return milliampere_text(current_ma)

    def _cc_cv(self, kind: int, main: ET.Element, until: Doc, where: str) -> Doc:
        volts = scaled(main, "Volt", PER_VOLT)
        if _is_held_by_its_end(kind, main):
            volts = scaled(main, "Stop_Volt", PER_VOLT)
            told = "it has no Volt: its Stop_Volt is the voltage that is held"
            self.list.notes.append(Note(where, told, is_lost=False))
        if volts is None or not until:
            raise FormatError(f"{where} has no voltage, or no end by time or current")
        current = self._current(main, where)
        return {
            "step": "cc_cv",
            "direction": _direction(kind),
            "current": current,
            "voltage": voltage_text(volts),
            "until": until,
        }

    def _hold(self, kind: int, main: ET.Element, until: Doc, where: str) -> Doc:
        volts = scaled(main, "Volt", PER_VOLT)
        if volts is None:
            raise FormatError(f"{where} holds a voltage and has no Volt")
        direction = _direction(kind)
        if kind == CV_CHARGE and self.list.discharged_to(volts):
            direction = DISCHARGE
            told = "of type 3 (charge) right after a discharge to the same voltage: read as a discharge"
            self.list.notes.append(Note(where, told, is_lost=False))
        return self.list.hold(direction, volts, until, self._amount(main, "Curr", "Rate", where), where)


def _is_held_by_its_end(kind: int, main: ET.Element) -> bool:
    """Tell whether a writer has given the voltage of a cc_cv as its end."""
    return (
        kind in (CCCV_CHARGE, CCCV_DISCHARGE) and selected(main, "Volt") is None and main.find("Stop_Volt") is not None
    )


def _written(value: Decimal | None, write: Callable[[Decimal], str]) -> str | None:
    return None if value is None else write(value)


def _direction(kind: int) -> str:
    return DISCHARGE if kind in _DISCHARGES else CHARGE
