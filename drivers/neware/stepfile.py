"""Writes the BTS step file for a segment, reads step files back, and lists the differences between both.

No command of the API reads a schedule back (docs/bench.md), so the file that BTS will open is parsed again and
compared before every start. Units of the file (reference neware-ct4008, section 5.2): 0.1 mV, mA, ms, mAs; currents
are positive magnitudes whose direction is in the step type.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import NAMESPACE_OID, uuid5

import defusedxml.ElementTree as SafeET
from defusedxml.common import DefusedXmlException

from drivers.errors import CannotRun, NotConfirmed
from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    ConstantCurrent,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    CyclingSegment,
    Loop,
    Purpose,
    Record,
    RecordedStep,
    Rest,
    Step,
    Until,
    VoltageBand,
)
from protocols.program_steps import NO_CEILING, longest, with_ends

CHARGE, DISCHARGE, CV_CHARGE, REST, LOOP, END, CCCV_CHARGE, CV_DISCHARGE, CCCV_DISCHARGE = 1, 2, 3, 4, 5, 6, 7, 19, 20
POWER_DISCHARGE, POWER_CHARGE, RESISTANCE_DISCHARGE = 8, 9, 10

# The file's type of each step that makes records, by its kind and direction. A new kind has its lines here
# and is built from what was read in ``_read_step``.
_TYPES: Mapping[tuple[type[RecordedStep], Direction | None], int] = {
    (Rest, None): REST,
    (ConstantCurrent, Direction.CHARGE): CHARGE,
    (ConstantCurrent, Direction.DISCHARGE): DISCHARGE,
    (ConstantVoltage, Direction.CHARGE): CV_CHARGE,
    (ConstantVoltage, Direction.DISCHARGE): CV_DISCHARGE,
    (CcCv, Direction.CHARGE): CCCV_CHARGE,
    (CcCv, Direction.DISCHARGE): CCCV_DISCHARGE,
    (ConstantPower, Direction.CHARGE): POWER_CHARGE,
    (ConstantPower, Direction.DISCHARGE): POWER_DISCHARGE,
    (ConstantResistance, Direction.DISCHARGE): RESISTANCE_DISCHARGE,
}
_KINDS = {number: kind for kind, number in _TYPES.items()}

VOLT, CURR, TIME, CAP = 1e4, 1e3, 1e3, 3.6e6
_DECIMALS = 6
# Half a unit of the file's last decimal and a little, by what a field's name ends with.
_ROUNDING = {"_v": VOLT, "_a": CURR, "_s": TIME, "_ah": CAP}
# A power and a resistance, whose units are settings: a file may lose such a part of them.
_LOADS, _LOAD_PART = frozenset({"power_w", "resistance_ohm"}), 1e-4
_STEPS_MAX = 254


@dataclass(frozen=True, slots=True)
class FileQuantity:
    """The tag of a quantity in step files, and how many of its units there make one of SI."""

    tag: str
    per_si: float


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between BTS versions (section 5.1), and what of power and resistance is known (section 5.2)."""

    version: str = "17"
    client_version: str = "BTS Client 8.0.0.478(2024.06.24)(R3)"
    creator: str = "cellrig"
    power: FileQuantity | None = None
    resistance: FileQuantity | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A step file's content in SI units and ampere-hours: the program of the tester, also from a foreign file."""

    steps: tuple[Step, ...]
    record: Record
    voltage: VoltageBand
    current_a: float
    delay_s: float


def intended(segment: CyclingSegment) -> Schedule:
    """Return the schedule that carries out a segment: ends and ceilings folded into one set of conditions a step."""
    return Schedule(
        steps=tuple(_folded(step) for step in segment.steps),
        record=segment.record,
        voltage=segment.limits.tester,
        current_a=segment.limits.tester_current_a,
        delay_s=segment.limits.tester_delay_s,
    )


