"""The parameters and the dependencies that the operations of the API share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from orchestrator.api import models, told_errors
from orchestrator.api.tags import Tag
from orchestrator.store import Store


async def the_store(request: Request) -> Store:
    """Return the store that the application reads. Raises StoreError where it cannot be opened."""
    store: Store = request.app.state.stored()
    return store


_BIG = 2**53
TheStore = Annotated[Store, Depends(the_store)]
RunId = Annotated[str, Path(description="Id of the run in its store.", examples=["R000001"])]
ChannelName = Annotated[str, Path(description="Name of the channel at its instrument.", examples=["21-1-3"])]
AfterTest = Annotated[int, Query(ge=0, le=_BIG, description="The test that `after` counts in.", examples=[1])]
After = Annotated[int, Query(ge=0, le=_BIG, description="Give what follows this number.", examples=[0])]
Limit = Annotated[int, Query(ge=1, le=models.LIMIT_MAX, description="How many rows at most.", examples=[1000])]
# Of each table of a run.
OF_RUN: Any = {"tags": [Tag.RECORDS], "responses": told_errors.NO_RUN}
OF_RECORDS: Any = {"tags": [Tag.RECORDS], "responses": told_errors.NO_RUN | told_errors.ARCHIVED}
OnePage = Annotated[models.Page, Query()]
Events = Annotated[models.EventQuery, Query()]
