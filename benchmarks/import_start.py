"""How long ``import cellrig`` takes, by turns with a bare interpreter, with ``import numpy``, and with its parts."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from benchmarks.figures import Aim, Figure

_AIM = Aim(60, at_most=True)
_PROGRAMS = {
    "python -c pass": "pass",
    "import cellrig": "import cellrig",
    "import numpy": "import numpy",
    "cellrig.forecast": "import cellrig; cellrig.forecast",
    "cellrig.open_store": "import cellrig; cellrig.open_store",
    "cellrig.Service": "import cellrig; cellrig.Service",
    "cellrig.simulate": "import cellrig; cellrig.simulate",
    "the simulators": "import simulators.__main__",
}


def measure(quick: bool) -> list[Figure]:
    """Start all by turns, each in a process of its own; the first turn warms the disk and is dropped."""
    times: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    for turn in range(6 if quick else 31):
        for name, program in _PROGRAMS.items():
            began_s = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            if turn:
                times[name].append((time.perf_counter() - began_s) * 1e3)
    bare = min(times["python -c pass"])
    figures = [
        Figure("python -c pass, fastest", bare, "ms"),
        Figure("import cellrig, the import alone, fastest", min(_within(5 if quick else 30)), "ms", _AIM),
    ]
    for name, found in times.items():
        if name != "python -c pass":
            figures.append(Figure(f"{name}, process, fastest", min(found), "ms"))
            figures.append(Figure(f"{name}, process, median", median(found), "ms"))
            figures.append(Figure(f"{name} / bare interpreter, fastest", min(found) / bare, "x"))
    return figures


def _within(times: int) -> list[float]:
    """Give what the import alone takes, in ms, by the clock of each of so many processes."""
    program = "import time; began = time.perf_counter(); import cellrig; print((time.perf_counter() - began) * 1e3)"
    command = [sys.executable, "-c", program]
    return [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(times)]
