"""Writes the LFP reference curves that ``tests/test_cell_against_pybamm.py`` holds the cell model against.

Run by hand, when the reference should follow another version of PyBaMM; nothing else needs PyBaMM, so it belongs in
an environment of its own::

    python -m venv reference && reference/bin/pip install pybamm
    reference/bin/python -m benchmarks.pybamm_reference            # writes tests/golden/lfp-prada2013.csv
    reference/bin/python -m benchmarks.pybamm_reference other.csv

Three curves against lithium, over the lithium fraction of the positive electrode: the parameter set's open-circuit
potential, and a discharge and a charge of its single-particle half-cell between 2.8 and 4.0 V at the current that
passes the electrode's whole capacity in an hour. The set has no lithium electrode; that one is lent by Xu2019.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

PARAMETER_SET, LITHIUM_SET = "Prada2013", "Xu2019"
LITHIUM_KEYS = (
    "Exchange-current density for lithium metal electrode [A.m-2]",
    "Lithium metal partial molar volume [m3.mol-1]",
)
TARGET = Path(__file__).resolve().parent.parent / "tests" / "golden" / "lfp-prada2013.csv"
HEADER = "curve,lithium_fraction [1],voltage [V]"
LOW_V, HIGH_V = 2.8, 4.0
# Thousandths of the lithium fraction: close together where the curve is steep.
GRID = (*range(0, 100, 2), *range(100, 800, 20), *range(800, 1000, 4), 1000)
# Neither half-cycle may begin beyond its cutoffs: the open circuit is 3.5 V at the first and 3.0 V at the last.
FIRST, LAST = 10, 970

Row = tuple[str, float, float]


def open_circuit() -> Iterator[Row]:
    """Give the potential that the parameter set states for its positive electrode."""
    import pybamm

    potential = pybamm.ParameterValues(PARAMETER_SET)["Positive electrode OCP [V]"]
    for thousandths in GRID:
        yield "open-circuit", thousandths / 1000, float(potential(thousandths / 1000))


def half_cycle(curve: str, *, start: int, direction: int) -> Iterator[Row]:
    """Fill the electrode with lithium (direction +1) or empty it (-1), from a start in thousandths, to its cutoff."""
    import pybamm

    values, lent = pybamm.ParameterValues(PARAMETER_SET), pybamm.ParameterValues(LITHIUM_SET)
    values.update({key: lent[key] for key in LITHIUM_KEYS})
    most = values["Maximum concentration in positive electrode [mol.m-3]"]
    volume_m3 = (
        values["Electrode height [m]"] * values["Electrode width [m]"] * values["Positive electrode thickness [m]"]
    )
    sites = most * volume_m3 * values["Positive electrode active material volume fraction"]
    values.update(
        {
            "Current function [A]": direction * sites * pybamm.constants.F.value / 3600.0,
            "Initial concentration in positive electrode [mol.m-3]": most * start / 1000,
            "Lower voltage cut-off [V]": LOW_V,
            "Upper voltage cut-off [V]": HIGH_V,
        }
    )
    model = pybamm.lithium_ion.SPM({"working electrode": "positive"})
    # One point a hundredth of the capacity, 36 s apart.
    moments = [36.0 * point for point in range(101)]
    solution = pybamm.Simulation(model, parameter_values=values).solve([0.0, 3600.0], t_interp=moments)
    for time_s, voltage_v in zip(solution["Time [s]"].entries, solution["Voltage [V]"].entries, strict=True):
        yield curve, start / 1000 + direction * float(time_s) / 3600.0, float(voltage_v)


def main(arguments: list[str]) -> int:
    """Write the file; say what to install where PyBaMM is missing."""
    os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")
    try:
        import pybamm
    except ModuleNotFoundError as err:
        if err.name != "pybamm":
            raise
        print("PyBaMM is missing here; install it into an environment of its own: pip install pybamm", file=sys.stderr)
        return 1
    rows = [
        *open_circuit(),
        *half_cycle("discharge-1c", start=FIRST, direction=1),
        *half_cycle("charge-1c", start=LAST, direction=-1),
    ]
    title = (
        f"# PyBaMM {pybamm.__version__} (BSD-3-Clause), parameter set {PARAMETER_SET}, positive electrode against "
        f"lithium (lithium kinetics: {LITHIUM_SET}), 298 K; made by benchmarks/pybamm_reference.py"
    )
    lines = [title, HEADER, *(f"{curve},{fraction:.4f},{voltage_v:.5f}" for curve, fraction, voltage_v in rows)]
    target = Path(arguments[0]) if arguments else TARGET
    target.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{len(rows)} points written to {target.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
