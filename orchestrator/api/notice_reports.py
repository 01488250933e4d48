"""Stores what the process of the notices reports of itself: it cannot write into the store."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.browser import API
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.service import Service

# No operation for clients.
_PATH = "/notices/reports"
NOTICE_REPORTS_PATH = f"{API}{_PATH}"

router = APIRouter(include_in_schema=False)


class _Report(BaseModel):
    """An event of the notices: whether they reach people."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal[EventKind.NOTICES_TESTED, EventKind.NOTICES_FAILED, EventKind.NOTICES_WORK]
    sentence: Annotated[str, Field(min_length=1, max_length=4000)]
    data: dict[str, Any] = Field(default_factory=dict, max_length=8)


@router.post(_PATH, status_code=204)
async def report(told: _Report, request: Request) -> None:
    """Store the event."""
    service: Service = request.app.state.service
    data_json = json.dumps(told.data) if told.data else None
    service.store.add_event(None, told.kind, told.sentence, wall_time(), data_json)
