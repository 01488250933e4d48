"""A bench file with one tester, to which a test adds tables."""

from __future__ import annotations

import json
from pathlib import Path


def bench_file(folder: Path, more: str = "") -> Path:
    """Write a bench file with one tester whose channels go below zero volts."""
    path = folder / "bench.toml"
    path.write_text(
        f'[[tester]]\nname = "ct4008"\nhost = "127.0.0.1"\nport = 1\nstep_files = {json.dumps(str(folder))}\n'
        f"step_files_on_bts_pc = {json.dumps(str(folder))}\n"
        f"[[tester.units]]\ndevid = 21\nsubdevid = 1\nvoltage_low_v = -5.0\n{more}"
    )
    return path
