"""Finds out what a file is, by its first bytes and what it holds: a name proves nothing."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import SEEK_END
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.importing.errors import ImportFailed
from protocols.bounded_file import special_kind

MOST_UNPACKED_BYTES = 8 * 2**30
"""The most that a packed file may hold: some hundred million records of a tester."""
_MOST_FOLD = 500
"""How many times smaller than its contents a packed file may be: pages of equal records shrink a hundredfold."""
_SMALL_BYTES = 2**26
_HEAD_BYTES = 64


class FileKind(StrEnum):
    """The kinds of files that can be imported."""

    NEWARE_NDA = "Neware .nda"
    NEWARE_NDAX = "Neware .ndax"
    WORKBOOK = "workbook"
    PARQUET = "Parquet"
    STORE = "cellrig store"
    TEXT = "text"


def kind_of(path: Path) -> FileKind:
    """Return what a file is. Raises ImportFailed for what nothing here reads, OSError for what cannot be read."""
    if not path.exists():
        raise ImportFailed(f"{path} is not there; check its name")
    if path.is_dir():
        raise ImportFailed(
            f"{path} is a folder, and no package of a run: it has no manifest.json; give the files in it"
        )
    if special := special_kind(path):
        raise ImportFailed(f"{path} is {special}; give a file")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise ImportFailed(f"{path.name} is empty; it was not copied whole")
    if head.startswith(b"SQLite format 3\0"):
        return FileKind.STORE
    if head.startswith(b"NEWARE"):
        return FileKind.NEWARE_NDA
    if head.startswith(b"PAR1"):
        return FileKind.PARQUET
    if head.startswith(b"\x1f\x8b"):
        raise ImportFailed(f"{path.name} is packed by gzip; unpack it first: gunzip --keep {path.name}")
    if head.startswith(b"PK"):
        return _packed(path)
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and head[1:2] != b"\0":
        raise ImportFailed(
            f"{path.name} is no file that is known here; known are Neware .nda, .ndax, CSV and XLSX, the Battery Data "
            "Format, text of a CHI660E, and stores and run packages of cellrig"
        )
    return FileKind.TEXT


def _packed(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as packed:
            entries = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as err:
        raise ImportFailed(f"{path.name} is cut off or damaged ({err}); copy it again") from err
    unpacked = sum(entry.file_size for entry in entries)
    fold = unpacked / max(path.stat().st_size, 1)
    if unpacked > MOST_UNPACKED_BYTES or (unpacked > _SMALL_BYTES and fold > _MOST_FOLD):
        raise ImportFailed(
            f"{path.name} would unpack to {unpacked / 2**20:.0f} MiB, {fold:.0f} times its size: no measurement does"
        )
    names = {entry.filename for entry in entries}
    if "data.ndc" in names:
        return FileKind.NEWARE_NDAX
    if "xl/workbook.xml" in names:
        return FileKind.WORKBOOK
    raise ImportFailed(
        f"{path.name} is packed and neither a Neware .ndax nor a workbook nor a package of a run: it holds "
        f"{', '.join(sorted(names)[:5])}"
    )


def ends_with_a_line(path: Path) -> bool:
    """Return whether the last line of a text is ended: else its last number may be the beginning of one."""
    with path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        file.seek(max(0, size - 2))
        return b"\n" in file.read()


@contextmanager
def named_as(path: Path, *endings: str) -> Iterator[Path]:
    """Give a file under a name with one of these endings, for libraries that decide by it: its own, or a copy's."""
    if path.name.lower().endswith(endings):
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / f"{path.name}{endings[0]}"
        try:
            copy.symlink_to(path.resolve())
        except OSError:  # Windows lets not everybody make links
            shutil.copyfile(path, copy)
        yield copy
