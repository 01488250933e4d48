"""Writes the package of a run that is archived, checks it against the store, and opens it again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, starmap, zip_longest
from operator import ne
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.failpoints import failpoint
from orchestrator.packaging.contents import table_file
from orchestrator.packaging.errors import PackageError, PackageTouched
from orchestrator.packaging.files import open_files
from orchestrator.packaging.hashes import touched_in
from orchestrator.packaging.moving import RECORDS
from orchestrator.packaging.parquet_tables import read_rows
from orchestrator.packaging.stored_rows import run_tables, stored_rows
from orchestrator.packaging.verifying import Progress, verify
from orchestrator.packaging.writing import write_zip
from orchestrator.store.verified_copy import flush_folder

if TYPE_CHECKING:
    from orchestrator.packaging.files import PackageFiles
    from orchestrator.store import Store
    from orchestrator.store.archives import ArchivedRun

ENDING = ".cellrig.zip"


def write_package(
    store: Store,
    run_id: str,
    folder: Path,
    progress: Callable[[str], Progress],
    notes: list[str],
    *,
    pictures: bool,
) -> Path:
    """Write the package of a run, check it, and return its path when it is on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{run_id}{ENDING}"
    for left in folder.glob(f".*{final.name}.*.part"):
        # Of a command that was killed: this one alone archives runs of the store.
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    part = folder / f".{final.name}.{os.getpid()}.part"
    try:
        write_zip(store, run_id, part, progress("package"), notes, pictures=pictures)
        _to_disk(part)
        _check(store, run_id, part, progress)
        _put(part, final, sha256_of(part))
    finally:
        part.unlink(missing_ok=True)
    failpoint("archive package written")
    return final


@contextmanager
def opened_package(archived: ArchivedRun, path: Path) -> Iterator[PackageFiles]:
    """Open the package of an archived run, and check each byte of it. Raises PackageError, OSError."""
    run_id = archived.run_id
    if not path.exists():
        raise PackageError(
            f"{path} is not there, and the records of run {run_id} are in it; say where it is now: "
            f"cellrig unarchive {run_id} --from PATH"
        )
    with open_files(path) as files:
        if touched := touched_in(files):
            raise PackageTouched(
                f"{path} is not as it was written: {'; '.join(touched)}; use a copy of it: "
                f"cellrig unarchive {run_id} --from PATH"
            )
        if files.manifest.end != archived.chain_end:
            raise PackageError(
                f"{path} is the package of run {files.manifest.run_id}, but not the one in which run {run_id} of this "
                f"store was archived: its chain ends in {files.manifest.end}, and not in {archived.chain_end}"
            )
        yield files


def record_count(files: PackageFiles) -> int:
    """Return how many records a package has."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(files.buffer(table_file(RECORDS))).num_rows)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(store: Store, run_id: str, part: Path, progress: Callable[[str], Progress]) -> None:
    """Check that a new package is sound and has every row of the store. Raises PackageError."""
    verdict = verify(part, progress)
    if not verdict.is_sound:
        raise PackageError(
            f"run {run_id} is not archived: {'; '.join((*verdict.touched, *verdict.wrong))}. cellrig store check "
            "tells more of the store"
        )
    connection = store.connection
    with open_files(part) as files:
        for table in run_tables(connection):
            ours = chain.from_iterable(stored_rows(connection, table, run_id))
            theirs = chain.from_iterable(read_rows(files.buffer(table_file(table.name))))
            if any(starmap(ne, zip_longest(ours, theirs))):
                raise PackageError(
                    f"run {run_id} is not archived: its package has not the rows of the table {table.name}; something "
                    "writes the run, or the disk or the memory of this machine fails: try again"
                )


def _put(part: Path, final: Path, sha256: str) -> None:
    """Give a package its name; one that is there already is the same, or of another run. Raises PackageError."""
    if final.exists():
        if sha256_of(final) != sha256:
            raise PackageError(
                f"{final} is there already and is not this package; move it elsewhere, or give another folder: --to"
            )
        _to_disk(final)
    else:
        part.rename(final)
    flush_folder(final.parent)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
