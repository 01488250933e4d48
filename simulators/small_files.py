"""Reads the files that a simulator is given: small ones, and no pipe, whose other end may never come."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_small(path: Path | str, most_bytes: int = 4 * 1024 * 1024) -> bytes:
    """Read a regular file of at most ``most_bytes``. Raises ValueError for anything else, OSError if it cannot."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is not a file")
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"{path} has more than {most_bytes} bytes")
    return data
