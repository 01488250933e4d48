"""Writes a run as a package, in a zip or a folder: the same run gives the same bytes, whenever and wherever."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zlib import crc32

from orchestrator.packaging.contents import write_contents
from orchestrator.packaging.files import manifest_facts
from orchestrator.packaging.manifest import NAME, FileFacts, Manifest
from orchestrator.packaging.zip_layout import layout

if TYPE_CHECKING:
    from orchestrator.store import Store

Progress = Callable[[int, int], None]
"""Is told how many records are written, and how many there are."""
_CHUNK_BYTES = 1 << 20


def write_zip(
    store: Store, run_id: str, path: Path, progress: Progress, notes: list[str], *, pictures: bool = True
) -> Manifest:
    """Write a run's package into a zip; the caller gives it its name when it is on the disk. Raises StoreError."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as folder:
        names = write_contents(store, run_id, Path(folder), progress, notes, pictures=pictures)
        manifest = _manifest(run_id, Path(folder), names)
        data = manifest.as_bytes()
        with path.open("wb") as out:
            for piece in layout((manifest_facts(data), *manifest.files)):
                if piece.data is not None:
                    out.write(piece.data)
                elif piece.what == NAME:
                    out.write(data)
                else:
                    _copy(Path(folder) / piece.what, out)
    return manifest


def write_files(
    store: Store, run_id: str, folder: Path, place: Callable[[str], Path], progress: Progress, notes: list[str]
) -> Manifest:
    """Write a run's package as files; ``place`` says where each goes, the manifest first. Raises StoreError.

    They are made in a folder of their own in ``folder``, and moved.
    """
    with tempfile.TemporaryDirectory(prefix=f".{run_id}.", suffix=".part", dir=folder) as made:
        manifest = _manifest(run_id, Path(made), write_contents(store, run_id, Path(made), progress, notes))
        place(NAME).write_bytes(manifest.as_bytes())
        for file in manifest.files:
            shutil.move(Path(made) / file.path, place(file.path))
    return manifest


def _manifest(run_id: str, folder: Path, names: Sequence[str]) -> Manifest:
    return Manifest(run_id, f"cellrig {version('cellrig')}", tuple(file_facts(folder, name) for name in names))


def file_facts(folder: Path, name: str) -> FileFacts:
    """Return what a manifest tells of a file."""
    found, check, size = hashlib.sha256(), 0, 0
    with (folder / name).open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
            check, size = crc32(chunk, check), size + len(chunk)
    return FileFacts(name, size, found.hexdigest(), check)


def _copy(path: Path, out: BinaryIO) -> None:
    with path.open("rb") as file:
        shutil.copyfileobj(file, out, _CHUNK_BYTES)
