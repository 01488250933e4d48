"""Cell models: physics of simulated coin cells, read from parameter files.

>>> from simulators.cells import load_cell
>>> cell = load_cell("bare-li-li", seed=1)
>>> cell.advance(30.0, 1.5708e-4)
>>> 0.02 < cell.voltage_v(1.5708e-4) < 0.06
True
"""

from __future__ import annotations

from simulators.cells.loading import load_cell, shipped_names, stated_sizes
from simulators.cells.model import CellModel

__all__ = ["CellModel", "load_cell", "shipped_names", "stated_sizes"]
