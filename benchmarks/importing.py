"""A .ndax brought into a store, beside fastnda alone, and beside NewareNDA and cellpy in environments of their own.

The file is made here: hours of charge and discharge by turns, with noise, a time of its own for each tenth record, as
testers write them. Each reads it in a process of its own, by turns. ``READERS`` names a folder of environments, with
``NewareNDA`` in ``newarenda`` and ``cellpy`` in ``cellpy``; without them those two are left out, with a word.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Aim, Figure, Size
from tests.ndax_files import CC_CHG, CC_DCHG, NdaxStep, write_ndax

_STEP_ROWS = 3600
_AIM = 0.5

_SCRIPTS = {
    "fastnda": "import fastnda; rows = fastnda.read(path).height",
    "table": """
from orchestrator.importing.importing import read_file
from orchestrator.importing.read_run import ImportOptions
rows = read_file(Path(path), ImportOptions()).table.height
""",
    "store": """
from orchestrator.importing.importing import import_file
from orchestrator.importing.read_run import ImportOptions
from orchestrator.store import open_store
with open_store(sys.argv[2]) as store:
    (done,) = import_file(store, Path(path), ImportOptions(), by="", progress=lambda _done, _all: None)
    rows = done.records
""",
    "NewareNDA": "import NewareNDA; rows = len(NewareNDA.read(path))",
    "cellpy": "import cellpy; rows = len(cellpy.get(path, instrument='neware_nda').data.raw)",
}
# What each imports before the clock runs.
_WARM = {
    "fastnda": "import fastnda, fastnda.ndax, polars",
    "table": "import fastnda, fastnda.ndax, polars, orchestrator.importing.neware_binary",
    "store": "import fastnda, fastnda.ndax, orchestrator.importing.neware_binary, orchestrator.importing.writing",
    "NewareNDA": "import NewareNDA, pandas",
    "cellpy": "import cellpy",
}


def measure(size: Size) -> list[Figure]:
    """Write a file, read it in turns, and give times and ratios."""
    rows, turns = size.of(3_600_000, 720_000, 36_000), size.of(3, 2, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.ndax"
        _write(path, rows)
        readers = {name: python for name in _SCRIPTS if (python := _python(name)) is not None}
        took: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(turns):
            for name, python in readers.items():
                found = _in_a_process(name, python, path, folder)
                assert found["rows"] == rows, (name, found)
                took[name].append(found["seconds"])
    best = {name: min(values) for name, values in took.items()}
    figures = [Figure(f"{name}: {rows} records of a .ndax", seconds, "s") for name, seconds in best.items()]
    figures += [
        Figure(f"speed of the {what} beside fastnda alone", best["fastnda"] / best[name], "x", Aim(_AIM, at_most=False))
        for what, name in (("table that is imported", "table"), ("import into a store", "store"))
    ]
    return figures


def _python(name: str) -> str | None:
    """Return the interpreter that has a reader; None, with a word, where there is none."""
    if name in ("fastnda", "table", "store"):
        return sys.executable
    folder = os.environ.get("READERS")
    path = None if folder is None else Path(folder) / name.lower() / "bin" / "python"
    if path is None or not path.exists():
        sys.stderr.write(f"importing: {name} is left out; READERS names no folder with an environment for it\n")
        return None
    return str(path)


def _in_a_process(name: str, python: str, path: Path, folder: str) -> dict[str, Any]:
    store = Path(folder) / "in.db"
    for old in Path(folder).glob("in.db*"):
        if old.is_file():
            old.unlink()
    code = (
        "import json, sys, time\nfrom pathlib import Path\npath = sys.argv[1]\n"
        f"{_WARM[name]}\nbegan = time.perf_counter()\n{_SCRIPTS[name]}\n"
        "print(json.dumps({'seconds': time.perf_counter() - began, 'rows': rows}))\n"
    )
    # Some readers leave logs where they are started.
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())} if python == sys.executable else None
    done = subprocess.run(
        [python, "-c", code, str(path), str(store)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _write(path: Path, rows: int) -> None:
    draws, clock_s, steps = np.random.default_rng(17), 1_700_000_000.0, []
    for number in range(rows // _STEP_ROWS):
        times = np.arange(_STEP_ROWS, dtype=np.float64)
        sign = 1 if number % 2 == 0 else -1
        steps.append(
            NdaxStep(
                CC_CHG if sign > 0 else CC_DCHG,
                1 + number % 2,
                1 + number // 2,
                times,
                clock_s + times,
                3.4 + 0.1 * sign + draws.normal(0.0, 1e-4, _STEP_ROWS),
                sign * 2e-4 + draws.normal(0.0, 1e-8, _STEP_ROWS),
            )
        )
        clock_s += _STEP_ROWS
    write_ndax(path, steps, every=10)
