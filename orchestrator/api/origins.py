"""Where a run comes from, for clients: the files of its order, what was set, who ordered it and where."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel

from orchestrator.api import pages, told_errors
from orchestrator.api.models.fields import TheRunId, TheSimulation, said
from orchestrator.api.parameters import RunId, TheStore
from orchestrator.api.tags import Tag
from orchestrator.store import Origins

router = APIRouter()


class RunOrigin(BaseModel):
    """Where a run comes from. Each value is null where it was not kept: runs of older versions have none of them."""

    run_id: TheRunId
    simulated: TheSimulation
    ordered_by: Annotated[str | None, said("Name of the person who ordered it", "ada")]
    host: Annotated[str | None, said("Name of the machine of the process that took the order", "rack-pc")]
    login: Annotated[str | None, said("User of that process", "cellrig")]
    version: Annotated[str | None, said("Version of its cellrig", "0.1.0")]
    recipe_file: Annotated[str | None, said("Shipped name or path of the recipe", "li-li-0.2")]
    recipe_sha256: Annotated[
        str | None, said("SHA-256 of the recipe's text in UTF-8, in hexadecimal digits", "ab" * 32)
    ]
    recipe_yaml: Annotated[
        str | None, said("Whole text of the recipe, with what was set in it", "name: li-li-0.2\n...")
    ]
    cell_file: Annotated[str | None, said("Shipped name or path of the cell", "coated-li-li")]
    cell_sha256: Annotated[str | None, said("SHA-256 of the cell's text in UTF-8, in hexadecimal digits", "cd" * 32)]
    cell_yaml: Annotated[str | None, said("Whole text of the cell's file, with what was set in it", "name: A17\n...")]
    settings: Annotated[dict[str, Any] | None, said("What was given beside the files, by its name", {"label": "A17"})]
    check: Annotated[
        dict[str, Any] | None,
        said(
            "What was found before anything ran: the current of each step in all units, what is implausible and who "
            "confirmed it, the expected and the longest time in h",
            {"implausible": [], "confirmed_by": None, "expected_h": 600.2, "longest_h": 600.2},
        ),
    ]


@router.get("/runs/{run_id}/origin", response_model=RunOrigin, tags=[Tag.RUNS], responses=told_errors.NO_RUN)
async def run_origin(run_id: RunId, store: TheStore) -> dict[str, Any]:
    """Return where a run comes from: the recipe and the cell file with which it was ordered, by whom, and where."""
    pages.check_run(store, run_id)
    simulated = store.run(run_id).simulated
    return {"run_id": run_id, "simulated": simulated, **Origins(store).of(run_id).as_dict()}
