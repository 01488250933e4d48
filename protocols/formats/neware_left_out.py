"""Names what a step file has and a recipe made of it has not: values of steps, protection, records."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from protocols.formats.file_contents import Note
from protocols.formats.neware_file import (
    CCCV_CHARGE,
    CCCV_DISCHARGE,
    CHARGE,
    CV_CHARGE,
    CV_DISCHARGE,
    DISCHARGE,
    REST,
)

# The values of each kind of step that have a place here; all others are noted.
_ENDS = {"Time", "Stop_Volt", "Stop_Curr", "Stop_Rate", "Cap"}
_OF_CURRENT = {"Curr", "Rate", "Time", "Stop_Volt", "Cap"}
_OF_HOLD = {"Curr", "Rate", "Time", "Volt", "Stop_Curr", "Stop_Rate"}
READ = {
    REST: {"Time"},
    CHARGE: _OF_CURRENT,
    DISCHARGE: _OF_CURRENT,
    CV_CHARGE: _OF_HOLD,
    CV_DISCHARGE: _OF_HOLD,
    CCCV_CHARGE: _OF_HOLD,
    CCCV_DISCHARGE: _OF_HOLD,
}
# The tags of its protection and its records that have a place here, or a line of their own.
_PROTECTION = {"Volt", "Volt/Upper", "Volt/Lower", "Curr", "Curr/Upper", "Curr/Lower", "Cap", "Cap/Upper"}
_PROTECTION |= {"Delay_Time", "Delay"}
_RECORDED = {"Time", "Volt", "Curr"}


def rest_of(element: ET.Element, main: ET.Element, kind: int) -> Iterator[Note]:
    """Yield what else a step has."""
    for one in main:
        if one.get("Is_Select") == "0":
            yield Note(element.tag, f"{one.tag} {one.get('Value', '')} is marked as not used: left out", is_lost=False)
        elif one.tag not in READ[kind] | _ENDS:
            yield Note(element.tag, f"{one.tag} {one.get('Value', '')} is left out")
    yield from _other_records(element, element.tag)
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


def _other_records(parent: ET.Element, where: str) -> Iterator[Note]:
    for one in parent.iterfind("Record/Main/*"):
        if one.tag not in _RECORDED:
            yield Note(where, f"records on a change of {one.tag}, {one.get('Value', '')}, are left out")


def _other_protection(whole: ET.Element) -> Iterator[Note]:
    for parent in ("Protect/Main", "Protect/Main/Volt", "Protect/Main/Curr", "Protect/Main/Cap"):
        for one in whole.iterfind(f"{parent}/*"):
            name = f"{parent}/{one.tag}".removeprefix("Protect/Main/")
            if name not in _PROTECTION and one.get("Is_Select") != "0":
                values = " ".join(f"{leaf.tag} {leaf.get('Value')}" for leaf in one.iter() if leaf.get("Value"))
                yield Note("Whole_Prt", f"protection by {name} ({values}) is left out")


def beside(config: ET.Element, whole: ET.Element) -> Iterator[Note]:
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
    yield from _other_protection(whole)
    yield from _other_records(whole, "Whole_Prt")
    smbus = config.find("SMBUS/SMBUS_Info")
    if smbus is not None and smbus.get("Num", "0") != "0":
        yield Note("SMBUS", "readings of a battery's own electronics are left out")
