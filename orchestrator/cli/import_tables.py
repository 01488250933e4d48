"""The file of an imported run and what was decided about it, as ``cellrig import`` and ``cellrig show`` print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.cli.output import heading, print_table, say
from orchestrator.cli.tables import Column
from orchestrator.clock.local_time import local_time

_WIDTH = 19


def print_decisions(decisions: Sequence[Mapping[str, str]], title: str | None = None, chosen: str = "") -> None:
    """Print what was decided about a file, each with what told it."""
    rows = [(one["what"], one["value"], one["told_by"]) for one in decisions]
    print_table((Column("about"), Column("decided", least=20), Column("told by", least=20)), rows, title, chosen)


def print_import(file: Mapping[str, Any], kept: Sequence[tuple[str, str]], chosen: str) -> None:
    """Print the file that a run was imported from, as ``ImportedFile.as_dict`` has it, and what was kept beside it."""
    heading("Import")
    for name, value in (
        ("file", f"{file['file']}, {file['part']}" if file["part"] else file["file"]),
        ("SHA-256", file["sha256"]),
        ("format", f"{file['format']}, read by {file['reader']}"),
        ("imported", f"{local_time(file['imported_unix_s'])} by {file['imported_by'] or '-'}"),
        *kept,
    ):
        say(f"{name:{_WIDTH}}{value}", _WIDTH)
    print_decisions(file["decisions"], "Decisions", chosen)
