#!/bin/sh
# NewareNDA leaves out every record of an .ndax whose voltage is exactly 0.
#
# Tried: NewareNDA 2026.6.11 with pandas 3.1.1 beside fastnda 1.3.1 with polars 2.1.0, Python 3.11, on 2026-11-27.
#
# Expected: a reader gives as many records as the file says it has. Each page of the file counts its rows and marks the
# valid ones in a bit mask.
# Seen: of ten valid records, four of them at 0 V, NewareNDA gives six, without a warning, and the index has holes.
# fastnda gives all ten. Nothing is wrong with the values of those that are left.
# Whom it meets: who opens the tester's own backup of a Li/Li cell. Such a cell crosses 0 V in every half-cycle, rests
# there, and sits there when it is shorted: the records that one looks for are those that are gone.
# What to do: read with fastnda, or compare the last index with the number of rows.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install \
    'NewareNDA==2026.6.11' 'pandas==3.1.1' 'fastnda==1.3.1' 'polars==2.1.0' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import logging
import struct
import sys
import zipfile
from pathlib import Path

import fastnda
import NewareNDA

# A rest, a charge and a rest of a Li/Li cell: step code, then voltages in V and the current in A.
STEPS = [(4, [0.0, 0.0, 0.0012], 0.0), (1, [0.0311, 0.0324, 0.0330, 0.0334], 157e-6), (4, [0.0009, 0.0, 0.0], 0.0)]
PAGE, ROWS_AT, BEGIN_UNIX_S = 4096, 132, 1767225600


def ndc(kind: int, rows: list[bytes]) -> bytes:
    """Give a data file of format version 14: a header page, then one page of rows with their number and bit mask."""
    page = bytearray(PAGE)
    struct.pack_into("<H", page, 2, len(rows))
    mask = (1 << len(rows)) - 1
    page[4 : 4 + (len(rows) + 7) // 8] = mask.to_bytes((len(rows) + 7) // 8, "little")
    data = b"".join(rows)
    page[ROWS_AT : ROWS_AT + len(data)] = data
    return bytes([kind, 0, 14]).ljust(PAGE, b"\0") + bytes(page)


def archive(path: Path) -> int:
    """Write the .ndax, every record with its run information. Gives the number of records."""
    values, information, steps = [], [], []
    index = 0
    for number, (code, volts, current) in enumerate(STEPS, 1):
        for second, volt in enumerate(volts):
            index += 1
            values.append(struct.pack("<ff", volt, current))
            charge = current * second / 3600
            times = (1000, BEGIN_UNIX_S + index, number, index, 0)
            information.append(
                struct.pack("<Ixffff8xiIIIh8x", 1000 * second, charge, 0.0, charge * volt, 0.0, *times)
            )
        steps.append(struct.pack("<ii16sb12x", 0, number, b"", code))
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("data.ndc", ndc(1, values))
        opened.writestr("data_runInfo.ndc", ndc(18, information))
        opened.writestr("data_step.ndc", ndc(7, steps))
    return index


logging.disable(logging.INFO)
path = Path(sys.argv[1]) / "li-li.ndax"
written = archive(path)
all_of_them = fastnda.read(path)
some_of_them = NewareNDA.read(str(path))
missing = sorted(set(range(1, written + 1)) - set(some_of_them["Index"]))
at_zero = [row["index"] for row in all_of_them.to_dicts() if row["voltage_V"] == 0.0]
print(f"written {written}, fastnda {len(all_of_them)}, NewareNDA {len(some_of_them)}")
print(f"missing in NewareNDA: {missing}; at 0 V: {at_zero}")
sys.exit(0 if len(all_of_them) == written and missing == at_zero == [1, 2, 9, 10] else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" "$folder" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: NewareNDA leaves out records at 0 V"
