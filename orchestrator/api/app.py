"""The application of a service: all routes, errors as sentences, and the guard around all of it."""

from __future__ import annotations

import asyncio

from fastapi import Depends, FastAPI, Request, Security
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from drivers.errors import ConnectionFailed, DriverError, OutcomeUnknown
from orchestrator.api import (
    browser,
    commands,
    launch_routes,
    live_routes,
    note_routes,
    notice_reports,
    notice_routes,
    origins,
    picture_routes,
    preflight_routes,
    rack_routes,
    recipe_routes,
    reference_page,
    routes,
    schema_routes,
    series,
    stored_routes,
    told_errors,
    trace_routes,
    version_routes,
    writing_routes,
)
from orchestrator.api.access import BODY, LOOPBACK_HOSTS, Guard
from orchestrator.api.application import Statuses, describe_answers, new_application
from orchestrator.api.live_stream import LiveClients, TooManyClients
from orchestrator.api.makers import CannotMake, Makers, NothingThere
from orchestrator.api.places import Places
from orchestrator.api.preflight_desk import PreflightDesk
from orchestrator.api.query_keys import only_known_keys
from orchestrator.api.rack_rows import RackRows
from orchestrator.api.recording import RecordedOrders, Recorder
from orchestrator.api.refusals import REFUSALS_PATH, Refusals, into, person_in
from orchestrator.api.run_traces import RunTraces
from orchestrator.rack.claims import CommandRefused, NoSuchThing
from orchestrator.rack.service import Service
from orchestrator.states import IllegalMove
from orchestrator.store import RunArchived, StoreError
from protocols.errors import InputError

API, OPENAPI = browser.API, browser.OPENAPI

# They are asked with a body, and order nothing.
_QUESTIONS = frozenset(
    {f"{API}/{name}" for name in ("preflight", "runs/check", "runs/batch/check", "recipes/check", "cells/check")}
)
_STATUS: Statuses = (
    (NoSuchThing, 404),
    (NothingThere, 422),
    (CannotMake, 503),
    (CommandRefused, 409),
    (IllegalMove, 409),
    (InputError, 422),
    (ConnectionFailed, 503),
    (OutcomeUnknown, 503),
    (DriverError, 409),
    (RunArchived, 409),
    (StoreError, 503),
    (TooManyClients, 503),
)


def create_app(
    service: Service,
    live: LiveClients,
    token: str,
    hosts: frozenset[str] = LOOPBACK_HOSTS,
    places: Places | None = None,
    recorder: Recorder | None = None,
) -> Guard:
    """Build the application for one service; with a recorder it writes down orders that have not been."""
    app = build_routes(service, live)
    served = RecordedOrders(app, recorder) if recorder is not None else app
    return Guard(served, token, hosts, app.state.refusals.note_log_in, places)


def build_routes(service: Service, live: LiveClients) -> FastAPI:
    """Build the application without its guard: for the guard, and for lists of all routes."""
    app = new_application(_STATUS, _trace)
    app.state.service, app.state.live, app.state.refusals = service, live, Refusals(into(service.store))
    app.state.preflights = PreflightDesk()
    app.state.columns, app.state.rack_rows = series.RunColumns(), RackRows(service)
    app.state.channel_traces, app.state.traces = trace_routes.Traces(), RunTraces()
    app.state.stored = lambda: service.store
    app.state.makers = Makers(service.store.path)
    app.state.now = lambda: [run.update() for run in service.runs]
    # For the document only: the guard has checked the token before anything gets here.
    token = [Security(HTTPBearer(auto_error=False, description="The operator's token."))]
    stored = (
        stored_routes.router,
        series.router,
        live_routes.router,
        origins.router,
        schema_routes.router,
        picture_routes.router,
        version_routes.router,
    )
    reads = (
        trace_routes.router,
        routes.router,
        rack_routes.router,
        preflight_routes.router,
        *stored,
        notice_routes.router,
    )
    orders = (
        launch_routes.router,
        commands.router,
        rack_routes.order_router,
        preflight_routes.order_router,
        notice_routes.orders,
        recipe_routes.router,
        note_routes.router,
        writing_routes.router,
    )
    describe_answers((routes.open_router, *reads, *orders, commands.bodiless_router))
    known = [Depends(only_known_keys)]
    app.include_router(routes.open_router, dependencies=known)
    told = told_errors.GUARDED
    for router in (*reads, commands.bodiless_router):
        app.include_router(router, prefix=API, dependencies=[*known, *token], responses=told)
    for router in orders:
        app.include_router(router, prefix=API, dependencies=[*known, *token], responses=told | told_errors.BODY)
    app.post(REFUSALS_PATH, include_in_schema=False, status_code=204, dependencies=known)(_refused_by_web)
    app.include_router(notice_reports.router, prefix=API, dependencies=known)
    app.get(browser.PAGE, include_in_schema=False, dependencies=known, response_class=HTMLResponse)(_docs)
    return app


class _WebRefusal(BaseModel):
    """The trace of a request that the web process has refused."""

    model_config = ConfigDict(extra="forbid")
    sentence: str = Field(min_length=1, max_length=2000)


async def _refused_by_web(refusal: _WebRefusal, request: Request) -> None:
    """Store what the web process has refused, which has counted it already."""
    into(request.app.state.service.store)(refusal.sentence)


async def _docs(request: Request) -> HTMLResponse:
    """Show the document of the API as a page: for people with a browser and the token."""
    page = await asyncio.to_thread(lambda: reference_page.page(request.app.openapi()))
    return HTMLResponse(page, headers=browser.HEADERS)


def _trace(request: Request, sentence: str) -> None:
    """Store that an order was refused; a refused question changes nothing and leaves no trace."""
    if request.method != "GET" and request.url.path not in _QUESTIONS:
        who = person_in(request.scope.get(BODY, b"")) or request.query_params.get("owner", "")[:64]
        request.app.state.refusals.note(request.method, request.url.path, who, sentence)
