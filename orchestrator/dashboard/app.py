"""The application of the pages: which there are, the files that they load, and their errors as pages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from orchestrator.dashboard import (
    cells_page,
    compare_page,
    launch_list_page,
    launch_page,
    log_page,
    people_pages,
    rack_page,
    recipes_page,
    run_page,
    runs_page,
    sign_in_page,
)
from orchestrator.dashboard.assets import PREFIX, Assets
from orchestrator.dashboard.pages import HEADERS, RigFacts, page

logger = logging.getLogger(__name__)

# The first kind of error that fits counts: its status, and the code of its sentence.
Errors = Sequence[tuple[type[Exception], int, str]]
_KEPT = "public, max-age=31536000, immutable"


def routers() -> list[APIRouter]:
    """Return the routers of all pages, in the order of the navigation. A new page adds its line here."""
    return [
        rack_page.router,
        launch_page.router,
        launch_list_page.router,
        runs_page.router,
        run_page.router,
        compare_page.router,
        recipes_page.router,
        cells_page.router,
        log_page.router,
        people_pages.router,
        sign_in_page.router,
    ]


def new_pages(errors: Errors = ()) -> FastAPI:
    """Build the application of the pages.

    Who mounts it sets ``state.stored`` (gives the store), ``state.control`` (asks control), ``state.people``,
    ``state.rack`` and ``state.rig``. ``errors`` are shown as pages with their status and sentence.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.rig = RigFacts()
    for router in routers():
        app.include_router(router)
    # An application does not list the paths of the routers that it includes.
    app.state.paths = frozenset(getattr(route, "path", "") for router in routers() for route in router.routes)
    app.get("/")(_start)
    app.get(f"{PREFIX}/{{version}}/{{name}}")(_asset)
    for kind, status, code in errors:
        app.add_exception_handler(kind, _shown(status, code))
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)
    return app


def _start() -> RedirectResponse:
    return RedirectResponse("/rack", 307, headers={**HEADERS, "cache-control": "no-store"})


def _asset(version: str, name: str, request: Request) -> Response:
    """Send a file that a page loads; one of this version may be kept for good."""
    assets = Assets.load()
    if (asset := assets.files.get(name)) is None:
        raise HTTPException(404)
    kept = _KEPT if version == assets.version else "no-cache"
    headers = {**HEADERS, "cache-control": kept, "etag": asset.etag}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.data, media_type=asset.kind, headers=headers)


def _shown(status: int, code: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def shown(request: Request, err: Exception) -> Response:
        if status >= 500:
            logger.warning("%s %s: %s", request.method, request.url.path, err)
        if order_code := getattr(err, "order_code", ""):
            # Of an order it is told what became of it, not that a page is not shown.
            return error_page(request, status, order_code, title_code="page.no_answer")
        return error_page(request, status, code, reason=str(err))

    return shown


async def _http_error(request: Request, err: Exception) -> Response:
    status = err.status_code if isinstance(err, HTTPException) else 500
    if status == 404:
        return error_page(request, status, "error.not_found")
    return error_page(request, status, "error.reason", reason=str(getattr(err, "detail", err)))


async def _defect(request: Request, err: Exception) -> Response:
    logger.error("%s %s", request.method, request.url.path, exc_info=err)
    return error_page(request, 500, "error.defect")


def error_page(
    request: Request, status: int, code: str, *, title_code: str = "page.error", **values: object
) -> Response:
    """Return a page that says in a sentence why what was asked for is not shown."""
    return page(request, "error.html", title_code=title_code, status=status, live=False, code=code, values=values)
