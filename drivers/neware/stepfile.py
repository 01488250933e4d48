"""Writes the BTS step file for a segment, reads step files back, and lists the differences between both.

No command of the API reads a schedule back (docs/bench.md), so the file that BTS will open is parsed again and
compared before every start. Units of the file (reference neware-ct4008, section 5.2): 0.1 mV, mA, ms, mAs; currents
are positive magnitudes whose direction is in the step type.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import defusedxml.ElementTree as SafeET
from defusedxml.common import DefusedXmlException

from drivers.errors import CannotRun, NotConfirmed
from protocols.current_sign import Direction
from protocols.formats.neware_file import (
    CAP,
    CURR,
    DECIMALS,
    END,
    KINDS,
    LOOP,
    STEPS_MAX,
    TIME,
    VOLT,
    Dialect,
    FileQuantity,
    Schedule,
    UnknownLoad,
    step_file,
)
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
    Rest,
    Step,
    Until,
    VoltageBand,
)
from protocols.program_steps import bounded

# Half a unit of the file's last decimal and a little, by what a field's name ends with.
_ROUNDING = {"_v": VOLT, "_a": CURR, "_s": TIME, "_ah": CAP}
# A power and a resistance, whose units are settings: a file may lose such a part of them.
_LOADS, _LOAD_PART = frozenset({"power_w", "resistance_ohm"}), 1e-4


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
    return step if isinstance(step, Loop) else replace(bounded(step), purpose=Purpose.RECIPE)


def write(segment: CyclingSegment, label: str, date_unix_s: float, dialect: Dialect | None = None) -> bytes:
    """Write the step file of a segment. The same segment, label and date give the same bytes.

    Raises CannotRun for what the file cannot hold: more than 254 steps with the end, text outside ASCII, a power or a
    resistance whose name and unit in the file are not known.
    """
    schedule = intended(segment)
    if len(schedule.steps) + 1 > STEPS_MAX:
        raise CannotRun(f"{len(schedule.steps) + 1} steps with the end; a step file holds {STEPS_MAX}")
    if not label.isascii():
        raise CannotRun(f"label {label!r} must be plain ASCII: BTS mixes up other encodings")
    try:
        return step_file(schedule, label, date_unix_s, dialect or Dialect())
    except UnknownLoad as err:
        raise CannotRun(f"{err}; see the settings of the tester") from err


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
    ours, direction = KINDS.get(kind, (None, None))
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
        alike = math.isclose(want, have, rel_tol=1e-9, abs_tol=0.51 * 10**-DECIMALS / factor)
        return alike and (want == 0) == (have == 0)
    fields = getattr(want, "__dataclass_fields__", None)
    if fields is None or type(want) is not type(have):
        return want == have
    return all(_alike(getattr(want, field), getattr(have, field), field) for field in fields)
