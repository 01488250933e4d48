"""What people run at the vendor's program: a usual schedule for each kind of cell, and a rack full of tests.

Some of the tests may have faults, so that who audits such a rack has something to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from simulators.cells.lfp import IronPhosphateCell
from simulators.cells.licu import LithiumCopperCell
from simulators.cells.model import CellModel
from simulators.cells.varied_cell import VariedCell
from simulators.neware.plants import RecordFault, RecordPlant
from simulators.neware.tester import Tester
from simulators.neware.vendor import Protections, StepFile, VendorProgram, current, held, loop, rest

# Currents that these cells bear, and the limits of their kind.
FILES: Mapping[str, StepFile] = {
    "li-li": StepFile(
        [rest(1800), current(4e-4, 3600), current(-4e-4, 3600), loop(2, 400)], Protections(0.5, -0.5, 1e-3)
    ),
    "lfp": StepFile(
        [
            rest(1800),
            held(4e-4, 3.8, 4e-5, 36000),
            rest(600),
            current(-4e-4, 36000, 2.5),
            rest(600),
            loop(2, 400),
        ],
        Protections(3.9, 2.0, 1e-3),
    ),
    "li-cu": StepFile(
        [rest(1800), current(-4e-4, 3600), current(4e-4, 7200, 0.5), loop(2, 400)], Protections(3.5, -0.5, 1e-3)
    ),
}

# Of a rack with faults, by the number of the channel: records from this one on.
_FAULTS: Mapping[int, RecordPlant] = {
    2: RecordPlant(RecordFault.CAPACITY, 100, 1.02),
    3: RecordPlant(RecordFault.LOST, 200, 12),
    6: RecordPlant(RecordFault.CLOCK_SET, 150, 3600.0),
}
_WITHOUT_LIMITS = 4


def usual_file(model: str) -> StepFile:
    """Return the usual schedule of a cell model, by the end of its name."""
    return FILES[next(kind for kind in FILES if model.endswith(kind))]


def start_everywhere(tester: Tester, folder: Path, *, with_faults: bool) -> list[str]:
    """Start the usual test on each channel whose unit can run it; return the channels."""
    vendor, started = VendorProgram(tester, folder), []
    for number, (name, channel) in enumerate(tester.channels.items(), 1):
        kind = _kind(channel.cell)
        if kind != "lfp" and not channel.unit.ratings.negative_voltage:
            continue
        file = FILES[kind]
        if with_faults and number == _WITHOUT_LIMITS:
            file = replace(file, protections=Protections(None, None, None))
        test = vendor.start(name, file, f"cell_{number}")
        test.plant = _FAULTS.get(number) if with_faults else None
        started.append(name)
    return started


def _kind(cell: CellModel) -> str:
    bare = cell.inner if isinstance(cell, VariedCell) else cell
    return "lfp" if isinstance(bare, IronPhosphateCell) else "li-cu" if isinstance(bare, LithiumCopperCell) else "li-li"
