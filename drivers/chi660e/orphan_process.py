"""Remembers, across the death of this process, which process of the vendor's program may still drive the leads."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from protocols.bounded_file import BadFile, read_bounded

logger = logging.getLogger(__name__)

_NAME = "running.json"
_NOTE_BYTES_MAX = 64 * 1024


def note(jobs: Path, pid: int, job: str) -> None:
    """Write down that a process works on a job."""
    try:
        (jobs / _NAME).write_text(json.dumps({"pid": pid, "job": job}), encoding="utf-8")
    except OSError as err:
        logger.warning("cannot write down that process %d runs: %s", pid, err)


def forget(jobs: Path) -> None:
    """Write down that no process works any more."""
    (jobs / _NAME).unlink(missing_ok=True)


def left_alive(jobs: Path) -> str:
    """Return a sentence on the process of an earlier measurement that is still alive; empty when none is."""
    path = jobs / _NAME
    try:
        path.stat()
        told = json.loads(read_bounded(path, _NOTE_BYTES_MAX))
        pid, job = int(told["pid"]), str(told["job"])
    except FileNotFoundError:
        return ""
    except (BadFile, OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"{path} cannot be read: see that no program measures, then delete it"
    if not is_alive(pid, job):
        return ""
    return f"process {pid}, which measures job {job}, is still alive: wait for its end, or end it by hand"


def is_alive(pid: int, job: str) -> bool:
    """Return whether a process is there; where the system shows its command line, it must name the job."""
    command = Path("/proc") / str(pid) / "cmdline"
    if command.parent.parent.joinpath("self").exists():
        try:
            return job.encode() in command.read_bytes()
        except OSError:
            return False
    if sys.platform == "win32":
        import ctypes

        synchronize, still_running = 0x00100000, 0x102
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = kernel.OpenProcess(synchronize, False, pid)
        if not handle:
            return False
        waited = kernel.WaitForSingleObject(handle, 0)
        kernel.CloseHandle(handle)
        return bool(waited == still_running)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