def _folded(step: Step) -> Step:
    if isinstance(step, Loop):
        return step
    time_s, capacity_ah = longest(step)
    until = replace(step.until, time_s=_finite(time_s), capacity_ah=_finite(capacity_ah))
    return replace(with_ends(step, until, NO_CEILING), purpose=Purpose.RECIPE)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write(segment: CyclingSegment, label: str, date_unix_s: float, dialect: Dialect | None = None) -> bytes:
    """Write the step file of a segment. The same segment, label and date give the same bytes.

    Raises CannotRun for what the file cannot hold: more than 254 steps with the end, text outside ASCII, a power or a
    resistance whose name and unit in the file are not known.
    """
    schedule = intended(segment)
    if len(schedule.steps) + 1 > _STEPS_MAX:
        raise CannotRun(f"{len(schedule.steps) + 1} steps with the end; a step file holds {_STEPS_MAX}")
    if not label.isascii():
        raise CannotRun(f"label {label!r} must be plain ASCII: BTS mixes up other encodings")
    dialect = dialect or Dialect()
    root = ET.Element("root")
    date = datetime.fromtimestamp(date_unix_s, UTC).strftime("%Y%m%d%H%M%S")
    guid = str(uuid5(NAMESPACE_OID, f"{label} {date} {schedule!r}"))
    names = {"type": "Step File", "version": dialect.version, "client_version": dialect.client_version}
    config = ET.SubElement(root, "config", names | {"date": date, "Guid": guid})
    head = ET.SubElement(config, "Head_Info")
    _value(head, "Operate", "66")
    _value(head, "Scale", "1")
    ET.SubElement(head, "Start_Step", {"Value": "1", "Hide_Ctrl_Step": "0"})
    _value(head, "Creator", dialect.creator)
    _value(head, "Remark", label)
    # 103 keeps currents at full precision; 105 would round them to 0.01 mA (section 5.1).
    _value(head, "RateType", "103")
    whole = ET.SubElement(config, "Whole_Prt")
    _protect(whole, schedule)
    _record(whole, schedule.record)
    info = ET.SubElement(config, "Step_Info", {"Num": str(len(schedule.steps) + 1)})
    for n, step in enumerate(schedule.steps, 1):
        _write_step(info, n, step, dialect)
    last = str(len(schedule.steps) + 1)
    ET.SubElement(info, f"Step{last}", {"Step_ID": last, "Step_Type": str(END)})
    ET.SubElement(ET.SubElement(config, "SMBUS"), "SMBUS_Info", {"Num": "0", "AdjacentInterval": "0"})
    ET.indent(root)
    return b'<?xml version="1.0"?>\r\n' + ET.tostring(root).replace(b"\n", b"\r\n") + b"\r\n"


def _value(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag, {"Value": text})


def _number(parent: ET.Element, tag: str, value: float | None, factor: float) -> None:
    """Write a number in the file's unit with six decimals at most, as BTS is known to accept."""
    if value is None:
        return
    text = f"{value * factor:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    _value(parent, tag, "0" if text == "-0" else text)


def _record(parent: ET.Element, record: Record) -> None:
    main = ET.SubElement(ET.SubElement(parent, "Record"), "Main")
    _number(main, "Time", record.every_s, TIME)
    _number(main, "Volt", record.voltage_change_v, VOLT)
    _number(main, "Curr", record.current_change_a, CURR)


def _protect(parent: ET.Element, schedule: Schedule) -> None:
    main = ET.SubElement(ET.SubElement(parent, "Protect"), "Main")
    volt = ET.SubElement(main, "Volt")
    _number(volt, "Upper", schedule.voltage.high_v, VOLT)
    _number(volt, "Lower", schedule.voltage.low_v, VOLT)
    curr = ET.SubElement(main, "Curr")
    _number(curr, "Upper", schedule.current_a, CURR)
    _number(curr, "Lower", -schedule.current_a, CURR)
    _number(main, "Delay_Time", schedule.delay_s, TIME)


