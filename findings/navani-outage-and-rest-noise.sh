#!/bin/sh
# navani counts current over time in which nothing was recorded, and 20 nA of noise at rest as cycles.
#
# Tried: navani 0.1.22 with numpy 1.26.4 and pandas 2.3.3, Python 3.11, on 2026-11-28.
#
# Expected: a file of the Battery Data Format whose columns Cycle Count, Step Type and Step Cumulative Capacity say it all
# gives that cycle and that capacity, or the reader says that it takes neither.
# Seen: all three columns are left aside, without a warning. The capacity is each record's current times the time since
# the record before it: one hour without power in the middle of a charge of 1 mAh makes it 2 mAh. A cycle is two changes
# of the current's sign: two rests whose current is noise of plus and minus 20 nA make 32 cycles of one, although their
# records are labelled REST. With rests of exactly 0 A and no outage both numbers are right.
# Whom it meets: who opens an honest export: cellrig keeps the gaps of time and writes the rest current that was measured.
# What to do: take the capacity from Step Cumulative Capacity; set the current of records with Step Type REST to 0 before.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install \
    'navani==0.1.22' 'numpy==1.26.4' 'pandas==2.3.3' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import csv
import sys
import warnings
from pathlib import Path

from navani.echem import echem_file_loader

HEADER = (
    "Test Time / s", "Voltage / V", "Current / A", "Cycle Count / 1", "Step Type", "Step Cumulative Capacity / Ah"
)
STEPS = (("CC_CHG", 1e-3, 60), ("REST", 0.0, 30), ("CC_DCH", -1e-3, 60), ("REST", 0.0, 30))


def write(path: Path, outage_s: float, noise_a: float) -> Path:
    """Write one cycle of 1 mAh, a record a minute; the outage stands in the middle of the charge."""
    time_s = 0.0
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for kind, current_a, minutes in STEPS:
            for minute in range(minutes + 1):
                time_s += 60 if minute else 0
                time_s += outage_s if kind == "CC_CHG" and minute == 30 else 0
                flows_a = current_a or noise_a * (-1) ** minute
                table.writerow([time_s, 3.5 + current_a * minute, flows_a, 1, kind, current_a * minute / 60])
    return path


folder = Path(sys.argv[1])
found, said = {}, []
for name, outage_s, noise_a in (("plain", 0, 0.0), ("outage of 1 h", 3600, 0.0), ("noise of 20 nA", 0, 20e-9)):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = echem_file_loader(write(folder / f"{name.replace(' ', '-')}.bdf.csv", outage_s, noise_a))
    said += [str(warning.message) for warning in caught]
    charge = read[read["Step Type"] == "CC_CHG"]
    found[name] = (round(float(charge["Capacity"].max()), 6), int(read["full cycle"].max()))
    written = 1e3 * charge["Step Cumulative Capacity / Ah"].max()
    print(f"{name}: charged {found[name][0]} mAh, {found[name][1]} cycles; the file says {written} mAh, 1 cycle")
print("warnings:", said or "none")
plain, outage, noise = found.values()
sys.exit(0 if plain == (1.0, 1) and outage == (2.0, 1) and noise == (1.0, 32) and not said else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" "$folder" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: navani counts current over an outage, and noise at rest as cycles"
