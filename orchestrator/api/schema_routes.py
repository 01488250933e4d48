"""The JSON Schemas of the messages of the MQTT feed, for programs that read them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from orchestrator.api.models.mqtt import MessageKind, mqtt_schema
from orchestrator.api.tags import Tag

router = APIRouter()

_Kind = Annotated[MessageKind, Path(description="Last level of a topic.", examples=["event"])]


@router.get("/mqtt/schemas", tags=[Tag.LIVE])
async def mqtt_schemas() -> dict[str, Any]:
    """Return the JSON Schema of each kind of MQTT message, by the last level of its topic."""
    return {kind.value: mqtt_schema(kind) for kind in MessageKind}


@router.get("/mqtt/schemas/{kind}", tags=[Tag.LIVE])
async def one_mqtt_schema(kind: _Kind) -> dict[str, Any]:
    """Return the JSON Schema of the MQTT messages of a kind."""
    return mqtt_schema(kind)
