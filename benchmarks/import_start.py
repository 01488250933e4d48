"""How long ``import cellrig`` takes, by turns with a bare interpreter, with ``import numpy``, and with its parts."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figures import Aim, Figure, Size

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
    for turn in range(size.of(31, 6, 2)):
        for name, program in _PROGRAMS.items():
            began_s, before_s = time.perf_counter(), _children_s()
            subprocess.run([sys.executable, "-c", program], check=True)
            if turn:
                wall_ms[name].append((time.perf_counter() - began_s) * 1e3)
                processor_ms[name].append((_children_s() - before_s) * 1e3)
    figures = []
    for name in _PROGRAMS:
        aim = _AIM if name == "import cellrig" else None
        figures.append(Figure(f"{name}, fastest", min(wall_ms[name]), "ms", aim))
        figures.append(Figure(f"{name}, least processor time", min(processor_ms[name]), "ms"))
        if name != _BARE:
            ratio = min(processor_ms[name]) / (min(processor_ms[_BARE]) or 1.0)
            figures.append(Figure(f"{name} / bare interpreter, processor time", ratio, "x"))
    return figures


def _children_s() -> float:
    """Give the processor time of all processes that were started and are over; on Windows wall time."""
    if sys.platform == "win32":
        return time.perf_counter()
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
