"""Opens a Neware CSV with cellpy, as the model ``TIOTECH``; prints what it has read, in its units: mA and mAh."""

import json
import logging
import sys
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

import cellpy  # noqa: E402 - its warnings on import are no concern of ours

cell = cellpy.get(sys.argv[1], instrument="neware_txt", model="TIOTECH", cycle_mode="full_cell", mass=1.0)
raw, summary = cell.data.raw, cell.data.summary
told = {
    "time_s": raw["test_time"].tolist(),
    "voltage_v": raw["potential"].tolist(),
    "current_ma": raw["current"].tolist(),
    "cycle": raw["cycle_num"].tolist(),
    "cycles": summary[["cycle_num", "charge_capacity", "discharge_capacity"]].to_numpy().tolist(),
}
sys.stdout.write("\n" + json.dumps(told))
