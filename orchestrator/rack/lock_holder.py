"""Finds who holds the lock of a file by what the system knows of locks: where the file has a name in another folder.

Linux lists every lock with its process and inode (``/proc/locks``), and what files a process has open. Elsewhere, and
for processes of other users that hide both, nobody is found.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_LOCKS = Path("/proc/locks")
_SUFFIX = ".lock"


def holder_of(file: Path) -> int | None:
    """Return the process that holds a lock on a file, under whatever name it has opened it; None if none is known."""
    found = file.stat()
    # Only Linux has this list.
    with suppress(OSError):
        for line in _LOCKS.read_text("ascii").splitlines():
            # "1: FLOCK ADVISORY WRITE 4711 08:01:262147 0 EOF"; who waits for a lock has an arrow behind the number.
            words = line.split()
            if len(words) < 6 or words[1] != "FLOCK" or words[5].rpartition(":")[2] != str(found.st_ino):
                continue
            pid = int(words[4])
            # The number of an inode may be that of a file on another disk.
            if pid > 0 and any(os.path.samestat(found, there) for _, there in _open_files(pid)):
                return pid
    return None


def lock_file_of(pid: int, file: Path) -> Path | None:
    """Return the lock file that a process has open beside any name of a file; None if it has none."""
    for name, _ in _open_files(pid):
        beside = name.removesuffix(_SUFFIX)
        with suppress(OSError):
            if beside != name and file.samefile(beside):
                return Path(name)
    return None


def _open_files(pid: int) -> list[tuple[str, os.stat_result]]:
    """Return the files that a process has open, each with the name by which it was opened."""
    found = []
    # Processes end and files close meanwhile, and those of other users are not shown.
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found.append((str(Path(entry.path).readlink()), entry.stat()))
    return found
