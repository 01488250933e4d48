"""The requests for recipes and cells by their names and versions, which the store answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from orchestrator.api import models, told_errors, written_files
from orchestrator.api.models.fields import Name
from orchestrator.api.parameters import TheStore
from orchestrator.api.tags import Tag
from orchestrator.store import FileKind

router = APIRouter()

FileNamed = Annotated[Name, Path(description="Name of the recipe or cell.", examples=["mine"])]
_Version = Annotated[models.VersionQuery, Query()]
_Two = Annotated[models.CompareQuery, Query()]
_NOTHING = told_errors.nothing("There is no such name, or no such version.")


@router.get("/recipes/{name}", tags=[Tag.SHIPPED], responses=_NOTHING)
async def recipe(name: FileNamed, query: _Version, store: TheStore) -> models.NamedFile:
    """Return the text of a recipe: a version of what was written here, a shipped one, or that of an earlier run."""
    return written_files.named_file(store, FileKind.RECIPE, name, query.version)


@router.get("/recipes/{name}/versions", tags=[Tag.SHIPPED], responses=_NOTHING)
async def recipe_versions(name: FileNamed, store: TheStore) -> models.VersionList:
    """List the versions of a recipe that was written here, newest first, with the runs that were ordered with each."""
    return written_files.version_list(store, FileKind.RECIPE, name)


@router.get("/recipes/{name}/compare", tags=[Tag.SHIPPED], responses=_NOTHING)
async def recipe_compared(name: FileNamed, query: _Two, store: TheStore) -> models.Comparison:
    """Compare two versions of a recipe line by line."""
    return written_files.comparison(store, FileKind.RECIPE, name, query)


@router.get("/cells/{name}", tags=[Tag.SHIPPED], responses=_NOTHING)
async def cell(name: FileNamed, query: _Version, store: TheStore) -> models.NamedFile:
    """Return the text of a cell's file: a version of what was written here, a shipped one, or of an earlier run."""
    return written_files.named_file(store, FileKind.CELL, name, query.version)


@router.get("/cells/{name}/versions", tags=[Tag.SHIPPED], responses=_NOTHING)
async def cell_versions(name: FileNamed, store: TheStore) -> models.VersionList:
    """List the versions of a cell that was written here, newest first, with the runs that were ordered with each."""
    return written_files.version_list(store, FileKind.CELL, name)


@router.get("/cells/{name}/compare", tags=[Tag.SHIPPED], responses=_NOTHING)
async def cell_compared(name: FileNamed, query: _Two, store: TheStore) -> models.Comparison:
    """Compare two versions of a cell line by line."""
    return written_files.comparison(store, FileKind.CELL, name, query)
