"""Moves the records of a run into a package and back, so that at each moment they are in the store or in the package.

The package is written, verified, compared with the store row by row, and on the disk under its name, before one
transaction writes the pointer to it and deletes the records. Back they come in one transaction too, and the package
stays. A process that is killed leaves either both, or what was before, or what was to be.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, starmap, zip_longest
from operator import ne
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.failpoints import failpoint
from orchestrator.packaging.contents import table_file
from orchestrator.packaging.errors import NotSealed, PackageError, PackageTouched
from orchestrator.packaging.files import open_files
from orchestrator.packaging.hashes import touched_in
from orchestrator.packaging.opened import fill_table
from orchestrator.packaging.parquet_tables import read_rows
from orchestrator.packaging.stored_rows import run_tables, stored_rows
from orchestrator.packaging.verifying import Progress, verify
from orchestrator.packaging.writing import write_zip
from orchestrator.store import samples
from orchestrator.store.archives import (
    ArchivedRun,
    Outline,
    archived_run,
    forget_package,
    outlines_of_run,
    point_to_package,
)
from orchestrator.store.errors import explained
from orchestrator.store.verified_copy import flush_folder

if TYPE_CHECKING:
    from orchestrator.packaging.manifest import Manifest
    from orchestrator.store import Store

ENDING = ".cellrig.zip"
_RECORDS = "sample"
_FOLLOWERS = """
SELECT mounting.run_id FROM mounting JOIN run ON run.run_id = mounting.run_id
WHERE mounting.follows = ? AND run.state NOT IN ('completed', 'stopped', 'failed') ORDER BY mounting.id LIMIT 1
"""


def archive_folder(store: Path) -> Path:
    """Return where the packages of a store are put, unless somebody says where: a folder beside it."""
    return store.with_name(f"{store.stem}-archive")


def why_not_sealed(store: Store, run_id: str) -> str:
    """Return why a run is not archived, "" where it may be: it is over for good, and nobody waits for it."""
    run, connection = store.run(run_id), store.connection
    if archived_run(connection, run_id) is not None:
        return f"run {run_id} is archived already"
    if not run.state.is_over:
        return f"run {run_id} is {run.state.value}; only runs that are over are archived: see cellrig show {run_id}"
    with explained(store.path):
        sql = "SELECT command FROM intent WHERE run_id = ? AND outcome IS NULL"
        command = connection.execute(sql, (run_id,)).fetchone()
        follower = connection.execute(_FOLLOWERS, (run_id,)).fetchone()
    if command is not None:
        return f"run {run_id} has a {command[0]} whose outcome is not known; serve the store once, so that it is asked"
    if follower is not None:
        return f"run {run_id} is wanted: run {follower[0]} goes on with its cell"
    return ""


def archive_run(
    store: Store,
    run_id: str,
    folder: Path,
    now_unix_s: float,
    progress: Callable[[str], Progress],
    notes: list[str],
    *,
    pictures: bool = True,
) -> ArchivedRun:
    """Move the records of a sealed run into a package in a folder, and return the pointer that the store keeps.

    The caller owns the store: no service writes it. Raises NotSealed, PackageError, StoreError or OSError; the store is
    then as it was.
    """
    if problem := why_not_sealed(store, run_id):
        raise NotSealed(problem)
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{run_id}{ENDING}"
    for left in folder.glob(f".*{final.name}.*.part"):
        # Of a command that was killed: this one alone has the store's lock.
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    part = folder / f".{final.name}.{os.getpid()}.part"
    try:
        manifest = write_zip(store, run_id, part, progress("package"), notes, pictures=pictures)
        _to_disk(part)
        _check(store, run_id, part, progress)
        sha256, size_bytes = _sha256(part), part.stat().st_size
        _put(part, final, sha256)
    finally:
        part.unlink(missing_ok=True)
    failpoint("archive package written")
    archived = ArchivedRun(run_id, _told(final, store.path), sha256, manifest.end, size_bytes, now_unix_s)
    with store.transaction() as connection:
        if problem := why_not_sealed(store, run_id):
            raise NotSealed(problem)
        outlines = {test.id: _outline(connection, test.id) for test in store.tests(run_id)}
        _check_count(final, sum(outline.samples for outline in outlines.values()))
        point_to_package(connection, archived, outlines)
        connection.executemany("DELETE FROM sample WHERE test = ?", [(test,) for test in outlines])
        failpoint("archive commit open")
    failpoint("archive committed")
    return archived


def unarchive_run(store: Store, run_id: str, package: Path | None, progress: Progress) -> Path:
    """Bring the records of an archived run back into the store, and return the package, which stays where it is.

    ``package`` None: where it was put. The caller owns the store. Raises PackageError, StoreError or OSError; the store
    is then as it was.
    """
    store.run(run_id)
    archived = archived_run(store.connection, run_id)
    if archived is None:
        raise PackageError(f"run {run_id} is not archived: its records are in {store.path}")
    path = archived.path(store.path) if package is None else package
    if not path.exists():
        raise PackageError(
            f"{path} is not there, and the records of run {run_id} are in it; say where it is now: "
            f"cellrig unarchive {run_id} --from PATH"
        )
    with open_files(path) as files:
        if touched := touched_in(files):
            raise PackageTouched(
                f"{path} is not as it was written: {'; '.join(touched)}; use a copy of it: --from PATH"
            )
        _check_is(files.manifest, archived, path)
        due = sum(outline.samples for outline in outlines_of_run(store.connection, run_id))
        done = 0

        def told(rows: int) -> None:
            nonlocal done
            done += rows
            progress(done, max(done, due))

        with store.transaction() as connection:
            forget_package(connection, run_id)
            count = fill_table(connection, files, _RECORDS, told)
            if count != due:
                raise PackageError(f"{path} has {count} records, and {due} were archived; use the right package")
            failpoint("unarchive commit open")
    failpoint("unarchive committed")
    return path


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
                    f"run {run_id} is not archived: its package has not the rows of the table {table.name}; the disk "
                    "or the memory of this machine may fail"
                )


def _put(part: Path, final: Path, sha256: str) -> None:
    """Give a package its name; one that is there already is the same, or of another run. Raises PackageError."""
    if final.exists():
        if _sha256(final) != sha256:
            raise PackageError(
                f"{final} is there already and is not this package; move it elsewhere, or give another folder: --to"
            )
        _to_disk(final)
    else:
        part.rename(final)
    flush_folder(final.parent)


def _check_is(manifest: Manifest, archived: ArchivedRun, path: Path) -> None:
    if manifest.end != archived.chain_end:
        raise PackageError(
            f"{path} is the package of run {manifest.run_id}, but not the one in which run {archived.run_id} of this "
            f"store was archived: its chain ends in {manifest.end}, and not in {archived.chain_end}"
        )


def _check_count(package: Path, count: int) -> None:
    """Raise PackageError where the store has another number of records than the package by now."""
    import pyarrow.parquet as pq

    with open_files(package) as files:
        packed = int(pq.read_metadata(files.buffer(table_file(_RECORDS))).num_rows)
    if packed != count:
        raise PackageError(
            f"{package} has {packed} records, and the store {count}: something writes the run; try again"
        )


def _outline(connection: sqlite3.Connection, test: int) -> Outline:
    """Return what a store keeps of the records of a test."""
    first = [one for page in samples.pages(connection, test, -1, 1) for one in page]
    return Outline(
        samples.count(connection, test),
        first[0] if first else None,
        samples.last(connection, test),
        samples.last_temperature_degc(connection, test),
        tuple(samples.jumps(connection, test)),
        samples.temperatures_of(connection, test),
    )


def _told(path: Path, store: Path) -> str:
    """Return a path as the store keeps it: from its folder where it lies below, so that both may be moved together."""
    with suppress(ValueError):
        return path.resolve().relative_to(store.resolve().parent).as_posix()
    return str(path.resolve())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
