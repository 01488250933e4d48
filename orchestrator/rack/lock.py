"""One service for a store: a lock that the system releases when its process dies; the file names the owner.

The lock itself is ``filelock``'s, on a descriptor that stays ours (docs/decisions/0012-file-locks-by-filelock.md). It
stands beside the store itself, wherever links lead there from. On Linux the store's file is locked too, so that an
owner whose lock file somebody has deleted is still the only one; that file is made and locked anew at its next sign of
life.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from filelock import lock_descriptor, unlock_descriptor

from orchestrator.clock.iso_time import iso_utc, unix_time
from orchestrator.clock.local_time import local_time
from orchestrator.clock.scaled import in_loop_time
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.lock_holder import holder_of, lock_file_of
from orchestrator.store.errors import CannotOpen
from orchestrator.store.place import check_one_name, check_path, real_path, same_file_beside

logger = logging.getLogger(__name__)

_ATTEMPTS = 10
_PAUSE_S = 0.05
# On Windows the lock is on the file's first byte, which nobody else can read then: the text begins behind it.
_TEXT_AT = 1
# An owner's words are a fifth of this.
_TEXT_MAX = 4096
# Elsewhere a lock of this kind on the store's file would be in the way of SQLite's own.
_LOCKS_STORES = sys.platform == "linux"


class AlreadyOwned(Exception):
    """Another process has this store; the message names the process and the remedy.

    ``is_service``: it takes orders; ``command`` is that of another one, "" where that is not known yet.
    """

    def __init__(self, message: str, *, is_service: bool = False, command: str = "") -> None:
        super().__init__(message)
        self.is_service = is_service
        self.command = command


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a store's lock. Commands ask it at ``url``, people are told ``public_url``.

    ``parent_pid`` is the process that a user has started, ends and sees. Both are empty where they are the same.
    ``command`` is that of a process that is no service, and watches a run or an instrument of its own.
    """

    pid: int
    host: str
    started_utc: str
    url: str
    public_url: str = ""
    parent_pid: int = 0
    command: str = ""

    def __str__(self) -> str:
        started = self.started_utc
        with contextlib.suppress(ValueError):  # an earlier cellrig wrote it in words
            started = local_time(unix_time(started), seconds=True)
        at = f", at {self.public_url or self.url}" if self.public_url or self.url else ""
        return f"process {self.parent_pid or self.pid} on {self.host}, started {started}{at}"

    @property
    def in_use(self) -> str:
        """Say what has the store, and what a person can do who wants it: a clause each."""
        if self.command:
            return f"in use by '{self.command}', {self}: wait until that has ended, or end it there with Ctrl-C"
        if self.url:
            return f"served already by {self}; use it with 'cellrig status', or end it before another is started"
        return f"in use by another process of cellrig, {self}: wait until that has ended, or end it there"


def lock_path(store: Path) -> Path:
    """Give the lock file of a store: beside the store itself, wherever links lead there from."""
    place = real_path(store)
    return place.with_name(f"{place.name}.lock")


_NOBODY = Owner(0, "this machine", "just now", "")
"""Who has the lock, and has not written who it is."""


