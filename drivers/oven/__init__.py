"""Ovens and climate chambers whose controller speaks Modbus, over a serial line or TCP.

The settings need no library; ``drivers.oven.opening`` imports pymodbus, which the extra ``oven`` brings.
"""

from drivers.oven.settings import LinkSettings, OvenSettings, SetPointKeeping

__all__ = ["LinkSettings", "OvenSettings", "SetPointKeeping"]
