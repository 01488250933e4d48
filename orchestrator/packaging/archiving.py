"""Moves the records of a run into a package and back, so that at each moment they are in the store or in the package.

The package is written, verified, compared with the store row by row, and on the disk under its name, before one
transaction writes the pointer to it. From then on nobody reads the records from the store, and they leave it piece by
piece, so that a service that has the store waits for none of it. On the way back the pointer is deleted when all are
there, and the package stays. A process that is killed leaves all records in the store, in the package, or in both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.failpoints import failpoint
from orchestrator.packaging.archive_packages import opened_package, record_count, sha256_of, write_package
from orchestrator.packaging.contents import one_moment
from orchestrator.packaging.errors import NotSealed, PackageError
from orchestrator.packaging.files import open_files
from orchestrator.packaging.moving import put_back, take_out
from orchestrator.packaging.verifying import Progress, summed
from orchestrator.store import samples
from orchestrator.store.archives import (
    ArchivedRun,
    Outline,
    archived_run,
    forget_package,
    outlines_of_run,
    point_to_package,
    still_stored,
)
from orchestrator.store.errors import explained

if TYPE_CHECKING:
    from orchestrator.packaging.files import PackageFiles
    from orchestrator.store import Store

_FOLLOWERS = """
SELECT mounting.run_id FROM mounting JOIN run ON run.run_id = mounting.run_id
WHERE mounting.follows = ? AND run.state NOT IN ('completed', 'stopped', 'failed') ORDER BY mounting.id LIMIT 1
"""


def _go_on() -> None:
    """Wait for nobody."""


def archive_folder(store: Path) -> Path:
    """Return where the packages of a store are put, unless somebody says where: a folder beside it."""
    return store.with_name(f"{store.stem}-archive")


def why_not_sealed(store: Store, run_id: str) -> str:
    """Return why a run is not archived, "" where it may be: it is over for good, and nobody waits for it.

    One of which records are in the store and in its package may be too: its archive was ended before it was done.
    """
    run, connection = store.run(run_id), store.connection
    if archived_run(connection, run_id) is not None:
        return "" if still_stored(connection, run_id) else f"run {run_id} is archived already"
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
    pause: Callable[[], None] = _go_on,
) -> ArchivedRun:
    """Move the records of a sealed run into a package in a folder, and return the pointer that the store keeps.

    Others may read and write the store meanwhile, but no other archive (``only_archive``); ``pause`` is called between
    two pieces, to let them. Raises NotSealed, PackageError, StoreError or OSError; the store is then as it was, or has
    the pointer and what is left of the records: the next call ends it.
    """
    if problem := why_not_sealed(store, run_id):
        raise NotSealed(problem)
    archived = archived_run(store.connection, run_id)
    if archived is None:
        final = write_package(store, run_id, folder, progress, notes, pictures=pictures)
        with open_files(final) as files:
            archived = _point(store, run_id, files, now_unix_s)
            take_out(store, files, summed(progress("records"), record_count(files)), pause)
        return archived
    with opened_package(archived, archived.path(store.path)) as files:
        take_out(store, files, summed(progress("records"), record_count(files)), pause)
    return archived


def _point(store: Store, run_id: str, files: PackageFiles, now_unix_s: float) -> ArchivedRun:
    """Write the pointer to a run's package into the store: from now on its records are read nowhere else.

    What is read of all records is read before the transaction, which holds the lock for a moment. A record that comes
    in between is none of the package's, and so stays.
    """
    end, path = files.manifest.end, files.path
    archived = ArchivedRun(run_id, _told(path, store.path), sha256_of(path), end, path.stat().st_size, now_unix_s)
    with explained(store.path), one_moment(store.connection):
        outlines = {test.id: _outline(store.connection, test.id) for test in store.tests(run_id)}
    count, packed = sum(outline.samples for outline in outlines.values()), record_count(files)
    if packed != count:
        raise PackageError(f"{path} has {packed} records, and the store {count}: something writes the run; try again")
    with store.transaction() as connection:
        if problem := why_not_sealed(store, run_id):
            raise NotSealed(problem)
        point_to_package(connection, archived, outlines)
        failpoint("archive commit open")
    failpoint("archive committed")
    return archived


def unarchive_run(
    store: Store, run_id: str, package: Path | None, progress: Progress, pause: Callable[[], None] = _go_on
) -> Path:
    """Bring the records of an archived run back into the store, and return the package, which stays where it is.

    ``package`` None: where it was put. Others may use the store meanwhile as in ``archive_run``; for them the run is
    archived until all records are there. Raises PackageError, StoreError or OSError; the next call goes on.
    """
    store.run(run_id)
    archived = archived_run(store.connection, run_id)
    if archived is None:
        raise PackageError(f"run {run_id} is not archived: its records are in {store.path}")
    path = archived.path(store.path) if package is None else package
    with opened_package(archived, path) as files:
        due = sum(outline.samples for outline in outlines_of_run(store.connection, run_id))
        if record_count(files) != due:
            raise PackageError(
                f"{path} has {record_count(files)} records, and {due} were archived; use the right package"
            )
        put_back(store, files, summed(progress, due), pause)
        with store.transaction() as connection:
            forget_package(connection, run_id)
            failpoint("unarchive commit open")
    failpoint("unarchive committed")
    return path


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
