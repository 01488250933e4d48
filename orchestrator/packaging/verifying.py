"""Verifies a package: every hash, and every number of its summary, computed again from its raw rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.importing.step_checks import imported_steps
from orchestrator.packaging.contents import CELL_FILE, NOTES, PROGRAM, RECIPE, SUMMARY, notes_text, summary_text
from orchestrator.packaging.errors import PackageError, PackageTouched
from orchestrator.packaging.files import PackageFiles, open_files
from orchestrator.packaging.hashes import touched_in
from orchestrator.packaging.opened import store_of, table_names
from orchestrator.store import Origins
from orchestrator.store.errors import Damaged, Refused, StoreConflict
from orchestrator.store.record_checks import programs, records
from orchestrator.store.row_checks import Level

if TYPE_CHECKING:
    from orchestrator.store import Store

Progress = Callable[[int, int], None]
"""Is told how much is done of how much."""
# Another machine's mathematics may differ in the last digits.
_SAME = 1e-9
# Of so many wrong numbers each is named.
_MOST = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a package: ``touched`` names each part that is not as it was written.

    ``wrong`` names each number that its rows do not give; they are looked at where nothing was touched. ``checked``
    says what was checked, a sentence each. ``chain_end`` is None where the manifest itself was touched.
    """

    package: str
    run_id: str | None
    made_by: str | None
    chain_end: str | None
    files: int
    size_bytes: int
    touched: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.touched and not self.wrong

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict for JSON."""
        return {**asdict(self), "is_sound": self.is_sound}


def _untold(_what: str) -> Progress:
    """Show nothing."""
    return lambda _done, _all: None


def verify(path: Path, progress: Callable[[str], Progress] = _untold) -> Verdict:
    """Verify a package, a zip or a folder.

    Raises NotAPackage, OSError for what cannot be read, and PackageError or StoreError where this cellrig, or this
    disk, has no room for its rows.
    """
    try:
        with open_files(path) as files, ExitStack() as stack:
            return _verdict(path, files, progress, stack)[0]
    except PackageTouched as err:
        return Verdict(str(path), None, None, None, 0, 0, (str(err),))


@contextmanager
def verified_store(path: Path, progress: Callable[[str], Progress] = _untold) -> Iterator[tuple[PackageFiles, Store]]:
    """Verify a package, and give its files and its run in a temporary store.

    Raises PackageTouched with the names of what was touched, PackageError for numbers that its records do not give, and
    what ``verify`` raises.
    """
    with open_files(path) as files, ExitStack() as stack:
        verdict, store = _verdict(path, files, progress, stack)
        if verdict.touched:
            raise PackageTouched(f"{path.name} is not as it was written: {'; '.join(verdict.touched)}")
        if verdict.wrong or store is None:
            raise PackageError(f"{path.name} is not what its records give: {'; '.join(verdict.wrong)}")
        yield files, store


def _verdict(
    path: Path, files: PackageFiles, progress: Callable[[str], Progress], stack: ExitStack
) -> tuple[Verdict, Store | None]:
    """Return what is found of a package, and its rows as a store, which the stack closes; None where there are none."""
    manifest = files.manifest
    size = sum(file.size_bytes for file in manifest.files)
    touched = touched_in(files, summed(progress("hashes"), size))
    wrong: list[str] = []
    store: Store | None = None
    checked = [f"{len(manifest.files)} files have their sizes and hashes, and the chain ends in {manifest.end}"]
    if not touched:
        tell = progress("rows")
        count = sum(_rows_of(files, name) for name in table_names(files))
        try:
            store = stack.enter_context(store_of(files, summed(tell, count)))
            wrong = list(_wrong_numbers(files, store, manifest.run_id, checked))
        except (Refused, Damaged, StoreConflict, ValueError, TypeError, LookupError) as err:
            # Hashes fit, so it was written so: by hand, or by a program that is not ours.
            wrong = [f"its rows are those of no store: {err}"]
    facts = manifest.run_id, manifest.made_by, manifest.end, len(manifest.files), size
    return Verdict(str(path), *facts, tuple(touched), tuple(wrong), () if touched else tuple(checked)), store


def summed(tell: Progress, most: int) -> Callable[[int], None]:
    """Return what is told of each piece, and tells how much is done by then of how much."""
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        tell(done, max(done, most))

    return more


def _rows_of(files: PackageFiles, name: str) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(files.buffer(f"tables/{name}.parquet")).num_rows)


def _wrong_numbers(files: PackageFiles, store: Store, run_id: str, checked: list[str]) -> Iterator[str]:
    """Yield a sentence for each number, program and file that the rows of a package do not give."""
    runs = [run.run_id for run in store.runs()]
    if runs != [run_id]:
        yield f"tables/run.parquet has the runs {', '.join(runs) or 'none'}, and the package is of {run_id}"
        return
    yield from _wrong_files(files, store, run_id)
    findings = chain(
        programs(store.connection, 0.0),
        records(store.connection, 0.0, only_steps=True),
        imported_steps(store, run_id),
    )
    for finding in findings:
        if finding.level is Level.WRONG:
            yield finding.sentence
        else:
            checked.append(finding.sentence)
    told, ours = json.loads(files.data(SUMMARY)), json.loads(summary_text(store, run_id))
    count = 0
    for at, was, now in _differences(told, ours, ""):
        count += 1
        if count <= _MOST:
            yield f"{SUMMARY} says that {at} is {was!r}, and the rows give {now!r}"
    if not count:
        checked.append(f"all numbers of {SUMMARY} are those that the rows give")


def _wrong_files(files: PackageFiles, store: Store, run_id: str) -> Iterator[str]:
    """Yield a sentence for each file of the order that is another one than the rows tell of."""
    run, origin = store.run(run_id), Origins(store).of(run_id)
    if hashlib.sha256(files.data(PROGRAM)).hexdigest() != run.program_sha256:
        yield f"{PROGRAM} is not the program that tables/run.parquet tells of"
    for name, document in ((RECIPE, origin.recipe), (CELL_FILE, origin.cell)):
        data = None
        with suppress(PackageTouched):
            data = files.data(name)
        sha256 = None if data is None else hashlib.sha256(data).hexdigest()
        if sha256 != (document.sha256 if document else None):
            yield f"{name} is not the file that tables/origin.parquet tells of"
    # Packages of before have no notes.
    with suppress(PackageTouched):
        if files.data(NOTES).decode("utf-8") != notes_text(store, run_id):
            yield f"{NOTES} is not what tables/note.parquet tells of"


def _differences(told: Any, ours: Any, at: str) -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401 - values of JSON
    """Yield where two values of JSON differ, by what ``told`` has: a later cellrig computes more."""
    if isinstance(told, Mapping) and isinstance(ours, Mapping):
        for name, value in told.items():
            yield from _differences(value, ours.get(name), f"{at}.{name}" if at else name)
    elif isinstance(told, list) and isinstance(ours, list) and len(told) == len(ours):
        for place, (one, other) in enumerate(zip(told, ours, strict=True)):
            yield from _differences(one, other, f"{at}[{place}]")
    elif not _are_same(told, ours):
        yield at, told, ours


def _are_same(one: Any, other: Any) -> bool:  # noqa: ANN401 - values of JSON
    if isinstance(one, float) and isinstance(other, int | float):
        return isclose(one, other, rel_tol=_SAME, abs_tol=1e-15)
    return bool(one == other)
