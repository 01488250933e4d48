"""One archive of a store at a time: a lock that the system releases when its process dies.

It is another one than the store's own lock, which a service has for months: an archive works beside it
(docs/decisions/0051-archives-beside-a-service.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.packaging.errors import PackageError
from orchestrator.store.companion_files import archive_lock_path
from orchestrator.store.place import real_path


class NoArchiveNow(PackageError):
    """Another process archives runs of the store, or brings some back; or the lock cannot be made."""


@contextmanager
def only_archive(store: Path) -> Iterator[None]:
    """Hold the lock of the archives of a store. Raises NoArchiveNow.

    The empty file stays: to delete it would let two hold it.
    """
    from filelock import FileLock, Timeout

    path = archive_lock_path(real_path(store))
    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout as err:
        raise NoArchiveNow(
            f"another cellrig archives runs of {store}, or brings some back: wait until that has ended"
        ) from err
    except OSError as err:
        raise NoArchiveNow(f"the lock {path} cannot be made ({err.strerror}); check the rights of its folder") from err
    try:
        yield
    finally:
        lock.release()
