"""Reads step files of the vendor's editor as they are, to compare what is done with what was meant.

No command of the API reads a schedule back, so files are found in a folder: by their name, else by their remark, which
must be the test's barcode. Units and spellings: reference neware-ct4008, section 5.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import defusedxml.ElementTree as SafeET
from defusedxml.common import DefusedXmlException

from protocols.bounded_file import BadFile, read_bounded

# A schedule of 254 steps has a tenth of it; a folder of more files than these is no folder of schedules.
_MOST_BYTES, _MOST_FILES = 1_000_000, 2000
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9_.-]+)["']""")
_HEAD = re.compile(r"^\s*<\?xml.*?\?>", re.DOTALL)
# Files of the vendor's declare GB2312 and hold what only its successor has (section 5.1).
_ENCODINGS = {"gb2312": "gb18030", "gbk": "gb18030", "utf-8": "utf-8-sig"}
LOOP, END, PAUSE = 5, 6, 13
# The word of a record for each type of step (sections 5.5, 6.2), and the sign of its current.
MODES = {1: "cc", 2: "dc", 3: "cv", 4: "rest", 7: "cccv", 19: "dv", 20: "cccd"}
# Of a constant power or a constant resistance.
LOADS = {8: "dp", 9: "cp", 10: "dr", 11: "cr"}
MODES |= LOADS
SIGNS = {"cc": 1, "dc": -1, "cv": 1, "dv": -1, "cccv": 1, "cccd": -1, "cp": 1, "dp": -1, "cr": 1, "dr": -1}


@dataclass(frozen=True, slots=True)
class FileStep:
    """A step of a file in SI units; magnitudes, None for what it does not say. ``goes_to``: jumps that it may take."""

    kind: int
    current_a: float | None = None
    voltage_v: float | None = None
    stop_v: float | None = None
    back_to: int = 0
    goes_to: tuple[int, ...] = ()

    @property
    def mode(self) -> str:
        """The word of its records; empty for a type that this project does not know."""
        return MODES.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class ScheduleFile:
    """A step file: its steps from number 1 on, and its protections for the whole test; None where one is missing."""

    name: str
    remark: str
    steps: tuple[FileStep, ...]
    upper_v: float | None
    lower_v: float | None
    upper_a: float | None
    lower_a: float | None

    def step(self, number: int) -> FileStep | None:
        """Return a step by its number."""
        return self.steps[number - 1] if 1 <= number <= len(self.steps) else None

    def may_follow(self, number: int) -> frozenset[int]:
        """Return the numbers of the steps that may be executed next: loops go back or on, conditions go anywhere."""
        step = self.step(number)
        found: set[int] = set() if step is None else set(step.goes_to)
        waiting, looked = [number + 1], set()
        while waiting:
            at = waiting.pop()
            there = self.step(at)
            if there is None or at in looked:
                continue
            looked.add(at)
            if there.kind in {LOOP, PAUSE}:
                waiting += [at + 1] if there.kind == PAUSE else [at + 1, there.back_to]
            else:
                found.add(at)
        return frozenset(found)

    def problems(self) -> list[str]:
        """Return what protects this test too little, in words; empty when all four limits are there and outside."""
        missing = [
            words
            for value, words in (
                (self.upper_v, "no upper voltage limit"),
                (self.lower_v, "no lower voltage limit"),
                (self.upper_a, "no limit of the charging current"),
                (self.lower_a, "no limit of the discharging current"),
            )
            if value is None
        ]
        for number, step in enumerate(self.steps, 1):
            missing += [
                f"the voltage limits leave out {volt:g} V, to which step {number} goes"
                for volt in (step.stop_v, step.voltage_v)
                if volt is not None and not self._is_inside(volt)
            ]
        return missing

    def _is_inside(self, volt: float) -> bool:
        low = -math.inf if self.lower_v is None else self.lower_v
        high = math.inf if self.upper_v is None else self.upper_v
        return low <= volt <= high


def find_schedule(folder: Path, barcode: str) -> ScheduleFile | None:
    """Return the step file of a test by its barcode; None where there is none, or it cannot be read."""
    try:
        files = sorted(folder.glob("*.xml"))[:_MOST_FILES]
    except OSError:
        return None
    files.sort(key=lambda file: (file.stem != barcode, -file.stat().st_mtime if file.exists() else 0.0))
    for file in files:
        found = _read(file)
        if found is not None and barcode in {file.stem, found.remark}:
            return found
    return None


def _read(file: Path) -> ScheduleFile | None:
    try:
        return parse(read_bounded(file, _MOST_BYTES), file.name)
    except (OSError, BadFile, ValueError, LookupError, ET.ParseError, DefusedXmlException):
        return None


def parse(data: bytes, name: str) -> ScheduleFile:
    """Read the bytes of a step file. Raises ValueError, LookupError or ParseError for what is none."""
    declared = _DECLARED.match(data)
    encoding = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    root = SafeET.fromstring(_HEAD.sub("", data.decode(_ENCODINGS.get(encoding, encoding))))
    info, whole = root.find("config/Step_Info"), root.find("config/Whole_Prt")
    if info is None:
        raise ValueError("no Step_Info")
    remark = root.find("config/Head_Info/Remark")
    nominal_ah = _value(root, "config/Head_Info/MultCap", 3.6e6)
    steps = tuple(_step(element, nominal_ah) for element in info)
    upper_v, lower_v, upper_a, lower_a = (
        _limit(whole, info, path, factor)
        for path, factor in (("Volt/Upper", 1e4), ("Volt/Lower", 1e4), ("Curr/Upper", 1e3), ("Curr/Lower", 1e3))
    )
    told = "" if remark is None else remark.get("Value", "")
    return ScheduleFile(name, told, steps, upper_v, lower_v, upper_a, lower_a)


def _limit(whole: ET.Element | None, info: ET.Element, path: str, factor: float) -> float | None:
    """Return a protection of the whole file, else the widest where every step that drives current has its own."""
    general = None if whole is None else _value(whole, f"Protect/Main/{path}", factor)
    if general is not None:
        return general
    driven = [step for step in info if _kind(step) not in {4, LOOP, END, PAUSE}]
    own: Sequence[float | None] = [_value(step, f"Protect/Main/{path}", factor) for step in driven]
    there = [value for value in own if value is not None]
    if not there or len(there) < len(own):
        return None
    return max(there) if "Upper" in path else min(there)


def _kind(element: ET.Element) -> int:
    return int(element.get("Step_Type", ""))


def _step(element: ET.Element, nominal_ah: float | None) -> FileStep:
    main, other = "Limit/Main", "Limit/Other"
    current_a = _value(element, f"{main}/Curr", 1e3)
    rate = _value(element, f"{main}/Rate", 1.0)
    if current_a is None and rate is not None and nominal_ah is not None:
        current_a = rate * nominal_ah
    conditions = element.find(other)
    lines = [] if conditions is None else [child.get("Jump_Line") for child in conditions]
    return FileStep(
        _kind(element),
        None if current_a is None else abs(current_a),
        _value(element, f"{main}/Volt", 1e4),
        _value(element, f"{main}/Stop_Volt", 1e4),
        int(_value(element, f"{other}/Start_Step", 1.0) or 0),
        tuple(int(line) for line in lines if line and line.isascii() and line.isdigit()),
    )


def _value(parent: ET.Element, path: str, factor: float) -> float | None:
    element = parent.find(path)
    if element is None:
        return None
    value = float(element.get("Value", ""))
    if not math.isfinite(value):
        raise ValueError(f"{path} is {value}")
    return value / factor
