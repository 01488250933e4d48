#!/bin/sh
# neware-utils writes currents into a step file for Neware's BTS in whole milliamperes, cut off: 0.22 mA becomes 0.
#
# Tried: neware-utils 1.0.1 with numpy 2.4.6, Python 3.11, on 2026-11-28.
#
# Expected: the file's unit is mA with decimals, so that a charge of 0.22 mA is written as 0.22, as BTS writes it itself.
# Seen: 0.22 mA is "0", 1.9 mA is "1", a limit of current of 0.3 mA is "0", and so is a record every 10 uA. Volts and
# seconds are cut to 0.1 mV and 1 ms, which loses nothing. No error, no warning.
# Whom it meets: who makes step files for coin cells with it: most currents of such cells are below 1 mA.
# What to do: look at Curr in the file before it is loaded, or write it with a program that keeps decimals.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install 'neware-utils==1.0.1' 'numpy==2.4.6' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import sys
import warnings

from neware_utils.protocols.protocol import Protocol
from neware_utils.protocols.step_modes import CC_CHG, CC_DCHG, END

warnings.simplefilter("error")
made = Protocol("lab", "coin cell")
made.set_sampling_intervals("time", 30)
made.set_sampling_intervals("current", 0.00001)
made.set_protection_limits("current", -0.0003, 0.0003)
made.add_step(CC_CHG.create(0.00022, cutoff_voltage=4.0))
made.add_step(CC_DCHG.create(0.0019, cutoff_voltage=2.8))
made.add_step(END.create())
file = made.to_xml()
found = {
    "charge": file.find(".//Step1/Limit/Main/Curr").get("Value"),
    "discharge": file.find(".//Step2/Limit/Main/Curr").get("Value"),
    "limit": file.find(".//Protect/Main/Curr/Upper").get("Value"),
    "record": file.find(".//Record/Main/Curr").get("Value"),
    "end of the charge": file.find(".//Step1/Limit/Main/Stop_Volt").get("Value"),
}
print("set: 0.22 mA, 1.9 mA, 0.3 mA, 0.01 mA, 4.0 V; written:", found)
sys.exit(0 if list(found.values()) == ["0", "1", "0", "0", "40000"] else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: neware-utils cuts currents to whole milliamperes"
