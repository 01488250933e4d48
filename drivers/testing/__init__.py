"""Suites that any instrument's driver can be put through, without a test framework: what it does, and what it bears.

``CASES`` are for battery testers. ``SPOILED_WIRES`` are for every driver that talks over a wire, of cells or of ovens.
"""

from drivers.testing.battery_tester import CASES, Case, Subject, records_what_the_program_does, short_program
from drivers.testing.messages import Cut, lines, marked, modbus_rtu, modbus_tcp
from drivers.testing.spoiled_wire import SpoiledWire
from drivers.testing.wire_cases import SPOILED_WIRES, SpoiledWireCase
from drivers.testing.wired import Wired, WireFacts

__all__ = [
    "CASES",
    "SPOILED_WIRES",
    "Case",
    "Cut",
    "SpoiledWire",
    "SpoiledWireCase",
    "Subject",
    "WireFacts",
    "Wired",
    "lines",
    "marked",
    "modbus_rtu",
    "modbus_tcp",
    "records_what_the_program_does",
    "short_program",
]
