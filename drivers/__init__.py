"""Drivers: programs into native programs, bytes into samples."""

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, Sample
from drivers.neware.opening import open_tester

__all__ = ["BatteryTester", "DriverError", "Sample", "open_tester"]
