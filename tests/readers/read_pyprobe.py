"""Opens a folder of ``--to pyprobe``, and a Neware CSV, with PyProBE; prints what it has read."""

import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import polars as pl
from pyprobe.cell import Cell, make_cell_list


def cycles(experiment: Any) -> list[tuple[float, float]]:  # noqa: ANN401 - of PyProBE
    """Give charge and discharge in Ah of each cycle that PyProBE finds."""
    found: list[tuple[float, float]] = []
    try:
        while True:
            cycle = experiment.cycle(len(found))
            found.append((cycle.charge().capacity, cycle.discharge().capacity))
    except ValueError:
        return found


def facts(table: pl.DataFrame) -> dict[str, Any]:
    """Give the columns that are compared."""
    names = {"Time [s]": "time_s", "Voltage [V]": "voltage_v", "Current [A]": "current_a", "Capacity [Ah]": "net_ah"}
    return {short: table[name].to_list() for name, short in names.items()}


def main(folder: Path, neware: Path) -> dict[str, Any]:
    """Read both."""
    (cell,) = make_cell_list(str(folder / "record.xlsx"), "record")
    (data,) = folder.glob("*.parquet")
    cell.import_data("run", str(data))
    run = cell.procedure["run"]
    other = Cell(info={"Name": "neware"})
    with tempfile.TemporaryDirectory() as place:
        converted = str(Path(place) / "neware.parquet")
        other.import_from_cycler("run", "neware", str(neware), output_data_path=converted)
        neware_facts = facts(other.procedure["run"].data)
    return {
        "name": cell.info["Name"],
        "columns": facts(run.data),
        "events": run.data["Event"].n_unique(),
        "cycles": {name: cycles(run.experiment(name)) for name in run.experiment_names if "cycles" in name},
        "rows": {name: run.experiment(name).data.height for name in run.experiment_names},
        "neware": neware_facts,
    }


warnings.simplefilter("ignore")
sys.stdout.write(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
