"""Reads a step file as BTS Client does: XML with all leaf values in ``Value`` attributes and units of its own.

The simulated client opens the path named in ``start``, so a bad file must be refused here, before a cell sees a
current. Units [5.2]: voltages 0.1 mV, currents mA, times ms, capacities mAs. Numbers in brackets are sections of the
CT-4008 reference.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from simulators.neware.load import Load
from simulators.neware.schedule import (
    DEFAULT_RECORDS,
    LOADS,
    POWERS,
    TICKS_PER_S,
    Protection,
    RecordRules,
    Schedule,
    ScheduleError,
    Step,
    StepKind,
    UnitRatings,
)
from simulators.neware.settings import Quirks

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9_.-]+)["']""")
_MS_PER_TICK = 1000 // TICKS_PER_S


def read_schedule(data: bytes, ratings: UnitRatings, quirks: Quirks | None = None) -> Schedule:
    """Read and check a step file; raise ``ScheduleError`` with the reason when the unit must not run it."""
    quirks = quirks or Quirks()
    config = _parse(data).find("config")
    if config is None or config.get("type") != "Step File" or "BTS Client" not in config.get("client_version", ""):
        raise ScheduleError("not a step file of BTS Client")
    info = config.find("Step_Info")
    if info is None:
        raise ScheduleError("no Step_Info")
    elements = list(info)
    if _whole(info.get("Num"), "Num") != len(elements):
        raise ScheduleError(f"Num says {info.get('Num')}, there are {len(elements)} steps")
    general = _protection(config.find("Whole_Prt/Protect"))
    records = _records(config.find("Whole_Prt/Record")) or DEFAULT_RECORDS
    nominal_ah = _value(config, "Head_Info/MultCap", 3.6e6)
    schedule = Schedule(
        steps=tuple(
            replace(_step(element, n, general, records, nominal_ah), load=_load(element, quirks))
            for n, element in enumerate(elements, 1)
        ),
        start_step=_start_step(config),
        remark=_text(config, "Head_Info/Remark"),
    )
    schedule.check(ratings)
    return schedule


