"""The requests on notices to people: what they were told, and their acknowledgement. The notices' own file answers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query

from orchestrator.api import models, told_errors
from orchestrator.api.browser import API
from orchestrator.api.parameters import TheStore
from orchestrator.api.tags import Tag
from orchestrator.notices.state_file import StateFile
from orchestrator.rack.claims import NoSuchThing

# It changes without any commit to the store.
NOTICES_PATH = f"{API}/notices"
_LAST, _MOST = 20, 2000

router = APIRouter()
orders = APIRouter()


@router.get("/notices", response_model=models.NoticesNow, tags=[Tag.RACK])
async def notices(
    store: TheStore,
    last: Annotated[int, Query(ge=1, le=_MOST, description="So many attempts to deliver.", examples=[50])] = _LAST,
) -> dict[str, Any]:
    """List the alarms that wait for an acknowledgement, and what was sent to people last."""
    return await asyncio.to_thread(_kept, store.path, last)


@orders.post(
    "/notices/acknowledge",
    tags=[Tag.RACK],
    responses=told_errors.nothing("No alarm of that is open."),
)
async def acknowledge_notices(order: models.AcknowledgeNotices, store: TheStore) -> models.AcknowledgedNotices:
    """End the repeats of alarms that a person has seen; a tripped run stays latched."""
    done = await asyncio.to_thread(_acknowledged, store.path, order)
    if not done:
        raise NoSuchThing(f"no open alarm is of {order.what}; GET {NOTICES_PATH} lists those that are open")
    return models.AcknowledgedNotices(acknowledged=done)


def _kept(store: Path, last: int) -> dict[str, Any]:
    with StateFile(store, create=False) as state:
        return {"open": state.open_incidents(), "deliveries": state.deliveries(last)}


def _acknowledged(store: Path, order: models.AcknowledgeNotices) -> list[str]:
    with StateFile(store, create=False) as state:
        return state.acknowledge(None if order.what == "all" else order.what, order.by, time.time())
