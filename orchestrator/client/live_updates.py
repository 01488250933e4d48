"""A message of the live stream as a value, for every client that follows a run."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from orchestrator.events import RunUpdate
from orchestrator.states import EndBasis, RunState


def update_of(message: dict[str, Any]) -> RunUpdate:
    """Return a message as a value. It has times in ISO 8601 too; a service of another version may say more, or less."""
    known = {field.name: message[field.name] for field in fields(RunUpdate) if field.name in message}
    basis = EndBasis(message.get("end_known_by", EndBasis.UNKNOWN))
    return RunUpdate(**{**known, "state": RunState(message["state"]), "end_known_by": basis})