class Instance:
    """A held lock, and the contents of its file."""

    def __init__(self, file: IO[str], store: Path, last_alive_unix_s: float | None) -> None:
        self._file = file
        self._path = lock_path(store)
        self._store = real_path(store)
        self._store_descriptor: int | None = None
        self._text = ""
        self._is_told = self._has_beaten = False
        self.was_named = False
        # When the owner before this one, if it died, was last alive, and its words in the file.
        self.last_alive_unix_s = last_alive_unix_s
        self._of_the_dead = "" if last_alive_unix_s is None else _words(file)
        self._found_unix_s = os.fstat(file.fileno()).st_mtime

    def write_owner(self, url: str, public_url: str = "", parent_pid: int = 0, command: str = "") -> None:
        """Write the lock's owner and the service's addresses into the file, or the ``command`` that is no service."""
        owner = Owner(os.getpid(), socket.gethostname(), iso_utc(time.time()), url, public_url, parent_pid, command)
        self.was_named = True
        # An older cellrig beside this one reads what it knows.
        self._write(json.dumps({name: value for name, value in asdict(owner).items() if value or name != "command"}))

    def beat(self) -> None:
        """Set the file's time to now, by the owner's clock; after a crash it shows when the owner was last alive.

        A lock file that was deleted or replaced is made and locked anew; a failure is logged, and ends nothing.
        """
        self._has_beaten = True
        try:
            if self._store_descriptor is None:
                self.hold_store()
            if not _is_at(self._file, self._path):
                self._put_back()
            now_s = wall_time()
            os.utime(self._path, (now_s, now_s))
        except (OSError, AlreadyOwned, CannotOpen) as err:
            if not self._is_told:
                logger.error(
                    "the lock %s cannot be kept: %s; the service goes on, start no second one", self._path, err
                )
            self._is_told = True
        else:
            self._is_told = False

    def hold_store(self) -> None:
        """Lock the store's own file, once it is there. Raises AlreadyOwned."""
        if not _LOCKS_STORES or not self._store.exists():
            return
        descriptor = os.open(self._store, os.O_RDONLY | os.O_CLOEXEC)
        if not lock_descriptor(descriptor, blocking=False):
            os.close(descriptor)
            raise _refusal(self._store, _owner_elsewhere(self._store))
        self._store_descriptor = descriptor

    def clear(self) -> None:
        """Empty the file: its owner ended normally."""
        self._write("")
        self.beat()

    def fail(self) -> None:
        """Put the words of a dead owner back: whoever could not begin after it has ended nothing in order."""
        if self._has_beaten or not self._of_the_dead or self.last_alive_unix_s is None:
            self.clear()
            return
        with contextlib.suppress(OSError):
            self._write(self._of_the_dead)
            os.utime(self._path, (self.last_alive_unix_s, self.last_alive_unix_s))

    def leave_as_found(self) -> None:
        """Put the words and the time back that the file had: this owner was no service, and says nothing of one."""
        with contextlib.suppress(OSError):
            self._write(self._of_the_dead)
            os.utime(self._path, (self._found_unix_s, self._found_unix_s))

    def close(self) -> None:
        """Release the locks. Call it when the store is closed: SQLite's locks of this process go with a descriptor."""
        unlock_descriptor(self._file.fileno())
        self._file.close()
        if self._store_descriptor is not None:
            os.close(self._store_descriptor)

    def _put_back(self) -> None:
        file = _open(self._path, "a+")
        if not lock_descriptor(file.fileno(), blocking=False):
            owner = _read(file)
            file.close()
            raise AlreadyOwned(
                f"another process holds the file that stands there now ({owner or 'it does not say who'})"
            )
        before, self._file = self._file, file
        before.close()
        self._write(self._text)
        logger.warning("somebody deleted or replaced the lock %s; it was made anew", self._path)

    def _write(self, text: str) -> None:
        self._text = text
        self._file.seek(0)
        self._file.truncate()
        self._file.write(" " * _TEXT_AT + text if text else "")
        self._file.flush()


@asynccontextmanager
async def owning(store: Path, *, is_guest: bool = False) -> AsyncIterator[Instance]:
    """Hold a store's lock; the lock of a dead process is replaced. Raises AlreadyOwned, which names the owner.

    A guest looks after no run: what the file says of the last service, and when that lived, is there again after it.
    """
    check_path(store)
    path = lock_path(store)
    is_new = not path.exists()
    file = _open(path, "a+")
    for attempt in range(1, _ATTEMPTS + 1):
        if lock_descriptor(file.fileno(), blocking=False):
            if _is_at(file, path):
                break
            # Its owner has put another file in its place meanwhile.
            file.close()
            file = _open(path, "a+")
        # Another program may only be looking whether the lock is held.
        if attempt == _ATTEMPTS:
            owner = _read(file)
            file.close()
            raise _refusal(store, owner)
        await asyncio.sleep(in_loop_time(_PAUSE_S))
    died = path.stat().st_mtime if _read(file) else None
    instance = Instance(file, store, died)
    try:
        if (owner := _owner_elsewhere(real_path(store))) is not None:
            raise _refusal(store, owner)
        check_one_name(real_path(store))
        instance.hold_store()
    except BaseException:
        instance.close()
        raise
    try:
        yield instance
    except Exception:
        instance.leave_as_found() if is_guest else instance.fail()
        raise
    except BaseException:
        instance.leave_as_found() if is_guest else instance.clear()
        raise
    else:
        instance.leave_as_found() if is_guest else instance.clear()
    finally:
        if is_new and (is_guest or not instance.was_named):
            # What refused the store leaves nothing beside it; who waits for the lock sees that its file is gone.
            with contextlib.suppress(OSError):
                path.unlink()
        instance.close()