def _write_step(info: ET.Element, number: int, step: Step, dialect: Dialect) -> None:
    direction = None if isinstance(step, Loop) else step.direction
    kind = LOOP if isinstance(step, Loop) else _TYPES[type(step), direction]
    element = ET.SubElement(info, f"Step{number}", {"Step_ID": str(number), "Step_Type": str(kind)})
    limit = ET.SubElement(element, "Limit")
    if isinstance(step, Loop):
        other = ET.SubElement(limit, "Other")
        _value(other, "Start_Step", str(step.back_to))
        _value(other, "Cycle_Count", str(step.times))
        return
    main = ET.SubElement(limit, "Main")
    if direction is not None:
        _number(main, "Curr", step.largest_a, CURR)
        _load(main, number, "power", step.power_w, dialect.power)
        _load(main, number, "resistance", step.resistance_ohm, dialect.resistance)
    if step.holds_voltage:
        _number(main, "Volt", step.target_v, VOLT)
    _number(main, "Time", step.until.time_s, TIME)
    _number(main, "Stop_Volt", step.until.voltage_v, VOLT)
    _number(main, "Stop_Curr", step.until.current_a, CURR)
    _number(main, "Cap", step.until.capacity_ah, CAP)
    if step.record is not None:
        _record(element, step.record)


def _load(main: ET.Element, number: int, what: str, value: float | None, known: FileQuantity | None) -> None:
    if value is None:
        return
    if known is None:
        raise CannotRun(f"step {number}: how a step file writes a {what} is not known; see the settings of the tester")
    _number(main, known.tag, value, known.per_si)


def read(data: bytes, dialect: Dialect | None = None) -> Schedule:
    """Parse a step file into the tester's schedule. Raises NotConfirmed for a file that cannot be carried out."""
    dialect = dialect or Dialect()
    try:
        root = SafeET.fromstring(data)
    except (ET.ParseError, DefusedXmlException, ValueError) as err:
        raise NotConfirmed(f"the step file is not well-formed XML: {err}") from err
    info = root.find("config/Step_Info")
    whole = root.find("config/Whole_Prt")
    if info is None or whole is None:
        raise NotConfirmed("the step file has no Step_Info or no Whole_Prt")
    elements = list(info)
    if [e.tag for e in elements] != [f"Step{n}" for n in range(1, len(elements) + 1)]:
        raise NotConfirmed("the steps of the step file are not numbered from 1 without a gap")
    if info.get("Num") != str(len(elements)) or not elements or elements[-1].get("Step_Type") != str(END):
        raise NotConfirmed("the step file does not end with an End step, or counts its steps wrong")
    low, high = _read(whole, "Protect/Main/Volt/Lower", VOLT), _read(whole, "Protect/Main/Volt/Upper", VOLT)
    current, delay = _read(whole, "Protect/Main/Curr/Upper", CURR), _read(whole, "Protect/Main/Delay_Time", TIME)
    floor = _read(whole, "Protect/Main/Curr/Lower", CURR)
    if low is None or high is None or current is None or delay is None or floor is None:
        raise NotConfirmed("the step file lacks whole-run limits")
    if floor != -current:
        raise NotConfirmed(f"the step file limits current to {floor} .. {current} A, which is not symmetric")
    steps = tuple(_read_step(e, dialect) for e in elements[:-1])
    return Schedule(steps, _read_record(whole) or Record(), VoltageBand(low, high), current, delay)


def _read(parent: ET.Element, path: str, factor: float) -> float | None:
    element = parent.find(path)
    if element is None:
        return None
    try:
        value = float(element.get("Value", ""))
    except ValueError as err:
        raise NotConfirmed(f"the step file has {path} = {element.get('Value')!r}") from err
    if not math.isfinite(value):
        raise NotConfirmed(f"the step file has {path} = {value}")
    return value / factor


def _read_bound(parent: ET.Element, path: str, factor: float) -> float | None:
    """Read a number of which zero means none: the tester knows no end after 0 ms or 0 mAs, and no record every 0 ms."""
    return _read(parent, path, factor) or None


def _must(value: float | None, what: str, element: ET.Element) -> float:
    if value is None:
        raise NotConfirmed(f"{element.tag} of the step file has no {what}")
    return value


def _read_record(parent: ET.Element) -> Record | None:
    main = parent.find("Record/Main")
    if main is None:
        return None
    return Record(_read_bound(main, "Time", TIME), _read_bound(main, "Volt", VOLT), _read_bound(main, "Curr", CURR))


def _read_load(main: ET.Element, element: ET.Element, known: FileQuantity | None) -> float:
    if known is None:
        raise NotConfirmed(f"{element.tag} of the step file is of a power or resistance, whose unit there is not known")
    return _must(_read(main, known.tag, known.per_si), known.tag, element)


