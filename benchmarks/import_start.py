"""How long ``import cellrig`` takes, by turns with a bare interpreter, with ``import numpy``, and with its parts."""

from __future__ import annotations

import sys

from benchmarks.figures import Aim, Figure, Size
from benchmarks.starts import started

_AIM = Aim(60, at_most=True)
_BARE = "python -c pass"
_PROGRAMS = {
    _BARE: "pass",
    "import cellrig": "import cellrig",
    "import numpy": "import numpy",
    "cellrig.forecast": "import cellrig; cellrig.forecast",
    "cellrig.open_store": "import cellrig; cellrig.open_store",
    "cellrig.Service": "import cellrig; cellrig.Service",
    "cellrig.simulate": "import cellrig; cellrig.simulate",
    "the simulators": "import simulators.__main__",
}


def measure(size: Size) -> list[Figure]:
    """Start all by turns, each in a process of its own; the first turn warms the disk and is dropped.

    Processor time stands beside wall time: on a machine that does something else it is the honest one.
    """
    wall_ms: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    processor_ms: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    for turn in range(size.of(31, 6, 1)):
        for name, program in _PROGRAMS.items():
            wall, processor = started([sys.executable, "-c", program])
            if turn or size is Size.SMOKE:
                wall_ms[name].append(wall)
                processor_ms[name].append(processor)
    figures = []
    for name in _PROGRAMS:
        aim = _AIM if name == "import cellrig" else None
        figures.append(Figure(f"{name}, fastest", min(wall_ms[name]), "ms", aim))
        figures.append(Figure(f"{name}, least processor time", min(processor_ms[name]), "ms"))
        if name != _BARE:
            ratio = min(processor_ms[name]) / (min(processor_ms[_BARE]) or 1.0)
            figures.append(Figure(f"{name} / bare interpreter, processor time", ratio, "x"))
    return figures
