"""The layout of the step file of Neware's BTS: its units, the types of steps, and the file of a schedule.

The driver and the exchange of recipes write it. Units of the file (reference neware-ct4008, section 5.2): 0.1 mV, mA,
ms, mAs; currents are positive magnitudes whose direction is in the step type.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_OID, uuid5

from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    ConstantCurrent,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    Loop,
    Record,
    RecordedStep,
    Rest,
    Step,
    VoltageBand,
)

CHARGE, DISCHARGE, CV_CHARGE, REST, LOOP, END, CCCV_CHARGE, CV_DISCHARGE, CCCV_DISCHARGE = 1, 2, 3, 4, 5, 6, 7, 19, 20
POWER_DISCHARGE, POWER_CHARGE, RESISTANCE_DISCHARGE = 8, 9, 10

# The file's type of each step that makes records, by its kind and direction. A new kind has its lines here
# and is built from what was read in the driver and in ``protocols.formats.neware_reading``.
TYPES: Mapping[tuple[type[RecordedStep], Direction | None], int] = {
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
KINDS = {number: kind for kind, number in TYPES.items()}

VOLT, CURR, TIME, CAP = 1e4, 1e3, 1e3, 3.6e6
DECIMALS = 6
# What a file holds, with the end.
STEPS_MAX = 254


class UnknownLoad(ValueError):
    """A power or a resistance cannot be written, because its name and its unit in the file are not known."""


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


def can_hold(step: RecordedStep, dialect: Dialect) -> bool:
    """Tell whether a file can hold a step: a power or a resistance only where its name and unit are known."""
    if (type(step), step.direction) not in TYPES:
        return False
    return (step.power_w is None or dialect.power is not None) and (
        step.resistance_ohm is None or dialect.resistance is not None
    )


def step_file(schedule: Schedule, label: str, date_unix_s: float, dialect: Dialect, notes: Sequence[str] = ()) -> bytes:
    """Write the step file of a schedule. The same schedule, label and date give the same bytes.

    ``notes``: sentences for people, at the head of the file as comments. Raises UnknownLoad for a power or a resistance
    that the dialect does not know.
    """
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
    for place, sentence in enumerate(notes):
        # Two hyphens would end the comment.
        root.insert(place, ET.Comment(f" {sentence.replace('--', '- -')} "))
    ET.indent(root)
    return b'<?xml version="1.0"?>\r\n' + ET.tostring(root).replace(b"\n", b"\r\n") + b"\r\n"


def _value(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag, {"Value": text})


def _number(parent: ET.Element, tag: str, value: float | None, factor: float) -> None:
    """Write a number in the file's unit with six decimals at most, as BTS is known to accept."""
    if value is None:
        return
    text = f"{value * factor:.{DECIMALS}f}".rstrip("0").rstrip(".")
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


def _load(main: ET.Element, number: int, what: str, value: float | None, known: FileQuantity | None) -> None:
    if value is None:
        return
    if known is None:
        raise UnknownLoad(f"step {number}: how a step file writes a {what} is not known")
    _number(main, known.tag, value, known.per_si)


def _write_step(info: ET.Element, number: int, step: Step, dialect: Dialect) -> None:
    direction = None if isinstance(step, Loop) else step.direction
    kind = LOOP if isinstance(step, Loop) else TYPES[type(step), direction]
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
