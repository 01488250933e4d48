"""The rack in lines for people, from the answer of ``/status``: what each channel does, and what concerns them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.cli.output import print_table, say
from orchestrator.cli.tables import Column

_DOES = Column("what it does", least=20)
_OVENS = (Column("oven"), _DOES)


def print_rack(found: Mapping[str, Any]) -> None:
    """Print what concerns all channels, what each does, what each oven does, and what was never commissioned."""
    if lines := notes(found):
        say("\n".join(lines))
        say("")
    print_table(channel_columns(found), channel_rows(found))
    if ovens := oven_rows(found):
        print_table(_OVENS, ovens, "Ovens")
    # Behind what is going on: it concerns no run of today. A service that began before an update of cellrig tells none.
    if untried := found.get("uncommissioned", ()):
        say("")
        say("\n".join(untried))


def notes(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences on the whole rack: what is not known, what does not work, where a person is needed."""
    lines = ["simulated instruments: no cell is real"] if found["simulated"] else []
    lines += rack_notes(found)
    acting = [row["channel"] for row in found["channels"] if row["needs_person"]]
    acting += [row["name"] for row in _ovens(found) if row["needs_person"]]
    return [*lines, f"a person is needed at {', '.join(acting)}"] if acting else lines


def rack_notes(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences on what is not known of the rack, and what does not work."""
    unreachable = [
        f"{name} does not answer: nobody watches its channels; see bench check" for name in found["unreachable"]
    ]
    return [*found["undecided"], *unreachable, *found["troubles"]]


def channel_columns(found: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns of the channels: with the temperatures of their places only where there are any."""
    place = (Column("place", "degC", decimals=1),) if _has_temperatures(found) else ()
    return (Column("channel"), *place, _DOES)


def channel_rows(found: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return each channel with the temperature of its place, where any has one, and what it does."""
    there = _has_temperatures(found)
    return [
        (row["channel"], *((row["temperature_degc"],) if there else ()), _with_claim(row)) for row in found["channels"]
    ]


def oven_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each oven with what it does."""
    return [(row["name"], row["words"]) for row in _ovens(found)]


def _has_temperatures(found: Mapping[str, Any]) -> bool:
    return any(row.get("temperature_degc") is not None for row in found["channels"])


def _ovens(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the ovens; a service that began before an update of cellrig tells of none."""
    rows: Sequence[Mapping[str, Any]] = found.get("ovens", ())
    return rows


def _with_claim(row: dict[str, Any]) -> str:
    claim = row["claim"]
    return f"{row['words']} [claimed by {claim['owner']}]" if claim else str(row["words"])
