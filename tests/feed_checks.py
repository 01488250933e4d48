"""What a stranger has got of the MQTT feed against the store: nothing missing, nothing out of order, doubles marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

EVENTS = "SELECT event.id, event.run_id, kind, message, channel FROM event LEFT JOIN run USING (run_id) ORDER BY id"
CYCLES = (
    "SELECT run_id, cycle, charge_capacity_ah, discharge_capacity_ah FROM cycle JOIN test ON test.id = test "
    "ORDER BY run_id, cycle"
)
_VALUES = ("charge_capacity_ah", "discharge_capacity_ah")
Row = Mapping[str, Any]


def wrong_events(stored: Iterable[Row], came: Sequence[Row]) -> Iterator[str]:
    """Say what is wrong with the events that came, in the order of their coming; ``stored`` are rows of ``EVENTS``."""
    rows: dict[int, Row] = {}
    previous: dict[int, int | None] = {}
    before: dict[str | None, int] = {}
    for row in stored:
        rows[row["id"]] = row
        previous[row["id"]] = before.get(row["channel"])
        before[row["channel"]] = row["id"]
    last: dict[str | None, int] = {}
    for body in came:
        number, channel = body["sequence"], body["channel"]
        row = rows.get(number, {"message": None, "channel": None})
        if (row["message"], row["channel"]) != (body["sentence"], channel):
            yield f"event {number} came as {body['sentence']!r}, the store has {dict(row)}"
        elif body["previous"] != previous[number]:
            yield f"event {number} says that {body['previous']} is before it, not {previous[number]}"
        if number <= last.get(channel, 0) and not body["repeat"]:
            yield f"event {number} came behind {last[channel]} and does not say that it is repeated"
        last[channel] = max(number, last.get(channel, 0))


def missing_events(stored: Iterable[Row], came: Iterable[Row]) -> list[int]:
    """Return the numbers of events that never came, from the first that did on."""
    numbers = {body["sequence"] for body in came}
    return [row["id"] for row in stored if numbers and row["id"] > min(numbers) and row["id"] not in numbers]


def wrong_cycles(stored: Iterable[Row], came: Iterable[Row]) -> Iterator[str]:
    """Say which cycles came last with other values than those of the store; ``stored`` are rows of ``CYCLES``."""
    newest = {(body["run_id"], body["sequence"]): body for body in came}
    for row in stored:
        body = newest.get((row["run_id"], row["cycle"]))
        if body is not None and any(body[name] != row[name] for name in _VALUES):
            yield f"cycle {row['cycle']} of {row['run_id']} came as {dict(body)}, the store has {dict(row)}"


def missing_cycles(stored: Iterable[Row], came: Iterable[Row]) -> list[tuple[str, int]]:
    """Return the cycles that never came, by run and number."""
    there = {(body["run_id"], body["sequence"]) for body in came}
    return [(row["run_id"], row["cycle"]) for row in stored if (row["run_id"], row["cycle"]) not in there]
