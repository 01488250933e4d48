"""Builds the messages of the feed: plain values under the names of ``orchestrator.api.models.mqtt``, as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from orchestrator.api.models.mqtt import SCHEMA_VERSION, MessageKind

# The longest message; brokers cut the link, or drop without a word, above a limit of theirs.
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: retained messages are given to whoever subscribes later."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one rig, and what every message of this life of the feed begins with."""

    rig: str
    session: str

    def of(self, kind: MessageKind, channel: str | None = None) -> str:
        """Return the topic of a kind of message, of a channel or (None) of the rig as a whole."""
        levels = ("cellrig", self.rig, channel, kind.value)
        return "/".join(level for level in levels if level is not None)

    def message(self, kind: MessageKind, channel: str | None, body: Mapping[str, Any], *, qos: int = 1) -> Message:
        """Return a message; state and status are retained."""
        retain = kind in (MessageKind.STATE, MessageKind.STATUS)
        return Message(self.of(kind, channel), self.text(body), qos, retain)

    def text(self, body: Mapping[str, Any]) -> bytes:
        """Return the JSON of a message with its head."""
        head = {
            "schema_version": SCHEMA_VERSION,
            "rig": self.rig,
            "session": self.session,
            "sent_unix_s": round(time.time(), 6),
        }
        return as_json(head | dict(body))


def as_json(value: object) -> bytes:
    """Return JSON; what is no finite number is null."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":")).encode()


def _finite(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return {key: _finite(it) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(it) for it in value]
    return None if isinstance(value, float) and not isfinite(value) else value
