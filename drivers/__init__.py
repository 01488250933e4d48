"""Drivers: programs into native programs, bytes into samples."""

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, Sample

__all__ = ["BatteryTester", "DriverError", "Sample"]
