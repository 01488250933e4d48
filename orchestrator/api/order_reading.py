"""Reads the recipe and the cell of an order: shipped names, names of earlier runs, or the texts of files.

What the store has is read on the loop's thread, to which it belongs; what takes long is made on a thread of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.api import models
from orchestrator.api.pages import check_run
from orchestrator.api.written_files import no_version, shipped_names
from orchestrator.clock.scaled import in_loop_time
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.mounted_cells import Terms
from orchestrator.rack.pending_orders import ANSWER_WITHIN_S
from orchestrator.rack.service import Service
from orchestrator.runs.order_files import EarlierRun, OrderFiles, order_files
from orchestrator.runs.request import RunRequest
from orchestrator.store import FileKind, Origins, Store, Versions
from orchestrator.store.used_names import UsedNames
from protocols.document import Document

# Parts of an order that are kept with the run in other places, and those that say when it is carried out.
_NO_SETTINGS = {"recipe", "recipe_yaml", "recipe_file", "recipe_included"}
_NO_SETTINGS |= {"cell", "cell_yaml", "cell_file", "channel", "by", "check_id", "if_free"}
_NO_SETTINGS |= {kind.setting for kind in FileKind}


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """The files that an order names, and that were written on the rig or that earlier runs have kept.

    ``versions`` are the settings that name the versions of what was written here; ``missing`` says what there is not.
    """

    like: EarlierRun | None = None
    recipe: Document | None = None
    cell: Document | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[FileKind, str] = field(default_factory=dict)


def kept_files(store: Store, order: models.OrderParts) -> KeptFiles:
    """Return what the store has of an order's files. Raises NoSuchThing for a run ``like`` that is not there."""
    like = None
    if order.like is not None:
        check_run(store, order.like)
        like = EarlierRun(order.like, Origins(store).of(order.like))
    recipe = _named(store, FileKind.RECIPE, order.recipe, order.recipe_version)
    cell = _named(store, FileKind.CELL, order.cell, order.cell_version)
    versions, missing = {**recipe.versions, **cell.versions}, {**recipe.missing, **cell.missing}
    if like is not None:
        # What is not given is that of the earlier run, with the version that it named.
        given = {FileKind.RECIPE: order.recipe or order.recipe_yaml, FileKind.CELL: order.cell or order.cell_yaml}
        before = like.origin.settings or {}
        versions |= {it.setting: before[it.setting] for it in FileKind if not given[it] and it.setting in before}
    return KeptFiles(like, recipe.recipe, cell.cell, versions, missing)


def kept_recipe(store: Store, order: models.RecipeText) -> Document | None:
    """Return the recipe that is given, before anything is set in it; None where none is. Raises UnknownName."""
    from protocols.errors import UnknownName

    found = _named(store, FileKind.RECIPE, order.recipe, order.recipe_version)
    if FileKind.RECIPE in found.missing:
        raise UnknownName(found.missing[FileKind.RECIPE])
    return found.recipe or order.document()


def _named(store: Store, kind: FileKind, name: str | None, version: int | None) -> KeptFiles:
    """Return the file that a name means: what was written on the rig, else what an earlier run has, unless shipped."""
    if name is None:
        without = f"a version is of a {kind.value} by its name: name it, or leave {kind.setting} out"
        return KeptFiles(missing={} if version is None else {kind: without})
    versions, document = Versions(store, kind), None
    if (found := versions.version_of(name, version)) is not None:
        document, setting = versions.document(found), {kind.setting: found.version}
        return KeptFiles(None, *_pair(kind, document), setting)
    if version is not None:
        return KeptFiles(missing={kind: no_version(versions, kind, name, version)})
    if name not in shipped_names(kind):
        used, is_recipe = UsedNames(store), kind is FileKind.RECIPE
        run_id = used.run_with_recipe(name) if is_recipe else used.run_with_cell(name)
        origin = None if run_id is None else Origins(store).of(run_id)
        document = None if origin is None else origin.recipe if is_recipe else origin.cell
    return KeptFiles(None, *_pair(kind, document))


