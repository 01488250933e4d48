"""Runs a command, prints its wall time and peak memory as JSON: ``python -m benchmarks.measured_command COMMAND ...``.

A process of its own, because Linux counts the memory of the process that forked into the peak of its child, and
because ``getrusage`` knows all children together only: this launcher is small and has exactly one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def peak_bytes() -> int | None:
    """Give the peak resident memory of the children that have ended, None where the system does not tell."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit


def own_bytes() -> int | None:
    """Give the memory that this process holds now, None where the system does not tell in a file."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except FileNotFoundError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    """Run the command; its stdout is dropped, its exit status becomes ours."""
    before = time.perf_counter()
    status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False).returncode
    wall_s = time.perf_counter() - before
    print(json.dumps({"wall_s": wall_s, "peak_bytes": peak_bytes()}))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
