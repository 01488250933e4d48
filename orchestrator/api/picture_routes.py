"""Pictures and files of runs: the numbers of a picture, the same as a file or a table, and runs in other formats.

The query of a picture is that of the page that shows it. What takes long is made by a child process
(``orchestrator.api.makers``).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from orchestrator.api import models, pages, time_pictures, told_errors
from orchestrator.api.access import PASS_ON
from orchestrator.api.makers import LONG_S, Makers, NothingThere
from orchestrator.api.parameters import OF_RUN, RunId, TheStore
from orchestrator.api.tags import Tag
from orchestrator.store.errors import explained

if TYPE_CHECKING:
    from orchestrator.store import Store

router = APIRouter()

_TEXT = "text/csv; charset=utf-8"
_TYPES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
_TAG = (
    "SELECT run_id, state_unix_s, (SELECT max(id) FROM test WHERE test.run_id = run.run_id), "
    "(SELECT max(sequence) FROM sample WHERE test = (SELECT max(id) FROM test WHERE test.run_id = run.run_id)) "
    "FROM run WHERE run_id = ?"
)


@router.get("/picture", tags=[Tag.RECORDS], response_model=models.PictureNumbers, responses=told_errors.NO_RUN)
async def picture(store: TheStore, request: Request, query: Annotated[models.PictureQuery, Query()]) -> Response:
    """Return a picture of runs: its numbers as JSON or CSV, or the picture as PNG, SVG or PDF."""
    numbers = await numbers_of(request, store, query)
    name = _picture_name(query)
    match query.format:
        case models.PictureFormat.JSON:
            return JSONResponse(numbers)
        case models.PictureFormat.CSV:
            from orchestrator.report.picture_data import Picture, as_csv

            headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
            return Response(as_csv(Picture.of(numbers)), media_type=_TEXT, headers=headers)
        case kind:
            order = {"make": "picture-file", "picture": numbers, "name": f"{name}.{kind}"}
            return await _file(request, order, _TYPES[kind], inline=query.inline)


async def numbers_of(request: Request, store: Store, query: models.PictureQuery) -> dict[str, Any]:
    """Return the numbers of a picture. Raises NothingThere, CannotMake, StoreError."""
    for run_id in query.runs:
        pages.check_run(store, run_id)
    if query.x in ("time", "clock"):
        return await time_pictures.numbers(request.app.state.traces, store, query)
    _wait(request)
    makers: Makers = request.app.state.makers
    order = {"make": "picture", "shown": query.x, "runs": query.runs, "cycles": query.cycles}
    return await makers.kept(order, tag_of(store, query.runs))


@router.get(
    "/runs/{run_id}/file",
    response_class=FileResponse,
    tags=[Tag.RECORDS],
    responses=told_errors.NO_RUN | told_errors.ARCHIVED,
)
async def run_file(
    run_id: RunId, store: TheStore, request: Request, query: Annotated[models.FileQuery, Query()]
) -> Response:
    """Return a run, or some of its cycles, in a format of ``cellrig export``; several files come as one zip."""
    pages.check_run(store, run_id)
    order = {"make": "export", "run": run_id, "as": query.format, "cycles": query.cycles}
    return await _file(request, order, "application/octet-stream", within_s=LONG_S)


@router.get("/runs/{run_id}/file/progress", response_model=models.FileProgress, **OF_RUN)
async def run_file_progress(
    run_id: RunId, store: TheStore, request: Request, query: Annotated[models.FileQuery, Query()]
) -> dict[str, Any]:
    """Tell how far a file is that is being made; ``of`` is 0 where none is."""
    pages.check_run(store, run_id)
    order = {"make": "export", "run": run_id, "as": query.format, "cycles": query.cycles}
    makers: Makers = request.app.state.makers
    done, of = makers.progress.get(_key(order), (0, 0))
    return {"done": done, "of": of}


async def details_of(request: Request, store: Store, run_id: str) -> dict[str, Any]:
    """Return what ``cellrig show --json`` tells of a run. Raises CannotMake, StoreError."""
    _wait(request)
    makers: Makers = request.app.state.makers
    return await makers.kept({"make": "details", "run": run_id, "steps": 60, "cycles": 0}, tag_of(store, [run_id]))


def tag_of(store: Store, run_ids: Sequence[str]) -> str:
    """Return what changes when runs have new records, or another state."""
    with explained(store.path):
        return repr([store.connection.execute(_TAG, (run_id,)).fetchone() for run_id in run_ids])


def _wait(request: Request) -> None:
    """Let other answers be made meanwhile."""
    request.scope.get(PASS_ON, lambda: None)()


def _key(order: dict[str, Any]) -> str:
    return f"{order['run']} {order['as']} {order['cycles']}"


async def _file(
    request: Request, order: dict[str, Any], media_type: str, *, within_s: float = 120.0, inline: bool = False
) -> Response:
    """Have a file made and send it; it is removed behind that."""
    _wait(request)
    makers: Makers = request.app.state.makers
    folder = makers.new_folder()
    try:
        name = _key(order) if order["make"] == "export" else ""
        made = await makers.make({**order, "folder": str(folder)}, within_s, name)
        files = [folder / one for one in made["files"]]
        if not files:
            raise NothingThere("; ".join(made.get("notes", ())) or "there is nothing to write")
        file = files[0]
        if len(files) > 1 or "/" in made["files"][0]:
            file = folder / f"{made['files'][0].partition('.')[0].partition('/')[0]}.zip"
            await _zipped(files, file)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    gone = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    disposition = "inline" if inline else "attachment"
    return FileResponse(
        file, media_type=media_type, filename=file.name, background=gone, content_disposition_type=disposition
    )


async def _zipped(files: Sequence[Path], to: Path) -> None:
    import asyncio
    import zipfile

    def write() -> None:
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as out:
            for file in files:
                out.write(file, file.relative_to(to.parent))

    await asyncio.to_thread(write)


def _picture_name(query: models.PictureQuery) -> str:
    more = f"-and-{len(query.runs) - 1}-more" if len(query.runs) > 2 else "".join(f"-{run}" for run in query.runs[1:])
    part = f"-cycle-{query.cycles.replace(' ', '')}" if query.cycles else ""
    return f"{query.runs[0]}{more}-{query.x}{part}"
