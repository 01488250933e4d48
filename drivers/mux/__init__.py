"""Switches that connect the potentiostat to one cell of many."""

from drivers.mux.chi684 import Chi684Multiplexer
from drivers.mux.multiplexer import RelayMultiplexer
from drivers.mux.settings import Chi684Settings, RelayMuxSettings
from drivers.transport.line import streams
from drivers.transport.port_finding import ports_of

__all__ = ["Chi684Multiplexer", "Chi684Settings", "RelayMultiplexer", "RelayMuxSettings", "ports_of", "streams"]
