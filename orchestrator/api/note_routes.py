"""The order that adds a note of a person to a run. Notes are never changed; ``stored_routes`` reads them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from orchestrator.api import models, told_errors
from orchestrator.api.pages import check_run
from orchestrator.api.parameters import RunId
from orchestrator.api.routes import TheService
from orchestrator.api.tags import Tag
from orchestrator.clock.virtual import wall_time
from orchestrator.store import Notes

router = APIRouter()


@router.post(
    "/runs/{run_id}/notes",
    status_code=201,
    response_model=models.NoteItem,
    tags=[Tag.RUNS],
    responses=told_errors.NO_RUN,
)
async def add_note(run_id: RunId, order: models.NoteOrder, service: TheService) -> dict[str, Any]:
    """Add a note to a run, with the name of who writes it. A note is never changed and never removed."""
    check_run(service.store, run_id)
    return Notes(service.store).add(run_id, order.text, order.by, wall_time()).as_dict()
