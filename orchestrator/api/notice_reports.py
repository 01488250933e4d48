"""Stores what the processes of the notices and of the feed report of themselves: neither can write into the store."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.report_path import REPORT_PATH
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.service import Service

router = APIRouter(include_in_schema=False)


class _Report(BaseModel):
    """An event of the notices, or of the feed: whether they reach people, or a broker."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal[
        EventKind.NOTICES_TESTED,
        EventKind.NOTICES_FAILED,
        EventKind.NOTICES_WORK,
        EventKind.BROKER_LOST,
        EventKind.BROKER_BACK,
    ]
    sentence: Annotated[str, Field(min_length=1, max_length=4000)]
    data: dict[str, Any] = Field(default_factory=dict, max_length=8)


@router.post(REPORT_PATH, status_code=204)
async def report(told: _Report, request: Request) -> None:
    """Store the event."""
    service: Service = request.app.state.service
    data_json = json.dumps(told.data) if told.data else None
    service.store.add_event(None, told.kind, told.sentence, wall_time(), data_json)
