"""One service for a store: a lock that the system releases when its process dies; the file names the owner.

The lock itself is ``filelock``'s, on a descriptor that stays ours (docs/decisions/0012-file-locks-by-filelock.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from filelock import lock_descriptor, unlock_descriptor

from orchestrator.clock.scaled import in_loop_time
from orchestrator.clock.virtual import wall_time

_ATTEMPTS = 10
_PAUSE_S = 0.05
# On Windows the lock is on the file's first byte, which nobody else can read then: the text begins behind it.
_TEXT_AT = 1


class AlreadyOwned(Exception):
    """Another process serves this store; the message names the process and the remedy."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a store's lock."""

    pid: int
    host: str
    started_utc: str
    url: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, started {self.started_utc}, at {self.url or 'no address'}"


def lock_path(store: Path) -> Path:
    """Return the lock file of a store."""
    return store.with_name(f"{store.name}.lock")


class Instance:
    """A held lock, and the contents of its file."""

    def __init__(self, file: IO[str], path: Path, last_alive_unix_s: float | None) -> None:
        self._file = file
        self._path = path
        # When the owner before this one, if it died, was last alive.
        self.last_alive_unix_s = last_alive_unix_s

    def write_owner(self, url: str) -> None:
        """Write the lock's owner and the service's address into the file."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        self._write(json.dumps(asdict(Owner(os.getpid(), socket.gethostname(), now, url))))

    def beat(self) -> None:
        """Set the file's time to now, by the owner's clock; after a crash it shows when the owner was last alive."""
        now_s = wall_time()
        os.utime(self._path, (now_s, now_s))

    def clear(self) -> None:
        """Empty the file: its owner ended normally."""
        self._write("")
        self.beat()

    def _write(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(" " * _TEXT_AT + text if text else "")
        self._file.flush()


@asynccontextmanager
async def owning(store: Path) -> AsyncIterator[Instance]:
    """Hold a store's lock; the lock of a dead process is replaced. Raises AlreadyOwned, which names the owner."""
    path = lock_path(store)
    with path.open("a+", encoding="utf-8") as file:
        for attempt in range(1, _ATTEMPTS + 1):
            if lock_descriptor(file.fileno(), blocking=False):
                break
            # Another program may only be looking whether the lock is held.
            if attempt == _ATTEMPTS:
                raise AlreadyOwned(
                    f"{store} is served already by {_read(file) or 'another process'}; "
                    "use it with 'cellrig status', or end it before another is started"
                )
            await asyncio.sleep(in_loop_time(_PAUSE_S))
        died = path.stat().st_mtime if _read(file) else None
        instance = Instance(file, path, died)
        try:
            yield instance
        finally:
            instance.clear()
            unlock_descriptor(file.fileno())


def owner_of(store: Path) -> Owner | None:
    """Return the living process that serves a store, None when there is none."""
    with contextlib.suppress(FileNotFoundError), lock_path(store).open("r+", encoding="utf-8") as file:
        if lock_descriptor(file.fileno(), blocking=False):
            unlock_descriptor(file.fileno())
            return None
        return _read(file) or Owner(0, "this machine", "just now", "")
    return None


def owner_that_died(store: Path) -> Owner | None:
    """Return the process that held a store's lock until it died; None when the last owner ended in order."""
    with contextlib.suppress(OSError), lock_path(store).open("r", encoding="utf-8") as file:
        return _read(file)
    return None


def last_alive_unix_s(store: Path) -> float:
    """Return the time of a store's last sign of a living service, by that service's clock; 0 when there is none."""
    with contextlib.suppress(FileNotFoundError):
        return lock_path(store).stat().st_mtime
    return 0.0


def _read(file: IO[str]) -> Owner | None:
    file.seek(_TEXT_AT)
    try:
        return Owner(**json.loads(file.read()))
    except (ValueError, TypeError):
        return None
