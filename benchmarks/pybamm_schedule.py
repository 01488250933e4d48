"""Beside channel-hours: PyBaMM's single-particle and equivalent-circuit models solve the same schedule, and only that.

One cell, half-cycles of an hour each way at a tenth of its capacity an hour, from half charge, a value a minute; no
tester, no wire, no store. PyBaMM belongs into an environment of its own, whose Python the environment names::

    python -m venv reference && reference/bin/pip install pybamm
    CELLRIG_PYBAMM_PYTHON=reference/bin/python python -m benchmarks hours

That Python runs this file with the number of hours, and gets back one JSON document.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

PYTHON = "CELLRIG_PYBAMM_PYTHON"
# What a figure is called, the class of the model, and where its parameters have the capacity.
_MODELS = (
    ("SPM", "lithium_ion", "SPM", "Nominal cell capacity [A.h]"),
    ("equivalent circuit", "equivalent_circuit", "Thevenin", "Cell capacity [A.h]"),
)
_RATE_PER_H = 0.1


def solved(hours: int) -> dict[str, Any] | None:
    """Return version, and wall and processor time in s by model; None, and a sentence on stderr, without PyBaMM."""
    python = os.environ.get(PYTHON)
    if not python:
        print(f"PyBaMM is left out: {PYTHON} names no Python that has it ({__name__})", file=sys.stderr)
        return None
    # Isolated: its packages are its own, and the files beside this one hide none of them.
    found = subprocess.run([python, "-I", __file__, str(hours)], stdout=subprocess.PIPE, check=False, text=True)
    if found.returncode:
        print(f"PyBaMM is left out: {python} has ended with {found.returncode} ({__name__})", file=sys.stderr)
        return None
    # PyBaMM may print before it.
    answer: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return answer


def _solve(hours: int) -> dict[str, dict[str, float]]:
    import pybamm

    taken = {}
    for name, family, kind, capacity in _MODELS:
        model = getattr(getattr(pybamm, family), kind)()
        values = model.default_parameter_values
        current_a = _RATE_PER_H * values[capacity]
        ways = tuple(f"{way} at {current_a} A for 1 hour (1 minute period)" for way in ("Discharge", "Charge"))
        experiment = pybamm.Experiment([ways] * (hours // 2))
        half: dict[str, Any] = {"initial_soc": 0.5}
        if "Initial SoC" in values:
            values, half = pybamm.ParameterValues({**values, "Initial SoC": 0.5}), {}
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        simulation = pybamm.Simulation(model, experiment=experiment, parameter_values=values)
        solution = simulation.solve(**half)
        voltages = solution["Voltage [V]"].entries
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        if len(voltages) < hours * 60:
            raise SystemExit(f"{name}: {len(voltages)} values of {hours} h: the schedule was not solved to its end")
        taken[name] = {"wall_s": wall_s, "cpu_s": cpu_s}
    return taken


def main() -> int:
    """Solve the schedule with both models, and print the times."""
    import pybamm

    print(json.dumps({"version": pybamm.__version__, "models": _solve(int(sys.argv[1]))}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
