"""Opens a ``.bdf.csv`` with navani; prints what it has read, in its units: mA and mAh."""

import json
import sys

import navani.echem as ec

table = ec.echem_file_loader(sys.argv[1])
names = {"Time": "time_s", "Voltage": "voltage_v", "Current": "current_ma", "Capacity": "capacity_mah"}
told = {short: table[name].tolist() for name, short in names.items()}
sys.stdout.write(json.dumps(told | {"full_cycles": int(table["full cycle"].max())}))