def _read_step(element: ET.Element, dialect: Dialect) -> Step:
    kind_text = element.get("Step_Type", "")
    if not (kind_text.isascii() and kind_text.isdigit()):
        raise NotConfirmed(f"{element.tag} of the step file has type {kind_text!r}")
    kind = int(kind_text)
    if kind == LOOP:
        back, times = _read(element, "Limit/Other/Start_Step", 1), _read(element, "Limit/Other/Cycle_Count", 1)
        return Loop(int(_must(back, "Start_Step", element)), int(_must(times, "Cycle_Count", element)))
    record = _read_record(element)
    main = element.find("Limit/Main")
    if main is None:
        raise NotConfirmed(f"{element.tag} of the step file has no limits")
    current, volt = _read(main, "Curr", CURR), _read(main, "Volt", VOLT)
    time, capacity = _read_bound(main, "Time", TIME), _read_bound(main, "Cap", CAP)
    until = Until(time, _read(main, "Stop_Volt", VOLT), _read_bound(main, "Stop_Curr", CURR), capacity)
    ours, direction = _KINDS.get(kind, (None, None))
    sign = -1.0 if direction is Direction.DISCHARGE else 1.0
    if ours is Rest:
        return Rest(until, record)
    if ours is ConstantCurrent:
        return ConstantCurrent(sign * _must(current, "Curr", element), until, record=record)
    if ours is CcCv:
        signed = sign * _must(current, "Curr", element)
        return CcCv(signed, _must(volt, "Volt", element), until, record=record)
    if ours is ConstantVoltage and direction is not None:
        return ConstantVoltage(direction, _must(volt, "Volt", element), until, current, record=record)
    if ours is ConstantPower and direction is not None:
        return ConstantPower(direction, _read_load(main, element, dialect.power), until, record=record)
    if ours is ConstantResistance:
        return ConstantResistance(_read_load(main, element, dialect.resistance), until, record=record)
    raise NotConfirmed(f"{element.tag} of the step file has type {kind}, which no program of ours holds")


def differences(segment: CyclingSegment, data: bytes, dialect: Dialect | None = None) -> list[str]:
    """Return the differences between a schedule and its segment, in sentences; empty if there are none.

    Numbers may differ by what six decimals of the file's unit lose: half a unit of the last decimal. But what is not
    zero must not be zero in the file: an end of 0 is none to the tester. Raises NotConfirmed for a file that cannot be
    carried out.
    """
    found = read(data, dialect)
    wanted = intended(segment)
    result = []
    if len(wanted.steps) != len(found.steps):
        result.append(f"{len(wanted.steps)} steps intended, {len(found.steps)} in the file")
    for n, (want, have) in enumerate(zip(wanted.steps, found.steps, strict=False), 1):
        if not _alike(want, have):
            result.append(f"step {n} is {have} where {want} is intended")
    for name in ("record", "voltage", "current_a", "delay_s"):
        want, have = getattr(wanted, name), getattr(found, name)
        if not _alike(want, have, name):
            result.append(f"{name} is {have} where {want} is intended")
    return result


def rehearsed(segment: CyclingSegment, dialect: Dialect) -> list[str]:
    """Write the step file of a segment, read it, and return why it must not be started; empty when it equals it."""
    try:
        return differences(segment, write(segment, "rehearsal", 0.0, dialect), dialect)
    except (CannotRun, NotConfirmed) as err:
        return [str(err)]


def _alike(want: object, have: object, name: str = "") -> bool:
    if isinstance(want, float) and isinstance(have, float):
        if name in _LOADS:
            return math.isclose(want, have, rel_tol=_LOAD_PART) and want > 0
        # Times in years lose digits of their own.
        factor = _ROUNDING.get(f"_{name.rpartition('_')[2]}", VOLT)
        alike = math.isclose(want, have, rel_tol=1e-9, abs_tol=0.51 * 10**-_DECIMALS / factor)
        return alike and (want == 0) == (have == 0)
    fields = getattr(want, "__dataclass_fields__", None)
    if fields is None or type(want) is not type(have):
        return want == have
    return all(_alike(getattr(want, field), getattr(have, field), field) for field in fields)
