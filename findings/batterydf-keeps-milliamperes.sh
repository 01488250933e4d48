#!/bin/sh
# batterydf writes the milliamperes of a Neware table under "Current / A", and its hours under "Test Time / s".
#
# Tried: batterydf 0.1.0 with pandas 3.1.1, Python 3.11, on 2026-11-28.
#
# Expected: the package recognises the table by its columns (neware-csv), so it turns mA into A and hh:mm:ss into seconds.
# Seen: only the headers change. "Current(mA)" 0.2 is "Current / A" 0.2, a thousand times too much, and "Total Time"
# 01:00:02 is "Test Time / s" 01:00:02. All columns stay text. No error, no warning.
# Whom it meets: who makes files of the Battery Data Format from the tester's own tables, to lay them beside an export.
# What to do: convert the units first, or take the tester's .ndax through fastnda; compare one current with the tester's.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install 'batterydf==0.1.0' 'pandas==3.1.1' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import csv
import sys
import warnings
from pathlib import Path

import bdf

warnings.simplefilter("error")
warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, about how it is called
HEADER = ("DataPoint", "Cycle Index", "Step Index", "Step Type", "Time", "Total Time", "Current(mA)", "Voltage(V)")
path = Path(sys.argv[1]) / "cell.csv"
with path.open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(HEADER)
    for k in range(5):
        table.writerow([k + 1, 1, 1, "CC Chg", f"01:00:0{k}", f"01:00:0{k}", "0.2000", f"{3.7 + k / 1000:.4f}"])
read = bdf.read(path)
third = {name: read[name].iloc[2] for name in ("Test Time / s", "Voltage / V", "Current / A")}
print("written: 0.2 mA, 3602 s, 3.702 V; read:", ", ".join(f"{name} {value!r}" for name, value in third.items()))
sys.exit(0 if third == {"Test Time / s": "01:00:02", "Voltage / V": "3.7020", "Current / A": "0.2000"} else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" "$folder" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: batterydf leaves mA under Current / A"
