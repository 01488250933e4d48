"""Programs of the field that read what cellrig exports, runs and recipes, each in an environment of its own.

They exclude one another. ``python -m tests.readers`` makes the environments in the folder ``.readers``, and runs the
tests of ``tests/test_export_readers.py``, ``test_import_readers.py`` and ``test_exchange_readers.py`` with them.
Without them those tests are left out. A script here is run by the Python of its environment, knows nothing of cellrig,
and prints what it has read as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# What is installed into each environment, and the versions of Python that it runs on: from, and below.
READERS = {
    "batterydf": ("batterydf==0.1.0", (3, 11), (3, 14)),
    "cellpy": ("cellpy==2.1.5.post10", (3, 13), (3, 14)),
    "duckdb": ("duckdb==2.0.1", (3, 11), (3, 14)),
    "navani": ("navani==0.1.22", (3, 11), (3, 13)),
    "newarenda": ("NewareNDA==2026.6.11", (3, 11), (3, 14)),
    "pybamm": ("pybamm==26.10.1.1", (3, 11), (3, 14)),
    "pyprobe": ("PyProBE-Data==2.6.1", (3, 11), (3, 13)),
    "unicycler": ("aurora-unicycler==0.4.6", (3, 11), (3, 15)),
}
FOLDER = "READERS"
"""The variable that names the folder of the environments."""


_IMPORTED_AS = {"batterydf": "bdf", "newarenda": "NewareNDA", "unicycler": "aurora_unicycler"}


def python_of(reader: str) -> Path | None:
    """Return the interpreter that has a reader, ours if it is installed here; None where there is none."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return Path(sys.executable) if find_spec(_IMPORTED_AS.get(reader, reader)) is not None else None
    path = Path(folder) / reader / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return path if path.exists() else None


def read_by(reader: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
    """Run a reader's script in its environment, and return what it prints."""
    python = python_of(reader)
    assert python is not None
    script = Path(__file__).parent / f"read_{reader}.py"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), str(script), *map(str, arguments)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
