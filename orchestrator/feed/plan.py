"""What the feed is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.bench.mqtt_settings import MqttSettings


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """The broker, the store that is published, and where the REST interface answers."""

    mqtt: MqttSettings
    store: Path
    api: str
