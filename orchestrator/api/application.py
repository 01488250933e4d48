"""An application without routes yet: its document, and its errors as sentences with a status."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from orchestrator.api import browser
from orchestrator.api.tags import DESCRIPTION, TAGS

logger = logging.getLogger(__name__)

# The first kind of error that fits counts.
Statuses = Sequence[tuple[type[Exception], int]]
# Stores that an order was refused: the request, and the sentence.
Trace = Callable[[Request, str], None]
_ANSWERED = "The answer."
_CARRIED_OUT = "The order is carried out, or is being carried out: the answer says how far."


def new_application(statuses: Statuses, trace: Trace) -> FastAPI:
    """Build an application that answers errors of these kinds with their status."""
    app = FastAPI(
        title="cellrig",
        summary="One rack of battery testers: what runs, what was recorded, and commands.",
        description=DESCRIPTION,
        version="1",
        openapi_tags=TAGS,
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,
        redoc_url=None,
        openapi_url=browser.OPENAPI,
        redirect_slashes=False,
    )

    async def known(request: Request, err: Exception) -> JSONResponse:
        status = next(status for kind, status in statuses if isinstance(err, kind))
        trace(request, str(err))
        if status >= 500:
            logger.warning("%s %s: %s", request.method, request.url.path, err)
        return answer(status, str(err))

    async def wrong_input(request: Request, err: Exception) -> JSONResponse:
        errors: Sequence[Any] = err.errors() if isinstance(err, RequestValidationError) else ()
        # What was sent is not sent back: it may hold what nobody else should see.
        told = [f"{'.'.join(str(part) for part in error['loc'])}: {_words(error)}" for error in errors]
        trace(request, "; ".join(told))
        return answer(422, "\n".join(told))

    async def http_error(request: Request, err: Exception) -> JSONResponse:
        """Answer an error of HTTP; a page that is not there by where the list of pages is."""
        if not isinstance(err, HTTPException):
            raise err
        if err.status_code == 404:
            there = f"{browser.OPENAPI} lists what there is, {browser.PAGE} shows it"
            return answer(404, f"there is nothing at this address; {there}")
        if err.status_code == 400:
            # FastAPI's word for a body on which its reader of JSON gave up otherwise than at a wrong letter.
            unread = "the body cannot be read: it has too many levels, or a number with too many digits"
            trace(request, unread)
            return answer(422, unread)
        return answer(err.status_code, str(err.detail), dict(err.headers or {}))

    app.add_exception_handler(RequestValidationError, wrong_input)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, _defect)
    for kind, _ in statuses:
        app.add_exception_handler(kind, known)
    return app


def describe_answers(routers: Iterable[APIRouter]) -> None:
    """Describe the usual answer of every operation for the document: a question's, or an order's."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.response_description = _ANSWERED if route.methods == {"GET"} else _CARRIED_OUT


def answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer that tells an error."""
    return JSONResponse({"error": sentence}, status, headers)


def _words(error: dict[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


async def _defect(request: Request, err: Exception) -> JSONResponse:
    return answer(500, "this is a defect of cellrig; the service's log has the details")
