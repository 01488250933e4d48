"""Makes the barcode of a run, which no other run of any store will have, short enough to be typed at a tester.

A run's id is unique in its store only: every store counts from R000001, a restored or copied store counts on from the
same number, and two of them may lead to one tester. The mark behind the id is a hash of what was ordered, for which
channel, and when to the microsecond (docs/decisions/0016-barcodes-are-unique-for-ever.md).
"""

from __future__ import annotations

import base64
import hashlib
import json

# 40 bits, in letters and digits of one case: a barcode has 16 characters, and 19 for the twelfth part of a run.
_MARK_LETTERS = 8


def new_barcode(
    run_id: str, *, created_unix_s: float, recipe: str, cell: str, channel: str, label: str, program_sha256: str
) -> str:
    """Return the barcode of a new run: its id, a dash, and a mark of its own.

    >>> order = dict(recipe="li-li", cell="A1", channel="21-1-3", label="", program_sha256="ab" * 32)
    >>> new_barcode("R000001", created_unix_s=1767571200.0, **order)
    'R000001-edhu7pvm'
    >>> new_barcode("R000001", created_unix_s=1767571200.000001, **order)
    'R000001-4y22brid'
    """
    facts = [run_id, f"{created_unix_s:.7f}", recipe, cell, channel, label, program_sha256]
    digest = hashlib.sha256(json.dumps(facts).encode()).digest()
    return f"{run_id}-{base64.b32encode(digest).decode().lower()[:_MARK_LETTERS]}"
