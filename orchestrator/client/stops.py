"""Follows stops that the service has taken and not confirmed yet, until the tester confirms them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator.client.paths import channel_path

if TYPE_CHECKING:
    from orchestrator.client.service_client import ServiceClient

# A tester that answers confirms a stop in some 10 s, by the last rung of its ladder in minutes.
CONFIRMED_WITHIN_S = 60.0
_ASK_EVERY_S = 1.0


def followed_stops(
    client: ServiceClient,
    rows: list[dict[str, Any]],
    told: Callable[[dict[str, Any]], object],
    longest_s: float = CONFIRMED_WITHIN_S,
) -> list[dict[str, Any]]:
    """Wait for the end of stops that are pending at a tester that answers; the others are returned as they are.

    ``rows`` are the service's reports of stops; ``told`` gets each report that is final. Raises NotServed.
    """
    until_s = time.monotonic() + longest_s
    while time.monotonic() < until_s and any(is_worth_waiting(row) for row in rows):
        time.sleep(_ASK_EVERY_S)
        for n, row in enumerate(rows):
            if not is_worth_waiting(row):
                continue
            now = client.get(channel_path(row["channel"]))["stop"]
            if now is not None and not now["pending"]:
                rows[n] = {**row, **now}
                told(rows[n])
    return rows


def is_worth_waiting(row: dict[str, Any]) -> bool:
    """Return whether a stop that is not confirmed is waited for: a tester that does not answer is not."""
    return bool(row["pending"] and row["answers"])
