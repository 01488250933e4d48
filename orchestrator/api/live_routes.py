"""The live stream of runs, and the schema of its messages."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from orchestrator.api import models
from orchestrator.api.live_stream import MOST_CLIENTS, LiveClients, TooManyClients, stream
from orchestrator.api.tags import Tag
from orchestrator.events import RunUpdate
from orchestrator.rack.claims import NoSuchThing

router = APIRouter()


class LiveStream(StrEnum):
    """What a stream tells of."""

    RUNS = "runs"
    RACK = "rack"


_Which = Annotated[
    LiveStream,
    Query(
        alias="stream",
        description="`runs`: each change of a run at once; `rack`: the rows of the rack, a frame a second "
        "(`hello`, `rack`, `need`, `dropped`).",
        examples=["rack"],
    ),
]


async def the_watchers(request: Request) -> LiveClients:
    """Return the clients of live values."""
    watchers: LiveClients = request.app.state.live
    return watchers


@router.get(
    "/live",
    tags=[Tag.LIVE],
    response_class=StreamingResponse,
    responses={200: {"description": "Server-sent events, without an end.", "content": models.live_content()}},
)
async def live(
    watchers: Annotated[LiveClients, Depends(the_watchers)], request: Request, which: _Which = LiveStream.RUNS
) -> StreamingResponse:
    """Send every run as it is, then each change, as server-sent events ``run``; ``dropped`` counts omitted values.

    With ``stream=rack`` the rack as a screen shows it, for whoever looks at all of it.
    """
    if which is LiveStream.RACK:
        of_rack: Callable[[Request], StreamingResponse] | None = getattr(request.app.state, "rack_stream", None)
        if of_rack is None:
            raise NoSuchThing("the stream of the rack is sent at the public address of the service")
        return of_rack(request)
    if watchers.clients >= MOST_CLIENTS:
        raise TooManyClients(f"{MOST_CLIENTS} clients watch already; close some of them")
    now: list[RunUpdate] = request.app.state.now()
    return StreamingResponse(
        stream(watchers, now), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


@router.get("/live/schema", tags=[Tag.LIVE])
async def live_schema() -> dict[str, Any]:
    """Return the JSON Schema of a message of the live stream: its event's name, and its data read as JSON."""
    return models.live_schema()
