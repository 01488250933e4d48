"""Reads the versions that a BTS Client tells with its list of devices (reference neware-ct4008, section 4.1).

Every client tells the hardware generation of each channel; a newer one also its own version and those of its server,
its middle machines and their units. The line made of them says the same of the same rig, in whatever order it is told.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

# A version is a few words; a reply that has more of them, or more machines than a rack, is cut here.
_LONGEST, _MOST = 200, 64


def versions(root: ET.Element) -> str:
    """Return the versions in a reply to getdevinfo, in one line; empty where it tells none."""
    generations = _different(row.get("devtype") for row in root.iterfind("middle/channel"))
    parts = [f"devtype {', '.join(generations)}"] if generations else []
    parts += _different(row.get("version") for row in root.iterfind("client"))
    for server in root.iterfind("serverip/server"):
        parts += [f"server {version}" for version in _different([server.get("version")])]
        machines = _different(_machine(row) for row in server.iterfind("dev"))
        parts += [f"middle machine {machine}" for machine in machines]
    return "; ".join(parts)


def _machine(row: ET.Element) -> str:
    """Return the number and version of a middle machine, and the versions of its units."""
    units = _different(unit.get("xwjVersion") for unit in row.iterfind("xwj"))
    with_units = f" with {', '.join(units)}" if units else ""
    return f"{_word(row.get('devid')) or '?'}: {_word(row.get('zwjVersion')) or '?'}{with_units}"


def _different(found: Iterable[str | None]) -> list[str]:
    return sorted({word for told in found if (word := _word(told))})[:_MOST]


def _word(told: str | None) -> str:
    """Return what was told in one line, cut where it is no version any more."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in told or "").split())[:_LONGEST]
