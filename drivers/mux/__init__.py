"""Switches that connect the potentiostat to one cell of many."""

from drivers.mux.chi684 import Chi684Multiplexer
from drivers.mux.multiplexer import RelayMultiplexer
from drivers.mux.port_finding import ports_of
from drivers.mux.settings import Chi684Settings, RelayMuxSettings
from drivers.transport.line import streams

__all__ = ["Chi684Multiplexer", "Chi684Settings", "RelayMultiplexer", "RelayMuxSettings", "ports_of", "streams"]
