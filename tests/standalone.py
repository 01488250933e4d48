"""A simulator as a program of its own, for clients in any language."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def started(*command: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the program and give the address that it prints first; it ends in order on Ctrl-C."""
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().removeprefix("listening on "), process
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
