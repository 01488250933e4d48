"""A simulated relay multiplexer that speaks ASCII lines in the manner of SCPI switch units."""

from simulators.mux.server import SimulatedMux

__all__ = ["SimulatedMux"]
