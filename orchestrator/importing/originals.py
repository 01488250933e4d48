"""Keeps the imported files beside the store, under the hash of their contents, so that no byte of them is lost.

A file is copied once, whatever its names are, and made read-only. It is on the disk before its run is in the store.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from orchestrator.importing.errors import ImportFailed

FOLDER_ENDING = ".originals"
_READ_ONLY = 0o444
_PIECE_BYTES = 2**20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_of(store: Path) -> Path:
    """Return the folder of the originals of a store, which need not be there."""
    return store.with_name(store.name + FOLDER_ENDING)


def kept_path(store: Path, sha256: str, ending: str) -> Path:
    """Return where a file of this hash is kept."""
    return folder_of(store) / sha256[:2] / f"{sha256}{ending}"


class Originals:
    """The originals of one import; what was copied is removed again by ``undo``."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._copied: list[Path] = []

    def keep(self, path: Path, sha256: str, ending: str = "") -> Path:
        """Copy a file unless it is kept already, and return its place; ``ending`` "": its own. Raises ImportFailed."""
        place = kept_path(self._store, sha256, ending or "".join(path.suffixes[-2:])[-20:])
        if place.is_file() and sha256_of(place) == sha256:
            return place
        part = place.with_name(f".{place.name}.{os.getpid()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with path.open("rb") as source, part.open("wb") as copy:
                while piece := source.read(_PIECE_BYTES):
                    digest.update(piece)
                    copy.write(piece)
                copy.flush()
                os.fsync(copy.fileno())
            if digest.hexdigest() != sha256:
                raise ImportFailed(f"{path.name} changes while it is read; import it when it is whole")
            part.chmod(_READ_ONLY)
            part.replace(place)
        except OSError as err:
            raise ImportFailed(f"{path.name} cannot be kept in {folder_of(self._store)} ({err.strerror})") from err
        finally:
            part.unlink(missing_ok=True)
        self._copied.append(place)
        return place

    def undo(self) -> None:
        """Remove what was copied: its run did not come into the store."""
        for place in self._copied:
            place.unlink(missing_ok=True)
        folder = folder_of(self._store)
        if folder.is_dir() and not any(path.is_file() for path in folder.rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)
