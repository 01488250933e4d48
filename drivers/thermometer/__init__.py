"""Thermometers that send lines of text over a serial line, such as thermocouple loggers."""

from drivers.thermometer.settings import ThermometerSettings
from drivers.thermometer.thermometer import LineThermometer

__all__ = ["LineThermometer", "ThermometerSettings"]
