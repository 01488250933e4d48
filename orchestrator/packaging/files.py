"""The files of a package on disk, in a zip or in a folder: their bytes by name, without unpacking.

Where they lie in a zip follows from the manifest, which is its first file; the zip's own directory is not believed.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from orchestrator.packaging.errors import NotAPackage, PackageTouched
from orchestrator.packaging.manifest import NAME, FileFacts, Manifest, read_manifest
from orchestrator.packaging.zip_layout import LOCAL_BYTES, layout, manifest_sizes
from protocols.bounded_file import special_kind

if TYPE_CHECKING:
    import pyarrow as pa

# The directory of a package's zip is far shorter.
_TAIL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """An open package. ``whole`` is the zip, None of a folder. It belongs to the ``with`` block that opened it."""

    path: Path
    manifest: Manifest
    _views: Mapping[str, memoryview]
    whole: memoryview | None = None

    @property
    def all_facts(self) -> tuple[FileFacts, ...]:
        """The files of the zip in order: the manifest, and what it tells of."""
        data = self.manifest.as_bytes()
        return (manifest_facts(data), *self.manifest.files)

    def view(self, name: str) -> memoryview | None:
        """Return the bytes of a file; None for one that is not there."""
        return self._views.get(name)

    def data(self, name: str) -> bytes:
        """Return the bytes of a file. Raises PackageTouched for one that is not there."""
        view = self.view(name)
        if view is None:
            raise PackageTouched(f"{self.path} has no {name}; look what became of it: cellrig verify {self.path}")
        return bytes(view)

    def buffer(self, name: str) -> pa.Buffer:
        """Return the bytes of a file for pyarrow, without a copy. Raises PackageTouched."""
        import pyarrow as pa

        return pa.py_buffer(self.data(name) if (view := self.view(name)) is None else view)


def manifest_facts(data: bytes) -> FileFacts:
    """Return what is told of the manifest itself in a zip, of which its own bytes are all that is known."""
    return FileFacts(NAME, len(data), "", crc32(data))


@contextmanager
def open_files(path: Path) -> Iterator[PackageFiles]:
    """Open a package by its manifest. Raises NotAPackage, PackageTouched for its manifest, or OSError."""
    with ExitStack() as stack:
        if path.is_dir():
            yield _folder(path, stack)
            return
        if path.exists() and (special := special_kind(path)):
            raise NotAPackage(f"{path} is {special}; give a file or a folder")
        whole = _mapped(path, stack)
        yield _zip(path, whole)


def _zip(path: Path, whole: memoryview) -> PackageFiles:
    begin = LOCAL_BYTES + len(NAME)
    sizes = manifest_sizes(bytes(whole[:begin]), bytes(whole[-_TAIL_BYTES:]), NAME)
    mark = b"PK\3\4", b"PK\5\6"
    name_at_first = bytes(whole[LOCAL_BYTES:begin]) == NAME.encode()
    if not (name_at_first or f'"format": "{_words()}"'.encode() in bytes(whole[: begin + 200])):
        what = "a zip, but not the package of a run" if bytes(whole[:4]) in mark else "no zip"
        raise NotAPackage(f"{path} is {what}; give what cellrig export --to crate or cellrig archive has written")
    problem: PackageTouched | None = None
    for size in sizes:
        try:
            manifest = read_manifest(bytes(whole[begin : begin + size]))
        except PackageTouched as err:
            problem = problem or err
            continue
        views = {
            piece.file.path: whole[piece.offset : piece.offset + piece.size_bytes]
            for piece in layout((manifest_facts(manifest.as_bytes()), *manifest.files))
            if piece.data is None and piece.file is not None
        }
        return PackageFiles(path, manifest, views, whole)
    raise problem or PackageTouched(f"{NAME} cannot be found in {path}")


def _words() -> str:
    from orchestrator.packaging.manifest import FORMAT

    return FORMAT


def _folder(path: Path, stack: ExitStack) -> PackageFiles:
    if not (path / NAME).is_file():
        raise NotAPackage(f"{path} has no {NAME}: it is no package of a run, or the file was taken away")
    manifest = read_manifest((path / NAME).read_bytes())
    views = {file.path: _mapped(path / file.path, stack) for file in manifest.files if (path / file.path).is_file()}
    return PackageFiles(path, manifest, views)


def _mapped(path: Path, stack: ExitStack) -> memoryview:
    """Return the bytes of a file as they lie on the disk, until the stack is closed. Raises NotAPackage, OSError."""
    try:
        file = stack.enter_context(path.open("rb"))
    except FileNotFoundError as err:
        raise NotAPackage(f"{path} is not there; give the path of a package") from err
    if not path.stat().st_size:
        return memoryview(b"")
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    stack.callback(_close, mapped)
    return memoryview(mapped)


def _close(mapped: mmap.mmap) -> None:
    """Close a mapping; where an error still refers to a part of it, it is closed with that."""
    try:
        mapped.close()
    except BufferError:
        return
