#!/bin/sh
# The Kramers-Kronig test of the impedance package raises NameError with numpy 2, whatever it is asked.
#
# Tried: impedance 1.7.1 with numpy 2.4.6, scipy 1.17.1 and pandas 3.1.1, Python 3.11, on 2026-11-27.
#
# Expected: linKK(frequency, impedance) gives the number of elements, mu, a fit and its residuals. The package asks for
# numpy without an upper bound, so pip installs numpy 2 beside it.
# Seen: "NameError: name 'np' is not defined" for the fit types real, imag and complex. The package writes numbers into
# source text and evaluates it; numpy 2 writes np.float64(1.0) where numpy 1 wrote 1.0. Also seen: the package imports
# pandas and does not ask for it, so that a plain installation fails at the import of its circuits.
# Whom it meets: who checks a spectrum that cellrig exported with the package that the field uses for it.
# What to do: install pandas too, and call linKK inside numpy.printoptions(legacy="1.25").
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install \
    'impedance==1.7.1' 'numpy==2.4.6' 'scipy==1.17.1' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import subprocess
import sys

import numpy

# A film of 30 ohm and two interfaces of 60 ohm together, from 100 kHz to 0.1 Hz: a spectrum that obeys Kramers and Kronig.
frequency = numpy.logspace(5, -1, 73)
spectrum = 30 + 60 / (1 + 2j * numpy.pi * frequency * 60 * 2e-6)

undeclared = subprocess.run(
    [sys.executable, "-c", "import impedance.models.circuits"], capture_output=True, text=True
).stderr.strip()
print("without pandas:", undeclared.splitlines()[-1] if undeclared else "imported")
pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "pandas==3.1.1"]
subprocess.run(pip, check=True)

from impedance.validation import linKK

raised = []
for fit in ("real", "imag", "complex"):
    try:
        linKK(frequency, spectrum, fit_type=fit)
    except NameError as error:
        raised.append(str(error))
    print(f"{fit}: {raised[-1] if raised else 'no error'}")
with numpy.printoptions(legacy="1.25"):
    _, _, _, real, imaginary = linKK(frequency, spectrum, c=None, max_M=40, fit_type="complex")
largest = float(max(abs(real).max(), abs(imaginary).max()))
print(f"with numpy's old way to write numbers: residuals below {largest:.2e} of the modulus")
still = len(raised) == 3 and all("'np'" in text for text in raised) and "No module named 'pandas'" in undeclared
sys.exit(0 if still and largest < 0.02 else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: linKK raises NameError with numpy 2"
