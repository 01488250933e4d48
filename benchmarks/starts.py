"""Starts a program and says what that took, as a user's computer does it: with modules that are compiled already."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence


def started(command: Sequence[str]) -> tuple[float, float]:
    """Run a command to its end, its output dropped; return wall and processor time in ms.

    Where the caller's environment forbids to keep compiled modules, every start would compile those of cellrig again,
    and none of the libraries that were installed compiled. Whoever measures drops the first start.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began_s, before_s = time.perf_counter(), _children_s()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment)
    return (time.perf_counter() - began_s) * 1e3, (_children_s() - before_s) * 1e3


def _children_s() -> float:
    """Give the processor time of all processes that were started and are over; on Windows wall time."""
    if sys.platform == "win32":
        return time.perf_counter()
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
