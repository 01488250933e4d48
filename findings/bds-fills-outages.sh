#!/bin/sh
# bds fills an outage with records that nobody measured, and gives them a current that glides from charge to discharge.
#
# Tried: battery-data-standard 0.3.1 beside battery-data-steward 0.4.0 (the same tool under its later name), with pandas
# 3.1.1 and polars 2.1.0, Python 3.11, on 2026-11-28.
#
# Expected: "bds convert" writes the records of a file under other names. Where nothing was recorded, nothing stands.
# Seen: 30 records, every 10 s but for 10 minutes without power between the 15th and the 16th, come out of 0.3.1 as 89
# rows with exit status 0. The 59 new ones lie on straight lines: the current passes from +1 mA to -1 mA through 0, and no
# column tells them from those that were measured. The only word of it is one line deep in the report. It is the default
# of --time-sampling-policy; with "none" 30 stay 30, and so they do in 0.4.0 by default.
# Whom it meets: who converts an export of a run with an outage, and integrates the current or looks for the moment of a
# change in the result.
# What to do: use battery-data-steward 0.4.0, or give --time-sampling-policy none; compare the number of rows.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
for package in 'battery-data-standard==0.3.1' 'battery-data-steward==0.4.0'; do
    python3 -m venv "$folder/${package%%==*}" || exit 2
    "$folder/${package%%==*}/bin/python" -m pip --quiet --disable-pip-version-check install \
        "$package" 'pandas==3.1.1' 'polars==2.1.0' || exit 2
done

cat >"$folder/finding.py" <<'PYTHON'
import csv
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[1])
cell = folder / "cell.bdf.csv"
with cell.open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["Test Time / s", "Voltage / V", "Current / A"])
    for begins_s, current_a in ((0, 1e-3), (740, -1e-3)):
        table.writerows([begins_s + 10 * k, 3.7 + current_a * k, current_a] for k in range(15))


def convert(package: str, *options: str) -> tuple[int, set[float]]:
    """Give the number of rows that come out, and their currents in A."""
    out = folder / f"{package}{len(options)}.csv"
    subprocess.run(
        [folder / package / "bin" / "bds", "convert", cell, out, *options], check=True, capture_output=True
    )
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    (name,) = (name for name in rows[0] if name.startswith("Current"))
    return len(rows), {float(row[name]) for row in rows}


found = {
    "0.3.1": convert("battery-data-standard"),
    "0.3.1 with policy none": convert("battery-data-standard", "--time-sampling-policy", "none"),
    "0.4.0": convert("battery-data-steward"),
}
for name, (rows, currents) in found.items():
    between = sum(abs(current_a) < 1e-3 for current_a in currents)
    print(f"{name}: 30 records written, {rows} rows come out, {between} currents between the two that flowed")
filled, *kept = found.values()
still = filled[0] == 89 and len(filled[1]) > 50 and all(one == (30, {1e-3, -1e-3}) for one in kept)
sys.exit(0 if still else 1)
PYTHON
python3 "$folder/finding.py" "$folder" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: bds 0.3.1 fills an outage with rows that nobody measured"
