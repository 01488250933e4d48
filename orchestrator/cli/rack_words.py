"""The rack in lines for people, from the answer of ``/status``: what each channel does, and what concerns them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.cli.output import print_table, say
from orchestrator.cli.tables import Column

CHANNELS = (Column("channel"), Column("what it does", least=20))


def print_rack(found: Mapping[str, Any]) -> None:
    """Print what concerns all channels, and what each does."""
    if lines := notes(found):
        say("\n".join(lines))
        say("")
    print_table(CHANNELS, channel_rows(found))


def notes(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences on the whole rack: what is not known, what does not work, where a person is needed."""
    lines = ["simulated instruments: no cell is real"] if found["simulated"] else []
    lines += rack_notes(found)
    acting = [row["channel"] for row in found["channels"] if row["needs_person"]]
    return [*lines, f"a person is needed at {', '.join(acting)}"] if acting else lines


def rack_notes(found: Mapping[str, Any]) -> list[str]:
    """Return the sentences on what is not known of the rack, and what does not work."""
    unreachable = [
        f"{name} does not answer: nobody watches its channels; see bench check" for name in found["unreachable"]
    ]
    return [*found["undecided"], *unreachable, *found["troubles"]]


def channel_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each channel with what it does."""
    return [(row["channel"], _with_claim(row)) for row in found["channels"]]


def _with_claim(row: dict[str, Any]) -> str:
    claim = row["claim"]
    return f"{row['words']} [claimed by {claim['owner']}]" if claim else str(row["words"])
