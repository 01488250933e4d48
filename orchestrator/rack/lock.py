"""One service for a store: a lock that the system drops when its process dies, with the owner's name in the file."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_ATTEMPTS = 10
_PAUSE_S = 0.05
# On Windows a locked byte cannot be read: the lock is on one far behind the text.
_LOCKED_BYTE = 1 << 30


class AlreadyOwned(Exception):
    """Another process serves this store; the message names it and says what to do."""


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
    """Give the lock file of a store."""
    return store.with_name(f"{store.name}.lock")


class Instance:
    """A lock that is held, and what stands in its file."""

    def __init__(self, file: IO[str], path: Path, last_alive_unix_s: float | None) -> None:
        self._file = file
        self._path = path
        # When the owner before this one, if it died, was last alive.
        self.last_alive_unix_s = last_alive_unix_s

    def tell(self, url: str) -> None:
        """Write who holds the lock, and where it answers."""
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        self._write(json.dumps(asdict(Owner(os.getpid(), socket.gethostname(), now, url))))

    def beat(self) -> None:
        """Show that the owner is alive: what remains of it, should it die, is the time of the file."""
        os.utime(self._path)

    def leave(self) -> None:
        """Empty the file: its owner went in order."""
        self._write("")

    def _write(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()


@asynccontextmanager
async def owning(store: Path) -> AsyncIterator[Instance]:
    """Hold a store's lock. Raises AlreadyOwned, which names the owner. What a dead process left is taken over."""
    path = lock_path(store)
    with path.open("a+", encoding="utf-8") as file:
        for attempt in range(1, _ATTEMPTS + 1):
            if _lock(file):
                break
            # Another program may only be looking whether the lock is held.
            if attempt == _ATTEMPTS:
                raise AlreadyOwned(
                    f"{store} is served already by {_read(file) or 'another process'}; "
                    "use it with 'cellrig status', or end it before another is started"
                )
            await asyncio.sleep(_PAUSE_S)
        died = path.stat().st_mtime if _read(file) else None
        instance = Instance(file, path, died)
        try:
            yield instance
        finally:
            instance.leave()
            _unlock(file)


def owner_of(store: Path) -> Owner | None:
    """Give the living process that serves a store, None when there is none."""
    with contextlib.suppress(FileNotFoundError), lock_path(store).open("r+", encoding="utf-8") as file:
        if _lock(file):
            _unlock(file)
            return None
        return _read(file) or Owner(0, "this machine", "just now", "")
    return None


def _read(file: IO[str]) -> Owner | None:
    file.seek(0)
    try:
        return Owner(**json.loads(file.read()))
    except (ValueError, TypeError):
        return None


if sys.platform == "win32":

    def _lock(file: IO[str]) -> bool:
        try:
            os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
