"""Watches free disk space: warns early, releases the reserve, and says when nothing new may be started.

::

    guard = SpaceGuard(store.path, reserve_bytes=RESERVE_BYTES)
    report = guard.watch(predicted_bytes(rows_to_come))     # once a minute is enough
    if report.verdict is SpaceVerdict.HOLD: ...

The reserve is a file of real bytes beside the store. While the disk fills, it is given free once, so that there is
time to act and room for the commits that end a run in order.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.store.companion_files import reserve_path

# What the reserve of a rack holds, in bytes.
RESERVE_BYTES = 64 * 2**20
# Below this nothing new is begun, in bytes: a checkpoint and the commits that end every run of a rack fit in it.
FLOOR_BYTES = 16 * 2**20
# A warning comes while this many floors are left, and while the records to come would fit this many times.
WARN_FLOORS = 4
SPARE = 3
# A sample takes 81 bytes of the file, measured; steps, cycles and events beside it are few.
ROW_BYTES = 100
_CHUNK_BYTES = 2**20


class SpaceVerdict(StrEnum):
    """The action that the free disk space requires."""

    OK = "ok"
    WARN = "warn"
    RELEASE_RESERVE = "release_reserve"
    HOLD = "hold"


def space_verdict(
    free_bytes: int, predicted_bytes: int, reserve_bytes: int, floor_bytes: int = FLOOR_BYTES
) -> SpaceVerdict:
    """Judge the free bytes (without the reserve), from the bytes that the runs will still write and the reserve."""
    if free_bytes < floor_bytes:
        return SpaceVerdict.RELEASE_RESERVE if reserve_bytes > 0 else SpaceVerdict.HOLD
    if free_bytes < SPARE * predicted_bytes + WARN_FLOORS * floor_bytes:
        return SpaceVerdict.WARN
    return SpaceVerdict.OK


def predicted_bytes(rows: int) -> int:
    """Return the disk space that a number of samples will need."""
    return rows * ROW_BYTES


def free_bytes(folder: Path) -> int:
    """Return the bytes that a user without special rights may still write to the disk of a folder."""
    return shutil.disk_usage(folder).free


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists: a store may still be to be made."""
    return next((path for path in (folder, *folder.absolute().parents) if path.exists()), folder)


def megabytes(count: int) -> str:
    """Format a number of bytes as megabytes for people."""
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


class Reserve:
    """A file of real bytes beside a store; ``size_bytes`` 0 is no reserve."""

    def __init__(self, store: Path, size_bytes: int) -> None:
        self.path = reserve_path(store)
        self.size_bytes = size_bytes

    @property
    def held_bytes(self) -> int:
        """Return the size of the reserve in bytes; 0 when it was released."""
        return self.path.stat().st_size if self.path.exists() else 0

    def fill(self) -> bool:
        """Write the reserve if it is not complete, and return whether it is complete now; a full disk gets none."""
        if self.size_bytes == 0 or self.held_bytes == self.size_bytes:
            return self.size_bytes > 0
        try:
            with self.path.open("wb") as file:
                for start in range(0, self.size_bytes, _CHUNK_BYTES):
                    # Random bytes: file systems keep zeros as holes, or squeeze them.
                    file.write(os.urandom(min(_CHUNK_BYTES, self.size_bytes - start)))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Release the reserve's disk space."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class SpaceReport:
    """One check of the disk: bytes free beside the reserve, bytes to come, bytes in the reserve, and a sentence."""

    verdict: SpaceVerdict
    free_bytes: int
    predicted_bytes: int
    reserve_bytes: int
    sentence: str


class SpaceGuard:
    """Watches the disk of one store and maintains its reserve."""

    def __init__(
        self,
        store: Path,
        *,
        reserve_bytes: int,
        floor_bytes: int = FLOOR_BYTES,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder = store.parent
        self._reserve = Reserve(store, reserve_bytes)
        self._floor_bytes = floor_bytes
        self._free = free

    def watch(self, to_come_bytes: int) -> SpaceReport:
        """Check the disk once, with the bytes that the runs will still write; keep or release the reserve.

        Where the verdict is RELEASE_RESERVE the reserve has been given free when this returns. It is written anew as
        soon as that leaves the verdict OK.
        """
        report = self.look(to_come_bytes)
        if report.verdict is SpaceVerdict.RELEASE_RESERVE:
            self._reserve.release()
        elif report.verdict is SpaceVerdict.OK and report.reserve_bytes < self._reserve.size_bytes:
            left = report.free_bytes - self._reserve.size_bytes
            if space_verdict(left, to_come_bytes, 1, self._floor_bytes) is SpaceVerdict.OK and self._reserve.fill():
                return self.look(to_come_bytes)
        return report

    def look(self, to_come_bytes: int) -> SpaceReport:
        """Check the disk once and leave the reserve as it is. Raises OSError where the disk cannot be asked."""
        free, held = self._free(self._folder), self._reserve.held_bytes
        verdict = space_verdict(free, to_come_bytes, held, self._floor_bytes)
        return SpaceReport(verdict, free, to_come_bytes, held, _sentence(verdict, self._folder, free, to_come_bytes))


def _sentence(verdict: SpaceVerdict, folder: Path, free: int, to_come: int) -> str:
    what = f"the disk with {folder} has {megabytes(free)} free"
    return {
        SpaceVerdict.OK: what,
        SpaceVerdict.WARN: f"{what}, the runs will write about {megabytes(to_come)} more; free space soon",
        SpaceVerdict.RELEASE_RESERVE: f"{what}; the reserve was given free: free space now, or soon "
        "nothing new is started and no record is stored",
        SpaceVerdict.HOLD: f"{what}, and the reserve is used up: free space now. Nothing new is started; runs go on, "
        "and what cannot be stored stays in their testers and is fetched when there is room",
    }[verdict]
