"""``cellrig archive`` and ``unarchive``: records of ended runs leave the store for packages, and come back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, Json, StoreFile
from orchestrator.cli.export import shown
from orchestrator.cli.extras import need_libraries
from orchestrator.cli.output import DONE, FAILED, WRONG_USE, fail, print_json, say, stopped_by_ctrl_c
from orchestrator.cli.owned_store import ARCHIVE, check_is_there, owned_store, shared_store
from orchestrator.cli.verify import PACKAGE_LIBRARIES, shown_parts

if TYPE_CHECKING:
    from orchestrator.store import Store

RunIds = Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Run ids, as 'cellrig runs' lists them.")]
SomeRunIds = Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids, as 'cellrig runs' lists them.")]
OlderThan = Annotated[
    str, typer.Option("--older-than", metavar="AGE", help="All runs that are over for so long: 90d, 26w, 2y.")
]
Folder = Annotated[
    Path | None, typer.Option("--to", metavar="FOLDER", help="Where packages go; else STORE-archive beside the store.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say which runs would be archived, and change nothing.")]
From = Annotated[
    Path | None, typer.Option("--from", metavar="PATH", help="Where the package is now, if it was moved; for one run.")
]
Pictures = Annotated[bool, typer.Option("--pictures/--no-pictures", help="Draw pictures into the packages.")]
_DAYS = {"d": 1, "w": 7, "y": 365}
_DAY_S = 86_400.0
_SETTLING_S = 120.0
"""For how long a service has the records of a run that ended: the feed reads them for a minute (``live_samples``)."""


def archive(
    run_ids: RunIds = None,
    older_than: OlderThan = "",
    to: Folder = None,
    dry_run: DryRun = False,
    pictures: Pictures = True,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Move the records of ended runs into packages.

    A store stays small so. Each package is verified and compared with the store, row by row, before the records leave
    it. Steps, cycles, spectra and events stay, so that 'runs' and 'show' tell the same as before. Packages are not part
    of a backup of the store: back up their folder too. A service may have the store meanwhile.
    """
    if bool(run_ids) == bool(older_than):
        fail("say which runs, or how old: cellrig archive R000001, or cellrig archive --older-than 90d", WRONG_USE)
    age_s = _age_s(older_than) if older_than else 0.0
    need_libraries("data", PACKAGE_LIBRARIES)
    if dry_run:
        from orchestrator.store import open_store

        with open_store(store, read_only=True) as opened:
            rows = [{"run": run, "problem": why} for run, why in _candidates(opened, run_ids, age_s)]
            _tell_candidates(rows, json, is_all=bool(older_than))
        return
    with stopped_by_ctrl_c("stopped; say it again to end what was begun: no record is lost"):
        with _archiving(store) as opened:
            candidates, before = _candidates(opened, run_ids, age_s), opened.path.stat().st_size
            done, refused = _archived(opened, candidates, to, json, pictures)
        kept = _give_back(store) if done else ""
    after = store.stat().st_size
    if json:
        told = {"archived": done, "refused": refused, "store_bytes_before": before, "store_bytes_after": after}
        print_json({**told, "space": kept})
    else:
        _tell_archived(store, done, before, after, kept)
    for one in refused:
        say(f"cellrig: {one['problem']}", err=True)
    if older_than and not done and not refused and not json:
        say(f"no run in {store} is over for so long and not archived yet")
    # Of all that are old, those that are wanted may stay; one that was named was to go.
    allowed = sum(bool(problem) for _, problem in candidates) if older_than else 0
    raise typer.Exit(FAILED if len(refused) > allowed else DONE)