def _parse(data: bytes) -> Element:
    """Parse in the declared encoding (vendor files say GB2312 [5.1]); refuse DTDs and entities."""
    declared = _DECLARED.match(data)
    encoding = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    try:
        text = data.decode({"gb2312": "gb18030", "gbk": "gb18030", "utf-8": "utf-8-sig"}.get(encoding, encoding))
        root: Element = fromstring(text, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except (ParseError, DefusedXmlException, UnicodeDecodeError, LookupError, ValueError) as err:
        raise ScheduleError(f"not readable XML: {err}") from err
    if root.tag != "root":
        raise ScheduleError(f"the outermost element is {root.tag}, not root")
    return root


def _whole(text: str | None, what: str) -> int:
    """Read an integer attribute."""
    try:
        return int(text or "")
    except ValueError as err:
        raise ScheduleError(f"{what} is {text!r}, not a whole number") from err


def _value(parent: Element | None, path: str, per_si: float = 1.0) -> float | None:
    """Read ``path/@Value`` and divide it by the file's units per SI unit; None when the tag is missing."""
    element = None if parent is None else parent.find(path)
    text = None if element is None else element.get("Value")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError as err:
        raise ScheduleError(f"{path} is {text!r}, not a number") from err
    if not math.isfinite(value):
        raise ScheduleError(f"{path} is {text}")
    return value / per_si


def _positive(parent: Element | None, path: str, per_si: float) -> float | None:
    """Read a magnitude: a negative one is refused."""
    value = _value(parent, path, per_si)
    if value is not None and value < 0:
        raise ScheduleError(f"{path} is negative")
    return value


def _ticks(parent: Element | None, path: str) -> int | None:
    """Read a time in ms as ticks, at least one tick unless it is zero."""
    value_ms = _positive(parent, path, 1.0)
    if value_ms is None:
        return None
    return max(round(value_ms / _MS_PER_TICK), 1 if value_ms > 0 else 0)


def _text(parent: Element, path: str) -> str:
    """Read ``path/@Value`` as text, empty when missing."""
    element = parent.find(path)
    return "" if element is None else element.get("Value", "")


def _start_step(config: Element) -> int:
    """Read the first step to run; 1 when the head does not say."""
    element = config.find("Head_Info/Start_Step")
    return 1 if element is None else _whole(element.get("Value"), "Start_Step")


def _protection(element: Element | None) -> Protection:
    """Read a Protect block, whole-file or of one step [5.3]; older files spell the delay ``Delay``."""
    main = None if element is None else element.find("Main")
    if main is None:
        return Protection()
    delay = _ticks(main, "Delay_Time")
    return Protection(
        upper_voltage_v=_value(main, "Volt/Upper", 1e4),
        lower_voltage_v=_value(main, "Volt/Lower", 1e4),
        upper_current_a=_value(main, "Curr/Upper", 1e3),
        lower_current_a=_value(main, "Curr/Lower", 1e3),
        upper_capacity_ah=_value(main, "Cap/Upper", 3.6e6),
        delay_ticks=_ticks(main, "Delay") if delay is None else delay,
    )


def _records(element: Element | None) -> RecordRules | None:
    """Read a Record block [5.4]; None when it asks for nothing."""
    main = None if element is None else element.find("Main")
    rules = RecordRules(
        interval_ticks=_ticks(main, "Time") or None,
        voltage_v=_positive(main, "Volt", 1e4) or None,
        current_a=_positive(main, "Curr", 1e3) or None,
    )
    return None if rules == RecordRules() else rules


def _load(element: Element, quirks: Quirks) -> Load | None:
    """Read what a step holds instead of a current; None for another, and where it is not said or zero."""
    kind, main = _whole(element.get("Step_Type"), "Step_Type"), element.find("Limit/Main")
    if kind in POWERS:
        power_w = _positive(main, quirks.power_tag, quirks.power_per_w)
        return Load(power_w=power_w) if power_w else None
    if kind in LOADS:
        ohm = _positive(main, quirks.resistance_tag, quirks.resistance_per_ohm)
        return Load(resistance_ohm=ohm) if ohm else None
    return None


def _step(element: Element, number: int, general: Protection, records: RecordRules, nominal_ah: float | None) -> Step:
    """Read one step; ``records`` and ``general`` are the whole file's blocks."""
    if element.tag != f"Step{number}" or _whole(element.get("Step_ID"), "Step_ID") != number:
        raise ScheduleError(f"element {number} is {element.tag} with Step_ID {element.get('Step_ID')}")
    code = _whole(element.get("Step_Type"), "Step_Type")
    if code not in set(StepKind):
        raise ScheduleError(f"step {number}: type {code} is not one this unit runs")
    main = element.find("Limit/Main")
    other = element.find("Limit/Other")
    kind = StepKind(code)
    stop_current_a = _value(main, "Stop_Curr", 1e3)
    if stop_current_a is None and nominal_ah is not None:
        stop_rate = _value(main, "Stop_Rate")
        stop_current_a = None if stop_rate is None else stop_rate * nominal_ah
    current_a = _positive(main, "Curr", 1e3)
    if current_a is None and nominal_ah is not None:
        rate = _positive(main, "Rate", 1.0)
        current_a = None if rate is None else rate * nominal_ah
    loop_start, loop_count = _value(other, "Start_Step"), _value(other, "Cycle_Count")
    return Step(
        number=number,
        kind=kind,
        current_a=current_a,
        voltage_v=_value(main, "Volt", 1e4),
        stop_voltage_v=_value(main, "Stop_Volt", 1e4),
        stop_current_a=None if stop_current_a is None else abs(stop_current_a),
        duration_ticks=_ticks(main, "Time"),
        capacity_ah=_positive(main, "Cap", 3.6e6),
        range_a=_positive(other, "Step_Range", 1e3),
        loop_start=int(loop_start or 0) if kind is StepKind.LOOP else 0,
        loop_count=int(loop_count or 0) if kind is StepKind.LOOP else 0,
        protection=_protection(element.find("Protect")).over(general),
        records=_records(element.find("Record")) or records,
    )
