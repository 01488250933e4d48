"""The recipes and cells by their names: what was written on the rig first, then shipped ones, then earlier runs'.

A name of the rig's own cannot be one that is shipped. Should a later cellrig ship one under a name that the rig has
already, the rig's own stays what the name means here: runs were ordered with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from orchestrator.api import models
from orchestrator.rack.claims import CommandRefused, NoSuchThing
from orchestrator.store import FileKind, Origins, Store, Version, Versions, VersionSaved
from orchestrator.store.used_names import UsedNames
from protocols.document import Document
from protocols.errors import InputError, RecipeError, RecipeProblem

# Names under which something else is found.
RESERVED = frozenset({"check", "opened", "new", "edit"})
_AROUND = 3


class NotThisName(InputError):
    """A recipe or cell cannot be written under this name; the message says why."""


def named_file(store: Store, kind: FileKind, name: str, version: int | None = None) -> models.NamedFile:
    """Return the text of a recipe or cell by its name. Raises NoSuchThing."""
    versions = Versions(store, kind)
    if (found := versions.version_of(name, version)) is not None:
        text, newest = versions.document(found), versions.version_of(name)
        return models.NamedFile(
            name=name,
            origin="written",
            text=text.text,
            sha256=found.sha256,
            version=as_model(found),
            newest=(newest or found).version,
        )
    if version is not None:
        raise NoSuchThing(no_version(versions, kind, name, version))
    if name in shipped_names(kind):
        document = _shipped(kind, name)
        return models.NamedFile(name=name, origin="shipped", text=document.text, sha256=document.sha256)
    used = UsedNames(store)
    run_id = used.run_with_recipe(name) if kind is FileKind.RECIPE else used.run_with_cell(name)
    origin = None if run_id is None else Origins(store).of(run_id)
    kept = None if origin is None else origin.recipe if kind is FileKind.RECIPE else origin.cell
    if kept is None:
        raise NoSuchThing(f"there is no {kind.value} {name}")
    return models.NamedFile(name=name, origin="run", text=kept.text, sha256=kept.sha256, run_id=run_id)


def no_version(versions: Versions, kind: FileKind, name: str, version: int) -> str:
    """Return the sentence that a name has no such version."""
    newest = versions.version_of(name)
    if newest is None:
        return f"no {kind.value} {name} was written on this rig, so that it has no version {version}"
    return f"the {kind.value} {name} has no version {version}; the newest is {newest.version}"


def version_list(store: Store, kind: FileKind, name: str) -> models.VersionList:
    """Return the versions of a name with the runs that used them. Raises NoSuchThing for a name that nobody wrote."""
    versions = Versions(store, kind)
    if not (found := versions.of(name)):
        raise NoSuchThing(f"no {kind.value} {name} was written on this rig: only those have versions")
    runs = versions.runs(name)
    told = [models.UsedVersion(**one.as_dict(), runs=runs.get(one.version, [])) for one in reversed(found)]
    return models.VersionList(versions=told)


def comparison(store: Store, kind: FileKind, name: str, query: models.CompareQuery) -> models.Comparison:
    """Return what differs between two versions of a name. Raises NoSuchThing."""
    versions, found = Versions(store, kind), []
    newest = versions.version_of(name)
    after = query.after or (newest.version if newest is not None else 1)
    for number in (query.before or max(1, after - 1), after):
        if (one := versions.version_of(name, number)) is None:
            raise NoSuchThing(no_version(versions, kind, name, number))
        found.append(one)
    texts = [versions.document(one).text.splitlines() for one in found]
    lines = list(compared(*texts))
    return models.Comparison(before=as_model(found[0]), after=as_model(found[1]), lines=lines)


def compared(before: list[str], after: list[str]) -> Iterator[models.ComparedLine]:
    """Yield the lines that differ between two texts, with some around them."""
    end = 0
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_AROUND):
        if (skipped := group[0][1] - end) > 0:
            yield models.ComparedLine(mark="left_out", text=str(skipped))
        end = group[-1][2]
        for what, low, high, new_low, new_high in group:
            if what == "equal":
                for n in range(low, high):
                    yield models.ComparedLine(mark="same", text=before[n], before=n + 1, after=new_low + n - low + 1)
                continue
            for n in range(low, high):
                yield models.ComparedLine(mark="gone", text=before[n], before=n + 1)
            for n in range(new_low, new_high):
                yield models.ComparedLine(mark="new", text=after[n], after=n + 1)
    if end and (skipped := len(before) - end) > 0:
        yield models.ComparedLine(mark="left_out", text=str(skipped))


def check_name(kind: FileKind, name: str) -> None:
    """Check that a recipe or cell may be written under a name. Raises NotThisName."""
    if name in RESERVED:
        raise NotThisName(f"a {kind.value} cannot be called {name}: that is the address of something else")
    if name.casefold() in {one.casefold() for one in shipped_names(kind)}:
        raise NotThisName(
            f"{name} is shipped with cellrig, and what is shipped is not changed: copy it under another name, and "
            f"write that name behind 'name:' in its text"
        )


def check_sound(kind: FileKind, name: str, text: str) -> None:
    """Check that a text is sound and bears its name. It takes up to tenths of a second. Raises InputError."""
    from protocols.loading import parse_cell, recipe_of

    if kind is FileKind.RECIPE:
        found: str = recipe_of(Document(name, text)).name
    else:
        found = parse_cell(text, name).name
    if found != name:
        line = line_of_name(text)
        raise RecipeError([RecipeProblem(name, line, "name", repr(found), f"{name}, under which it is saved")])


def line_of_name(text: str) -> int:
    """Return the line of the name in a text, 1 where there is none."""
    lines = enumerate(text.split("\n"), 1)
    return next((n for n, line in lines if line.startswith("name:")), 1)


def save(store: Store, kind: FileKind, name: str, order: models.SaveOrder, at_unix_s: float) -> Version:
    """Store the next version of a name. Raises CommandRefused where another one was saved meanwhile, and StoreError."""
    try:
        return Versions(store, kind).add(name, order.text, order.base_version, order.by, at_unix_s)
    except VersionSaved as err:
        raise CommandRefused(str(err)) from None


def as_model(one: Version) -> models.FileVersion:
    """Return a version as a client sees it."""
    return models.FileVersion.model_validate({**one.as_dict()})


def shipped_names(kind: FileKind) -> tuple[str, ...]:
    """Return the names of what is shipped."""
    from protocols.loading import shipped_cells, shipped_recipes

    return shipped_recipes() if kind is FileKind.RECIPE else shipped_cells()


def _shipped(kind: FileKind, name: str) -> Document:
    from protocols.loading import cell_document, recipe_document

    return recipe_document(name) if kind is FileKind.RECIPE else cell_document(name)
