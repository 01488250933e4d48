"""The messages of the live stream, and their JSON Schema: what a client that reads ``/live`` has to expect."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from orchestrator.api.models.fields import said
from orchestrator.api.models.runs import RunNow


class Dropped(BaseModel):
    """The number of values that a slow client has lost."""

    dropped: Annotated[int, said("Number of values left out for this client so far, because it read too slowly", 12)]


class LiveRun(BaseModel):
    """A run as it is now: one message for each run at the beginning, then one after each change."""

    event: Annotated[Literal["run"], said("Name of the server-sent event", "run")]
    data: Annotated[RunNow, said("The run as it is now")]


class LiveDropped(BaseModel):
    """A word to a slow client: values of runs were left out, older ones of a run first."""

    event: Annotated[Literal["dropped"], said("Name of the server-sent event", "dropped")]
    data: Annotated[Dropped, said("How many were left out")]


LiveMessage = Annotated[LiveRun | LiveDropped, Field(discriminator="event")]


def live_schema() -> dict[str, Any]:
    """Return the JSON Schema of a message of the stream: its event's name, and its data as they are read from JSON."""
    schema = TypeAdapter(LiveMessage).json_schema(mode="serialization")
    told = "A message of the live stream: the name of a server-sent event, and its data read as JSON."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Message of cellrig's live stream",
        "description": told,
        **schema,
    }


def live_content() -> dict[str, Any]:
    """Return the content of the stream for the OpenAPI document, where a message's data are JSON in a text."""

    def message(event: str, data: dict[str, Any]) -> dict[str, Any]:
        text = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
        properties = {"event": {"type": "string", "const": event}, "data": text}
        return {"type": "object", "required": ["event", "data"], "properties": properties}

    run, dropped = {"$ref": "#/components/schemas/RunNow"}, Dropped.model_json_schema()
    described = "Server-sent events `run` and `dropped`; `GET /live/schema` has the JSON Schema of both."
    items = {"oneOf": [message("run", run), message("dropped", dropped)]}
    return {"text/event-stream": {"schema": {"type": "string", "description": described}, "itemSchema": items}}
