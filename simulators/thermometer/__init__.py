"""A simulated thermocouple logger that sends lines of text."""

from simulators.thermometer.logger import SimulatedLogger

__all__ = ["SimulatedLogger"]
