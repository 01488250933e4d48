"""Brings the run of a package into a store, under a new number: all of it, and only from a package that is sound.

The package itself is kept beside the store as other imported files are, as one zip: its bytes follow from its files, so
that a folder and the zip of the same run are one file, known by one hash.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.importing.cellrig_stores import RunSource, chosen_runs, copy_runs
from orchestrator.importing.errors import ImportFailed
from orchestrator.importing.originals import Originals
from orchestrator.packaging.archive_packages import ENDING
from orchestrator.packaging.errors import PackageError
from orchestrator.packaging.manifest import NAME
from orchestrator.packaging.verifying import verified_store
from orchestrator.packaging.zip_layout import layout
from orchestrator.store.archives import archived_runs
from orchestrator.store.errors import explained
from orchestrator.store.imports import Decision

if TYPE_CHECKING:
    from orchestrator.importing.outcome import Imported
    from orchestrator.importing.read_run import ImportOptions
    from orchestrator.packaging.files import PackageFiles
    from orchestrator.packaging.verifying import Progress
    from orchestrator.store import Store

FORMAT = "cellrig run package"


def import_package(
    store: Store | None,
    path: Path,
    options: ImportOptions,
    *,
    by: str,
    progress: Callable[[str], Progress],
    again: bool = False,
) -> list[Imported]:
    """Verify a package and import its run, or only say what would be imported (``store`` None).

    Raises ImportFailed, with the name of whatever was touched, StoreError, OSError; nothing is left then of what it had
    begun.
    """
    try:
        with verified_store(path, progress) as (files, packed):
            sha256 = _sha256(files)
            source = RunSource(packed, path.resolve().name, FORMAT, tuple(_decisions(files)), sha256)
            rows = chosen_runs(packed, options)
            if store is None:
                return copy_runs(None, source, rows, options, by=by, progress=progress("records"), again=again)
            if not again:
                _check_not_ours(store, files)
            originals = Originals(store.path)
            try:
                _keep(originals, files, sha256)
                return copy_runs(store, source, rows, options, by=by, progress=progress("records"), again=again)
            except BaseException:
                originals.undo()
                raise
    except PackageError as err:
        raise ImportFailed(f"{err}; nothing was imported, and cellrig verify {path} tells more") from err


def _decisions(files: PackageFiles) -> Iterator[Decision]:
    manifest = files.manifest
    yield Decision("package", "sound", f"its bytes, and its numbers from its records; {manifest.made_by} wrote it")
    yield Decision("end of its chain", manifest.end, "its manifest")


def _check_not_ours(store: Store, files: PackageFiles) -> None:
    """Raise ImportFailed for the package of a run that this very store has archived: its records come back into it."""
    with explained(store.path):
        ours = [one.run_id for one in archived_runs(store.connection) if one.chain_end == files.manifest.end]
    if ours:
        raise ImportFailed(
            f"{files.path.name} is the package in which run {ours[0]} of this store was archived; bring its records "
            f"back with: cellrig unarchive {ours[0]} --store {store.path}"
        )


def _pieces(files: PackageFiles) -> Iterator[bytes | memoryview]:
    """Yield the bytes of the zip of a package, whether it is one or a folder."""
    for piece in layout(files.all_facts):
        if piece.data is not None:
            yield piece.data
        elif piece.what == NAME:
            yield files.manifest.as_bytes()
        elif (view := files.view(piece.what)) is not None:
            yield view


def _sha256(files: PackageFiles) -> str:
    found = hashlib.sha256()
    for piece in _pieces(files):
        found.update(piece)
    return found.hexdigest()


def _keep(originals: Originals, files: PackageFiles, sha256: str) -> None:
    """Keep a package beside the store as a zip. Raises ImportFailed, OSError."""
    if files.whole is not None:
        originals.keep(files.path, sha256, ENDING)
        return
    with tempfile.TemporaryDirectory(prefix="cellrig-package-") as folder:
        path = Path(folder) / f"{files.manifest.run_id}{ENDING}"
        with path.open("wb") as out:
            for piece in _pieces(files):
                out.write(piece)
        originals.keep(path, sha256, ENDING)
