"""Reads a .ndax with NewareNDA, the tester's own cycle numbers; prints its columns."""

import json
import sys

import NewareNDA

frame = NewareNDA.read(sys.argv[1], software_cycle_number=False)
names = ["Index", "Cycle", "Step", "Step_Index", "Status", "Time", "Voltage", "Current(mA)"]
amount = frame["Charge_Capacity(mAh)"] + frame["Discharge_Capacity(mAh)"]
columns = {name: frame[name].tolist() for name in names} | {"capacity": amount.tolist()}
columns["unix"] = [moment.timestamp() for moment in frame["Timestamp"]]
sys.stdout.write(json.dumps(columns))
