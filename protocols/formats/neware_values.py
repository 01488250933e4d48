"""Reads the values of step files: numbers in the units of the file, the records of a test or a step."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from decimal import Decimal

from protocols.formats.file_contents import Doc
from protocols.formats.numbers import milliampere_text, number, positive, time_text, voltage_text

PER_VOLT, PER_SECOND = Decimal(10000), Decimal(1000)


def text_of(parent: ET.Element, path: str) -> str:
    """Give the text of a value, "" for none."""
    element = parent.find(path)
    return "" if element is None else element.get("Value", "").strip()


def selected(parent: ET.Element, path: str) -> ET.Element | None:
    """Give a value; one that the editor has and does not use is none."""
    element = parent.find(path)
    return None if element is None or element.get("Is_Select") == "0" else element


def scaled(parent: ET.Element, path: str, per_unit: Decimal) -> Decimal | None:
    """Read a number in the unit of a recipe. Raises FormatError."""
    element = selected(parent, path)
    return None if element is None else number(element.get("Value"), f"{parent.tag}/{path}") / per_unit


def bound(parent: ET.Element, path: str, per_unit: Decimal) -> Decimal | None:
    """Read a number of which 0 is none: no tester knows an end after 0 ms."""
    element = selected(parent, path)
    found = None if element is None else positive(element.get("Value"), f"{parent.tag}/{path}")
    return None if found is None else found / per_unit


def is_zero(main: ET.Element, tag: str) -> bool:
    """Tell whether a value is there, and 0."""
    return selected(main, tag) is not None and bound(main, tag, Decimal(1)) is None


def record_of(parent: ET.Element) -> Doc:
    """Give the rule of records of a test or a step. Raises FormatError."""
    found: Doc = {}
    if (seconds := bound(parent, "Record/Main/Time", PER_SECOND)) is not None:
        found["every"] = time_text(seconds)
    if (volts := bound(parent, "Record/Main/Volt", PER_VOLT)) is not None:
        found["on_voltage_change"] = voltage_text(volts)
    if (current := bound(parent, "Record/Main/Curr", Decimal(1))) is not None:
        found["on_current_change"] = milliampere_text(current)
    return found
