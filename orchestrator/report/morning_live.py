"""What a living service says of its rack, as the morning report reads it: the answer of ``GET /status`` as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from orchestrator.events import RunUpdate
from orchestrator.report.morning import RigLine
from orchestrator.states import EndBasis, RunState

_KNOWN = frozenset(field.name for field in fields(RunUpdate))


@dataclass(frozen=True, slots=True)
class LiveRack:
    """A rack as its service tells it: its runs by their ids, and in ``notes`` what keeps it from working as it should.

    ``working`` are channels on which something works that the service has not ordered.
    """

    url: str
    channels: int
    runs: Mapping[str, RunUpdate]
    notes: tuple[str, ...]
    working: tuple[RigLine, ...]


def live_rack(url: str, found: Mapping[str, Any], notes: Sequence[str]) -> LiveRack:
    """Read the answer of ``/status`` of the service at ``url``; a newer service may have added fields.

    ``notes`` are the sentences on the whole rack, as ``cellrig status`` prints them.
    """
    rows = found["channels"]
    runs = [_update(row["run"]) for row in rows if row["run"] is not None]
    working = [RigLine(row["channel"], row["words"], needs=True) for row in rows if row["works_without_run"]]
    return LiveRack(
        url,
        len(rows),
        {update.run_id: update for update in runs},
        tuple(notes),
        tuple(working),
    )


def _update(row: Mapping[str, Any]) -> RunUpdate:
    known = {name: value for name, value in row.items() if name in _KNOWN}
    known |= {"state": RunState(known["state"]), "end_known_by": EndBasis(known["end_known_by"])}
    return RunUpdate(**known)