def _archived(
    opened: Store, candidates: list[tuple[str, str]], to: Path | None, json: bool, pictures: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Archive the candidates that may be, and return which were, and which were not with the reason."""
    from orchestrator.packaging.archiving import archive_folder, archive_run
    from orchestrator.packaging.errors import PackageError
    from orchestrator.store import StoreError

    folder = to or archive_folder(opened.path)
    done: list[dict[str, Any]] = []
    refused = [{"run": run_id, "problem": problem} for run_id, problem in candidates if problem]
    for run_id in (run_id for run_id, problem in candidates if not problem):
        notes: list[str] = []
        try:
            told = shown_parts(run_id)
            made = archive_run(opened, run_id, folder, time.time(), told, notes, pictures=pictures, pause=_pause)
        except PackageError as err:
            refused.append({"run": run_id, "problem": str(err)})
            continue
        except (StoreError, OSError) as err:
            # The next one would meet the same disk.
            refused.append({"run": run_id, "problem": str(err)})
            break
        done.append({"run": run_id, "package": str(made.path(opened.path)), "chain_end": made.chain_end})
        for note in notes:
            say(f"cellrig: {note}", err=True)
        if not json:
            say(f"{run_id}: {made.path(opened.path)}, {made.size_bytes / 1e6:.1f} MB, verified")
    return done, refused


def _tell_archived(store: Path, done: list[dict[str, Any]], before: int, after: int, kept: str) -> None:
    if done:
        say(f"{store.name}: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB now")
        first = done[0]
        say(f"Records come back with: cellrig unarchive {first['run']}. Back up {Path(first['package']).parent} too.")
    if kept:
        say(kept)


def _tell_candidates(rows: list[dict[str, str]], json: bool, *, is_all: bool) -> None:
    if json:
        print_json({"runs": rows})
        return
    for row in rows:
        say(row["problem"] or f"{row['run']} would be archived")
    if not rows:
        say("no run is over for so long" if is_all else "no run is named")


def unarchive(
    run_ids: SomeRunIds,
    package: From = None,
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Bring the records of archived runs back.

    They come row for row. The package is checked before, and stays where it is. A service may have the store meanwhile.
    """
    need_libraries("data", PACKAGE_LIBRARIES)
    from orchestrator.packaging.archiving import unarchive_run
    from orchestrator.packaging.errors import PackageError

    if package is not None and len(run_ids) > 1:
        fail("--from names the package of one run; bring them back one by one", WRONG_USE)
    done = []
    with stopped_by_ctrl_c("stopped; say it again to end what was begun"), _archiving(store) as opened:
        for run_id in dict.fromkeys(run_ids):
            try:
                path = unarchive_run(opened, run_id, package, shown(f"{run_id}: rows"), _pause)
            except PackageError as err:
                fail(str(err), FAILED)
            except OSError as err:
                fail(f"{err.filename or package} cannot be read ({err.strerror}); check its rights", FAILED)
            done.append({"run": run_id, "package": str(path)})
            if not json:
                say(f"{run_id}: its records are in {opened.path} again; its package stays in {path}")
    if json:
        print_json({"unarchived": done})


def _age_s(text: str) -> float:
    """Read --older-than. Raises BadParameter."""
    found = re.fullmatch(r"(\d{1,5}) ?([dwy])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r}: days, weeks or years, such as 90d, 26w, 2y", param_hint="--older-than")
    return int(found[1]) * _DAYS[found[2]] * _DAY_S


def _candidates(opened: Store, run_ids: list[str] | None, age_s: float) -> list[tuple[str, str]]:
    """Return the runs that are asked for, each with why it is not archived, "" where it is."""
    from orchestrator.packaging.archiving import why_not_sealed

    until_s = time.time() - age_s
    old = [run.run_id for run in opened.runs() if run.state.is_over and run.state_unix_s <= until_s]
    asked = list(dict.fromkeys(run_ids)) if run_ids else old
    found = [(run_id, why_not_sealed(opened, run_id) or _just_ended(opened, run_id)) for run_id in asked]
    return found if run_ids else [one for one in found if not one[1].endswith("already")]


def _just_ended(opened: Store, run_id: str) -> str:
    """Return why a run is left to its service for a moment, "" where it is not."""
    from orchestrator.rack.lock import owner_of

    owner, since_s = owner_of(opened.path), time.time() - opened.run(run_id).state_unix_s
    if owner is None or not owner.url or not 0 <= since_s < _SETTLING_S:
        return ""
    return f"run {run_id} ended {since_s:.0f} s ago, and the service still tells others of it; try again in two minutes"


def _pause() -> None:
    """Let others write."""
    from orchestrator.packaging.moving import PAUSE_S

    time.sleep(PAUSE_S)


@contextmanager
def _archiving(store: Path) -> Iterator[Store]:
    """Open a store for archives, beside a service too. Ends the command if none can be made now."""
    from orchestrator.packaging.archive_lock import NoArchiveNow, only_archive

    check_is_there(store)
    try:
        with only_archive(store), shared_store(store) as opened:
            yield opened
    except NoArchiveNow as err:
        fail(str(err), FAILED)


def _give_back(store: Path) -> str:
    """Give the space of what has left a store back to the disk, if nobody has it; return what a person should know."""
    from orchestrator.packaging.space import empty_words, give_back
    from orchestrator.rack.lock import AlreadyOwned

    try:
        with owned_store(store, ARCHIVE) as opened:
            return give_back(opened)
    except AlreadyOwned:
        with shared_store(store) as opened:
            return empty_words(opened)