def _pair(kind: FileKind, document: Document | None) -> tuple[Document | None, Document | None]:
    return (document, None) if kind is FileKind.RECIPE else (None, document)


def recipe_of_order(order: models.OrderParts, kept: KeptFiles) -> Document | None:
    """Return the recipe's file as it is given, before anything is set in it; None where none is.

    Raises UnknownName.
    """
    _check_there(kept, FileKind.RECIPE)
    return kept.recipe or order.document() or (kept.like.origin.recipe if kept.like else None)


def cell_of_order(order: models.OrderParts, kept: KeptFiles) -> Document | None:
    """Return the cell's file as it is given, before anything is set in it; None where none is. Raises UnknownName.

    Only names that are shipped, or that a run was ordered with: no client reads this machine's files.
    """
    from protocols.errors import UnknownName
    from protocols.loading import cell_document, shipped_cells

    _check_there(kept, FileKind.CELL)
    if order.cell_yaml:
        return Document(order.cell_file or "cell_yaml", order.cell_yaml)
    if order.cell is not None and kept.cell is None:
        if order.cell not in shipped_cells():
            raise UnknownName(f"there is no shipped cell {order.cell!r}; there are {', '.join(shipped_cells())}")
        return cell_document(order.cell)
    return kept.cell or (kept.like.origin.cell if kept.like else None)


def _check_there(kept: KeptFiles, kind: FileKind) -> None:
    from protocols.errors import UnknownName

    if kind in kept.missing:
        raise UnknownName(kept.missing[kind])


def files_of(order: models.OrderParts, kept: KeptFiles) -> OrderFiles:
    """Gather the files of an order, with values set in them. Raises InputError and CannotRun."""
    _check_there(kept, FileKind.RECIPE)
    given = kept.recipe or order.document()
    cell = cell_of_order(order, kept) if order.cell or order.cell_yaml else None
    settings = {**order.model_dump(exclude_defaults=True, exclude=_NO_SETTINGS), **kept.versions}
    return order_files(given, cell, kept.like, order.set, settings)


def request_of(order: models.OrderParts, channel: str, files: OrderFiles) -> RunRequest:
    """Convert an order into a run's program for a channel, proven once for all who ask for the proof later on.

    Raises RecipeError and ResolveError.
    """
    from protocols.proof import prove

    program = files.program()
    if order.accept_voltage:
        program = program.started_at_any_voltage(order.accept_voltage)
    prove(program)
    confirmed_by, second = order.confirm_implausible or "", order.second_person or ""
    return RunRequest(program, channel, order.label, confirmed_by, files=files, second_person=second)


def check_id_of(request: RunRequest) -> str:
    """Return the id of what was checked: of its program, its cell's facts and name, and its channel."""
    told = "\n".join((request.program.sha256, request.channel, request.label))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


async def the_request(service: Service, order: models.StartOrder) -> RunRequest:
    """Read recipe and cell of an order, also out of an earlier run, on a thread: a long one delays no poll.

    Raises NoSuchThing, InputError, and CommandRefused when it takes too long, or is not what was checked.
    """
    service.supervisor_of(order.channel)
    kept = kept_files(service.store, order)
    try:
        async with asyncio.timeout(in_loop_time(ANSWER_WITHIN_S)):
            return await asyncio.to_thread(_checked_request, order, kept)
    except TimeoutError:
        late = f"the recipe was not read and judged within {ANSWER_WITHIN_S:g} s, so nothing is ordered"
        raise CommandRefused(f"{late}: order it again when this machine has less to do, or shorten it") from None


def _checked_request(order: models.StartOrder, kept: KeptFiles) -> RunRequest:
    request = request_of(order, order.channel, files_of(order, kept))
    if order.check_id is not None and order.check_id != check_id_of(request):
        raise CommandRefused(
            "this is not what was checked: the recipe, a value, the cell, its name or the channel is another one now. "
            "Nothing was ordered: check it again and see what follows from it"
        )
    return request


def terms_of(order: models.OrderParts) -> Terms:
    """Return what an order says of its place: it may wait, and which cell is there."""
    return Terms(order.queue, order.mounted or "", order.same_cell)
