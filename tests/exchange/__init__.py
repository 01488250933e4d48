"""Files of other programs, each made by running that program on a test of ours (``tests/readers``): none is copied.

``unicycler.xml`` and ``unicycler.json``: aurora-unicycler 0.4.6; ``neware-utils.xml``: neware-utils 1.0.1, whose file
declares GB2312, ends a step by a condition and says a temperature; ``bmgen.xml``: bm-generator 0.29.15, with its Scale
of 100 and a current of 12.7 mA that it has cut to 12.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def theirs(name: str) -> bytes:
    """Give the bytes of a file."""
    return (FOLDER / name).read_bytes()
