"""Files that are imported in tests, as the programs of others write them."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

from orchestrator.importing.importing import import_file
from orchestrator.importing.outcome import Imported
from orchestrator.importing.read_run import ImportOptions
from orchestrator.store import Store

UTC_ZONE = UTC


def imported(store: Store | None, path: Path, **options: Any) -> Imported:  # noqa: ANN401 - any option
    """Import a file that holds one run, and give what became of it."""
    (done,) = import_file(store, path, ImportOptions(**options), by="ada", progress=lambda _done, _all: None)
    return done
