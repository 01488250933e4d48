"""Gives the steps of a file to PyBaMM, and prints what it makes of them: value, kind, duration and ends of each."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pybamm

names: dict[str, object] = {}
exec(Path(sys.argv[1]).read_text(encoding="utf-8"), names)  # noqa: S102 - it is what its reader does
experiment = pybamm.Experiment(names["steps"], period=names["period"])
told = [
    {
        "kind": type(step).__name__,
        "value": float(step.value),
        "duration_s": step.duration,
        "period_s": step.period,
        "ends": [[type(end).__name__, float(end.value)] for end in step.termination],
    }
    for step in experiment.steps
]
sys.stdout.write(json.dumps(told) + "\n")
