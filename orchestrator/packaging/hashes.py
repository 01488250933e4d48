"""Checks every byte of an open package against its manifest, and names what was touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import zip_longest

from orchestrator.packaging.files import PackageFiles
from orchestrator.packaging.manifest import NAME
from orchestrator.packaging.zip_layout import layout

_CHUNK_BYTES = 4 << 20


def _untold(_bytes: int) -> None:
    """Show nothing."""


def touched_in(files: PackageFiles, progress: Callable[[int], None] = _untold) -> list[str]:
    """Return a sentence for each file, and each part of the zip, that is not as it was written; empty: none.

    ``progress`` is told how many bytes were read, piece by piece.
    """
    found = _files(files, progress)
    return found + (_strangers(files) if files.whole is None else _between_files(files, files.whole))


def _files(files: PackageFiles, progress: Callable[[int], None]) -> list[str]:
    found = []
    for file in files.manifest.files:
        view = files.view(file.path)
        if view is None:
            found.append(f"{file.path} is not there")
            continue
        if len(view) != file.size_bytes:
            found.append(f"{file.path} has {len(view)} bytes, and had {file.size_bytes}")
            continue
        sha256 = hashlib.sha256()
        for begin in range(0, len(view), _CHUNK_BYTES):
            chunk = view[begin : begin + _CHUNK_BYTES]
            sha256.update(chunk)
            progress(len(chunk))
        if sha256.hexdigest() != file.sha256:
            found.append(f"{file.path} was changed: its SHA-256 is {sha256.hexdigest()}, and was {file.sha256}")
    return found


def _strangers(files: PackageFiles) -> list[str]:
    """Return a sentence for each file of a folder that the manifest does not tell of."""
    known = {NAME, *(file.path for file in files.manifest.files)}
    there = (path.relative_to(files.path).as_posix() for path in sorted(files.path.rglob("*")) if not path.is_dir())
    return [f"{name} is not of the package" for name in there if name not in known]


def _between_files(files: PackageFiles, whole: memoryview) -> list[str]:
    """Return a sentence for each part of a zip between its files that is not as it was written."""
    found = []
    end = 0
    for piece in layout(files.all_facts):
        end = piece.offset + piece.size_bytes
        there = bytes(whole[piece.offset : end]) if piece.data is not None else b""
        if piece.data is not None and there != piece.data:
            pairs = enumerate(zip_longest(there, piece.data))
            at = next(place for place, (one, other) in pairs if one != other)
            found.append(f"{piece.what} was changed, at byte {piece.offset + at} of the zip")
    if len(whole) > end:
        found.append(f"{len(whole) - end} bytes were added behind the end of the zip")
    return found
