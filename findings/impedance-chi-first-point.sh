#!/bin/sh
# impedance leaves out the highest frequency of a CH Instruments file that has no blank line below its header.
#
# Tried: impedance 1.7.1 with numpy 2.4.6, scipy 1.17.1 and pandas 3.1.1, Python 3.11, on 2026-11-28.
#
# Expected: readCHInstruments gives every point of the file, or raises where it does not know the layout.
# Seen: with the blank line it gives three of three points. Without it two: the line below the header is skipped whatever
# it holds, without an error. The first point of a sweep is its highest frequency, by which the resistance of the
# electrolyte is read.
# Whom it meets: who opens a CHI file that was cleaned by hand or by a script that drops blank lines.
# What to do: keep the blank line (cellrig's chi-txt has it); compare the number of points.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install \
    'impedance==1.7.1' 'numpy==2.4.6' 'scipy==1.17.1' 'pandas==3.1.1' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import sys
import warnings
from pathlib import Path

from impedance.preprocessing import readCHInstruments

warnings.simplefilter("error")
HEADER = "A.C. Impedance\n\nFreq/Hz, Z'/ohm, Z\"/ohm, Z/ohm, Phase/deg\n"
POINTS = (
    "1.000e+5, 3.000e+1, -8.000e-1, 3.001e+1, -1.5\n"
    "1.000e+3, 5.000e+1, -2.900e+1, 5.780e+1, -30.1\n"
    "1.000e+1, 9.000e+1, -1.000e-1, 9.000e+1, -0.1\n"
)
found = {}
for name, between in (("with the blank line", "\n"), ("without it", "")):
    path = Path(sys.argv[1]) / "spectrum.txt"
    path.write_text(HEADER + between + POINTS)
    frequency_hz, _ = readCHInstruments(str(path))
    found[name] = frequency_hz.tolist()
    print(f"{name}: {len(found[name])} of 3 points, the highest at {max(found[name]):g} Hz")
sys.exit(0 if list(found.values()) == [[1e5, 1e3, 10.0], [1e3, 10.0]] else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" "$folder" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: impedance leaves out the first point without the blank line"
