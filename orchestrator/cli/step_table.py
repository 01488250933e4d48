"""The table of a program's currents in mA, mA/cm2, mA/g and C, as commands print it before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS = {
    "steps": "step",
    "what": "what",
    "current_ma": "mA",
    "current_density_ma_per_cm2": "mA/cm2",
    "specific_current_ma_per_g": "mA/g",
    "c_rate": "C",
}
_WIDTH = 80


def step_table(steps: Sequence[Mapping[str, Any]], untold: Sequence[str] = (), *, every: bool = False) -> str:
    """Give the table as text of at most 80 columns; a dash stands where the cell's file does not allow the unit.

    Of a long one rows that repeat with other currents, as of a ramp, are one, unless ``every`` row is wanted.
    """
    from orchestrator.cli.alike_rows import MOST_ROWS, loose, together

    told = [tuple(_shown(step[key]) for key in _COLUMNS) for step in steps]
    if len(told) > MOST_ROWS and not every:
        told = [row for _, row in together(told, loose)]
    rows = [tuple(_COLUMNS.values()), *told]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_COLUMNS))]
    widths[0] = min(widths[0], _WIDTH - sum(widths[1:]) - 2 * len(widths))
    lines = []
    for row in rows:
        steps_told = row[0] if len(row[0]) <= widths[0] else f"{row[0][: widths[0] - 3]}..."
        cells = [steps_told.ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *(f"({why})" for why in untold)])


def _shown(value: object) -> str:
    from protocols.normalised import plain

    if value is None:
        return "-"
    return plain(value) if isinstance(value, float) else str(value)
