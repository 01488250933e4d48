"""Writes the files of one export under other names and gives them their own when all of them are whole and on disk.

What is interrupted leaves at most files that begin with a dot and end with ``.part``; no reader takes them for data.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.export.errors import AlreadyThere, ExportError


class Output:
    """The files of one export in one folder; use it in ``with``: they appear at its end, or none does.

    The first file that was asked for is the export's own and appears last, so that where it is all others are. Names
    may lead into folders, which are made; other files in them are left alone.
    """

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        self.folder = folder
        self._force = force
        self._parts: dict[Path, Path] = {}
        self._optional: set[Path] = set()
        self._made: list[Path] = []

    def __enter__(self) -> Self:
        self._make(self.folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._appear()
        else:
            self._remove()

    @property
    def written(self) -> list[Path]:
        """The files of the export, its own first."""
        return list(self._parts)

    def file(self, name: str, *, is_optional: bool = False) -> Path:
        """Return the path under which to write a file that will be called ``name``. Raises AlreadyThere.

        An optional one need not be written.
        """
        path = self.folder / name
        if path.is_dir() or (path.exists() and not self._force):
            raise AlreadyThere(f"{path} is there already; give another -o, or --force to replace a file")
        self._make(path.parent)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.unlink(missing_ok=True)
        self._parts[path] = part
        if is_optional:
            self._optional.add(part)
        return part

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, and remember which were not there."""
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise ExportError(f"{folder} cannot be made ({err.strerror}); give another -o") from err
        self._made += missing

    def _appear(self) -> None:
        try:
            self._without_unwritten()
            for part in self._parts.values():
                _to_disk(part)
            pairs = list(self._parts.items())
            if self._force:
                if len(pairs) > 1:
                    # A replaced export must not stand beside files of the new one, should the power fail here.
                    pairs[0][0].unlink(missing_ok=True)
                for path, part in reversed(pairs):
                    part.replace(path)
            else:
                self._appear_new(pairs)
            for folder in {path.parent for path, _ in pairs}:
                _to_disk(folder)
        except OSError as err:
            self._remove()
            raise ExportError(f"{self.folder}: the files cannot be finished ({err.strerror}); give another -o") from err

    def _appear_new(self, pairs: list[tuple[Path, Path]]) -> None:
        """Give new files their names; what another export has written meanwhile is kept. Raises AlreadyThere."""
        done: list[Path] = []
        for path, part in reversed(pairs):
            try:
                _give_new_name(part, path)
            except FileExistsError as err:
                for mine in done:
                    mine.unlink(missing_ok=True)
                self._remove()
                raise AlreadyThere(f"{path} has appeared meanwhile; give another -o") from err
            done.append(path)

    def _without_unwritten(self) -> None:
        """Forget optional files that were not written; one of an earlier export, which is replaced, goes with it."""
        for path, part in list(self._parts.items()):
            if part in self._optional and not part.exists():
                del self._parts[path]
                path.unlink(missing_ok=True)

    def _remove(self) -> None:
        for part in self._parts.values():
            part.unlink(missing_ok=True)
        for folder in self._made:
            with suppress(OSError):  # not empty, or gone
                folder.rmdir()


def _give_new_name(part: Path, path: Path) -> None:
    """Rename a file unless there is one of this name. Raises FileExistsError."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        part.replace(path)
    else:
        part.unlink()


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk; a system that syncs no folders is let be."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
