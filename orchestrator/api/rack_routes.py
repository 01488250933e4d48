"""The rack as a screen shows it: a row for each channel, with what may be done there and what it needs."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from orchestrator.api import models, told_errors
from orchestrator.api.rack_rows import RackRows
from orchestrator.api.routes import TheService
from orchestrator.api.tags import Tag
from orchestrator.clock.virtual import wall_time

router = APIRouter()
order_router = APIRouter()


async def the_rows(request: Request) -> RackRows:
    """Return the rows of the rack."""
    rows: RackRows = request.app.state.rack_rows
    return rows


TheRows = Annotated[RackRows, Depends(the_rows)]
Since = Annotated[
    int, Query(ge=0, description="Revision of an earlier answer: only rows that changed after it.", examples=[0])
]


NeedName = Annotated[
    str, Path(max_length=200, description="Name of the line (`id`).", examples=["21-3-4-R000007-holding-1795797643"])
]


@router.get("/rack", tags=[Tag.RACK], response_model=models.RackNow)
async def rack(rows: TheRows, service: TheService, since: Since = 0) -> Response:
    """Give a row for each channel: state, values with their times, what may be done, and what needs a person."""
    await rows.look()
    now = wall_time()
    told = models.RackNow(
        rev=rows.rev,
        life=rows.life,
        now=now,
        control_seen_at=now,
        speed=getattr(asyncio.get_running_loop(), "speed", 1.0),
        simulated=service.simulated,
        channels=rows.channels,
        rows=rows.rows(since),
        needs=rows.needs.now,
        needs_rev=rows.needs.rev,
        seen={row.channel: row.seen_at for row in rows.rows()},
    )
    # Straight to JSON: checking each row once more would hold up control's loop.
    return Response(told.model_dump_json(), media_type="application/json")


@order_router.post(
    "/needs/{name}/put-off",
    tags=[Tag.RACK],
    responses=told_errors.nothing("It is no longer there.") | told_errors.refused("it needs a person at once"),
)
async def put_off(name: NeedName, order: models.PutOffOrder, rows: TheRows) -> models.Need:
    """Look later at something that needs a person today: it is told again in time, and until then with this word."""
    await rows.look()
    return rows.needs.put_off(name, order.how_long, order.by, order.reason)