def owner_of(store: Path) -> Owner | None:
    """Return the living process that serves a store, under whatever name, None when there is none."""
    check_path(store)
    with contextlib.suppress(FileNotFoundError), _open(lock_path(store), "r+") as file:
        if not lock_descriptor(file.fileno(), blocking=False):
            return _read(file) or _NOBODY
        unlock_descriptor(file.fileno())
    return _owner_elsewhere(real_path(store))


def _owner_elsewhere(store: Path) -> Owner | None:
    """Return the owner that holds the lock of another name (hard link) of a store, None if none is known to."""
    if not store.exists() or store.stat().st_nlink < 2:
        return None
    for name in same_file_beside(store):
        with contextlib.suppress(FileNotFoundError), _open(lock_path(name), "r+") as file:
            if not lock_descriptor(file.fileno(), blocking=False):
                return _read(file) or _NOBODY
            unlock_descriptor(file.fileno())
    return _owner_by_system(store)


def _owner_by_system(store: Path) -> Owner | None:
    """Return the owner of a store whose other name is in another folder, by the system's own list of locks."""
    pid = holder_of(store)
    if pid is None or pid == os.getpid():
        return None
    # What its lock file says is more than its number, and may be gone or not ours to read.
    with contextlib.suppress(OSError, CannotOpen):
        path = lock_file_of(pid, store)
        if path is not None:
            with _open(path, "r+") as file:
                if (owner := _read(file)) is not None and owner.pid == pid:
                    return owner
    return Owner(pid, socket.gethostname(), "at a time that is not known", "")


def owner_that_died(store: Path) -> Owner | None:
    """Return the process that held a store's lock until it died; None when the last owner ended in order."""
    # Only for words and an address: whether a service lives, ``owner_of`` says.
    with contextlib.suppress(OSError, CannotOpen), _open(lock_path(store), "r+") as file:
        return _read(file)
    return None


def _refusal(store: Path, owner: Owner | None) -> AlreadyOwned:
    owner = owner or _NOBODY
    return AlreadyOwned(f"{store} is {owner.in_use}", is_service=bool(owner.url), command=owner.command)


def _open(path: Path, mode: str) -> IO[str]:
    """Open a lock file. Raises FileNotFoundError, or CannotOpen for what is no file or may not be opened."""
    flags = os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        file = open(path, mode, encoding="utf-8", opener=lambda name, _: os.open(name, flags | _made(mode), 0o600))  # noqa: SIM115 - the caller closes it
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or err
        raise CannotOpen(f"the lock {path} cannot be opened: {reason}; check the folder and its rights") from err
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise CannotOpen(f"the lock {path} is not a file; see what it is, and take it away")
    return file


def _made(mode: str) -> int:
    return os.O_CREAT if "a" in mode else 0


def _is_at(file: IO[str], path: Path) -> bool:
    """Tell whether an open file still stands at its path: nobody deleted or replaced it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def public_address(store: Path, asked: str) -> str:
    """Return the address that people are told of a store's service, living or dead; commands ask at another one."""
    owner = owner_of(store) or owner_that_died(store)
    return owner.public_url if owner is not None and owner.url == asked and owner.public_url else asked


def last_alive_unix_s(store: Path) -> float:
    """Return the time of a store's last sign of a living service, by that service's clock; 0 when there is none."""
    with contextlib.suppress(FileNotFoundError):
        return lock_path(store).stat().st_mtime
    return 0.0


def _words(file: IO[str]) -> str:
    file.seek(_TEXT_AT)
    return file.read(_TEXT_MAX)


def _read(file: IO[str]) -> Owner | None:
    try:
        return Owner(**json.loads(_words(file)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
