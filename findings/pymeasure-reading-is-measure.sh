#!/bin/sh
# PyMeasure reads the voltage and the current of a Keithley 2400 by :MEASURE, which undoes the settings made before.
#
# Tried: PyMeasure 0.16.0 with Python 3.11 on Linux, on 2026-11-28; what it sends was recorded, no instrument was asked.
#
# Expected: after compliance_current and source_current are set, looking at .voltage or .current asks for a reading.
# Seen: each look sends :MEASURE:VOLTAGE? or :MEASURE:CURRENT?. By the user's manual of the 2400 (section 17, signal
# oriented commands) that one command configures the function anew: range and compliance of it go back to their values
# after a reset (21 V, 105 uA), and it switches the output on. The class for the 2450 sends :READ? for the same look.
# Whom it meets: who looks at a cell at the leads of a 2400 "only to read its voltage": its output is on afterwards, and
# the compliance that was to protect the cell is another.
# What to do: ask :READ? with the functions and ranges set before, and read the compliance back (drivers/smu does).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install 'PyMeasure==0.16.0' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import sys

from pymeasure.adapters import Adapter
from pymeasure.instruments.keithley import Keithley2400, Keithley2450


class Recorder(Adapter):
    """Keeps what is sent, and answers every question with a number."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def _write(self, command, **_):
        self.sent.append(command)

    def _read(self, **_):
        return "1.0"


def look(kind, quantity):
    """Give what one look at a quantity sends."""
    recorder = Recorder()
    instrument = kind(recorder)
    instrument.compliance_current = 1e-3
    recorder.sent.clear()
    getattr(instrument, quantity)
    return recorder.sent


found = {(kind.__name__, quantity): look(kind, quantity) for kind in (Keithley2400, Keithley2450)
         for quantity in ("voltage", "current")}
for (kind, quantity), sent in found.items():
    print(f"{kind}.{quantity} sends {' and '.join(sent)}")
same = all(sent[0].startswith(":MEASURE:") for (kind, _), sent in found.items() if kind == "Keithley2400")
other = all(sent == [":READ?"] for (kind, _), sent in found.items() if kind == "Keithley2450")
sys.exit(0 if same and other else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: PyMeasure looks at a Keithley 2400 by :MEASURE"
