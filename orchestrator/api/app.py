"""The application: routes, errors as sentences, and the guard around all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from drivers.errors import ConnectionFailed, DriverError, OutcomeUnknown
from orchestrator.api import browser, commands, origins, reference_page, routes, told_errors
from orchestrator.api.access import BODY, LOOPBACK_HOSTS, Guard
from orchestrator.api.live_stream import LiveClients, TooManyClients
from orchestrator.api.places import Places
from orchestrator.api.query_keys import only_known_keys
from orchestrator.api.refusals import Refusals, person_in
from orchestrator.api.tags import DESCRIPTION, TAGS
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.service import NoSuchThing, Service
from orchestrator.states import IllegalMove
from orchestrator.store import StoreError
from protocols.errors import InputError

logger = logging.getLogger(__name__)

API, OPENAPI = browser.API, browser.OPENAPI

# The first that fits counts.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NoSuchThing, 404),
    (CommandRefused, 409),
    (IllegalMove, 409),
    (InputError, 422),
    (ConnectionFailed, 503),
    (OutcomeUnknown, 503),
    (DriverError, 409),
    (StoreError, 503),
    (TooManyClients, 503),
)


_ANSWERED = "The answer."
_CARRIED_OUT = "The order is carried out, or is being carried out: the answer says how far."


def create_app(
    service: Service,
    live: LiveClients,
    token: str,
    hosts: frozenset[str] = LOOPBACK_HOSTS,
    places: Places | None = None,
) -> Guard:
    """Build the application for one service."""
    app = build_routes(service, live)
    return Guard(app, token, hosts, app.state.refusals.note_log_in, places)


def build_routes(service: Service, live: LiveClients) -> FastAPI:
    """Build the application without its guard: for the guard, and for lists of all routes."""
    app = FastAPI(
        title="cellrig",
        summary="One rack of battery testers: what runs, what was recorded, and commands.",
        description=DESCRIPTION,
        version="1",
        openapi_tags=TAGS,
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        redirect_slashes=False,
    )
    app.state.service, app.state.live, app.state.refusals = service, live, Refusals(service.store)
    # For the document only: the guard has checked the token before anything gets here.
    token = [Security(HTTPBearer(auto_error=False, description="The operator's token."))]
    for router in (routes.open_router, routes.router, origins.router, commands.router, commands.bodiless_router):
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.response_description = _ANSWERED if route.methods == {"GET"} else _CARRIED_OUT
    known = [Depends(only_known_keys)]
    app.include_router(routes.open_router, dependencies=known)
    told = told_errors.GUARDED
    for router in (routes.router, origins.router, commands.bodiless_router):
        app.include_router(router, prefix=API, dependencies=[*known, *token], responses=told)
    app.include_router(commands.router, prefix=API, dependencies=[*known, *token], responses=told | told_errors.BODY)
    app.get(browser.PAGE, include_in_schema=False, dependencies=known, response_class=HTMLResponse)(_docs)
    app.add_exception_handler(RequestValidationError, _wrong_input)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)
    for kind, _ in _STATUS:
        app.add_exception_handler(kind, _known)
    return app


async def _docs(request: Request) -> HTMLResponse:
    """Show the document of the API as a page: for people with a browser and the token."""
    page = await asyncio.to_thread(lambda: reference_page.page(request.app.openapi()))
    return HTMLResponse(page, headers=browser.HEADERS)


def _answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, headers)


def _trace(request: Request, sentence: str) -> None:
    """Store that an order was refused; a refused question changes nothing and leaves no trace."""
    if request.method != "GET":
        who = person_in(request.scope.get(BODY, b"")) or request.query_params.get("owner", "")[:64]
        request.app.state.refusals.note(request.method, request.url.path, who, sentence)


async def _known(request: Request, err: Exception) -> JSONResponse:
    status = next(status for kind, status in _STATUS if isinstance(err, kind))
    _trace(request, str(err))
    if status >= 500:
        logger.warning("%s %s: %s", request.method, request.url.path, err)
    return _answer(status, str(err))


async def _wrong_input(request: Request, err: Exception) -> JSONResponse:
    errors: Sequence[Any] = err.errors() if isinstance(err, RequestValidationError) else ()
    # What was sent is not sent back: it may hold what nobody else should see.
    told = [f"{'.'.join(str(part) for part in error['loc'])}: {_words(error)}" for error in errors]
    _trace(request, "; ".join(told))
    return _answer(422, "\n".join(told))


def _words(error: dict[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


async def _http_error(request: Request, err: Exception) -> JSONResponse:
    if not isinstance(err, HTTPException):
        raise err
    if err.status_code == 404:
        return _answer(404, f"there is nothing at this address; {OPENAPI} lists what there is, {browser.PAGE} shows it")
    if err.status_code == 400:
        # FastAPI's word for a body on which its reader of JSON gave up otherwise than at a wrong letter.
        unread = "the body cannot be read: it has too many levels, or a number with too many digits"
        _trace(request, unread)
        return _answer(422, unread)
    return _answer(err.status_code, str(err.detail), dict(err.headers or {}))


async def _defect(request: Request, err: Exception) -> JSONResponse:
    return _answer(500, "this is a defect of cellrig; the service's log has the details")
