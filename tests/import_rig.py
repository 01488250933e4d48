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
BDF = "Test Time / s,Unix Time / s,Voltage / V,Current / A,Cycle Count / 1,Step Count / 1,Step Type\n"
AT = 1_700_000_000


def imported(store: Store | None, path: Path, **options: Any) -> Imported:  # noqa: ANN401 - any option
    """Import a file that holds one run, and give what became of it."""
    (done,) = import_file(store, path, ImportOptions(**options), by="ada", progress=lambda _done, _all: None)
    return done


def half_cycles(path: Path) -> Path:
    """Write a table of somebody else: two cycles of a minute each way, ended by a voltage."""
    lines = []
    for count in range(4):
        for second in range(0, 61, 10):
            time_s, current = count * 60 + second, 1e-3 if count % 2 == 0 else -9e-4
            volt = 3.4 + (0.2 if count % 2 == 0 else -0.2) * second / 60
            word = "CC_CHG" if count % 2 == 0 else "CC_DCH"
            lines.append(f"{time_s},{AT + time_s},{volt:.4f},{current},{count // 2 + 1},{count + 1},{word}")
    path.write_text(BDF + "\n".join(lines) + "\n")
    return path
