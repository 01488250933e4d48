"""The tables of ``cellrig analyse``: columns with their units, the same rows as JSON and as files of commas."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from orchestrator.analysis.parts import Part
from orchestrator.analysis.run_analysis import RunAnalysis
from orchestrator.cli.cycle_tables import RESERVOIR_PARTS, print_reservoirs, reservoir_parts
from orchestrator.cli.output import print_table, say
from orchestrator.cli.tables import Column, column_texts
from orchestrator.report.blocks import TextTable, table, thinned


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column and where its value comes from: a field of the row, times a factor."""

    column: Column
    name: str
    factor: float = 1.0
    is_scientific: bool = False

    def of(self, row: object) -> object:
        """Return the value of a row."""
        value = getattr(row, self.name)
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, float) and self.is_scientific:
            return f"{value:.3g}"
        if isinstance(value, float) and self.factor != 1.0:
            return value * self.factor
        return value or None if isinstance(value, str) else value


def _shown(name: str, head: str, unit: str = "", factor: float = 1.0, goes: int = 0, **more: Any) -> _Shown:  # noqa: ANN401 - as Column takes it
    return _Shown(Column(head, unit, goes, **more), name, factor)


_CYCLE = _shown("cycle", "cycle")
_REMARK = _shown("remark", "remark", goes=9, least=20)
_TABLES: Mapping[Part, tuple[str, tuple[_Shown, ...]]] = {
    Part.CYCLES: (
        "Cycles",
        (
            _CYCLE,
            _shown("charge_capacity_ah", "charge", "mAh", 1e3),
            _shown("discharge_capacity_ah", "discharge", "mAh", 1e3),
            _shown("discharge_capacity_mah_g", "discharge", "mAh/g", goes=1),
            _shown("discharge_capacity_mah_cm2", "discharge", "mAh/cm2", goes=6),
            _shown("coulombic_efficiency", "efficiency", "%", 100, decimals=2),
            _shown("energy_efficiency", "energy", "%", 100, goes=2, decimals=2),
            _shown("voltage_efficiency", "voltage", "%", 100, goes=7, decimals=2),
            _shown("charge_energy_wh", "charge", "mWh", 1e3, goes=5),
            _shown("discharge_energy_wh", "discharge", "mWh", 1e3, goes=5),
            _shown("charge_mean_voltage_v", "charge", "V", goes=4, decimals=4),
            _shown("discharge_mean_voltage_v", "discharge", "V", goes=4, decimals=4),
            _shown("polarisation_v", "polarisation", "V", goes=3, decimals=4),
            _REMARK,
        ),
    ),
    Part.RETENTION: (
        "Retention",
        (
            _CYCLE,
            _shown("capacity_ah", "capacity", "mAh", 1e3),
            _shown("retention", "retention", "%", 100, decimals=2),
            _REMARK,
        ),
    ),
    Part.RATES: (
        "Rates",
        (
            _shown("first_cycle", "from cycle"),
            _shown("last_cycle", "to"),
            _shown("charge_current_a", "charge", "mA", 1e3, goes=2, figures=4),
            _shown("discharge_current_a", "discharge", "mA", 1e3, figures=4),
            _shown("discharge_c_rate", "rate", "1/h", goes=1, decimals=3),
            _shown("discharge_ma_cm2", "discharge", "mA/cm2", goes=3),
            _shown("discharge_ma_g", "discharge", "mA/g", goes=3),
            _shown("discharge_capacity_ah", "capacity", "mAh", 1e3),
            _shown("discharge_capacity_mah_g", "capacity", "mAh/g", goes=1),
            _shown("discharge_capacity_mah_cm2", "capacity", "mAh/cm2", goes=4),
            _shown("part", "of slowest", "%", 100, decimals=1),
            _shown("coulombic_efficiency", "efficiency", "%", 100, goes=2, decimals=2),
        ),
    ),
    Part.PEAKS: (
        "Peaks of dQ/dV",
        (
            _CYCLE,
            _shown("direction", "direction"),
            _shown("voltage_v", "voltage", "V", decimals=4),
            _shown("ah_per_v", "height", "mAh/V", 1e3),
            _shown("smoothing_v", "smoothing", "mV", 1e3, goes=1),
        ),
    ),
    Part.RESISTANCES: (
        "DC resistance",
        (
            _CYCLE,
            _shown("step_count", "step of run"),
            _shown("start_s", "at", "h", 1 / 3600, goes=1, decimals=3),
            _shown("before_a", "from", "mA", 1e3, figures=4),
            _shown("after_a", "to", "mA", 1e3, figures=4),
            _shown("delay_s", "after", "s"),
            _shown("before_v", "from", "V", goes=2, decimals=4),
            _shown("after_v", "to", "V", goes=2, decimals=4),
            _shown("resistance_ohm", "resistance", "ohm"),
            _shown("error_ohm", "error", "ohm", goes=1, uneven=True, figures=2),
        ),
    ),
    Part.TITRATION: (
        "Titration",
        (
            _CYCLE,
            _shown("step_count", "step of run"),
            _shown("current_a", "current", "mA", 1e3, figures=4),
            _shown("pulse_s", "pulse", "s"),
            _shown("rest_s", "rest", "s", goes=2),
            _shown("before_v", "from", "V", decimals=4),
            _shown("after_v", "to", "V", decimals=4),
            _shown("slope_v_per_sqrt_s", "slope", "mV/sqrt(s)", 1e3, goes=3),
            _Shown(Column("diffusion", "cm2/s"), "diffusion_cm2_s", is_scientific=True),
            _shown("relative_error", "error", "%", 100, goes=1, decimals=1),
            _REMARK,
        ),
    ),
    Part.HALF_CYCLES: (
        "Half-cycles",
        (
            _CYCLE,
            _shown("direction", "direction"),
            _shown("start_s", "start", "h", 1 / 3600, goes=2, decimals=3),
            _shown("density_ma_cm2", "density", "mA/cm2", figures=4),
            _shown("plated_before_mah_cm2", "plated before", "mAh/cm2", goes=1),
            _shown("plateau_v", "plateau", "mV", 1e3, decimals=2),
            _shown("nucleation_v", "nucleation", "mV", 1e3, decimals=2),
            _shown("arc_v", "arc", "mV", 1e3, decimals=2),
            _shown("noise_v", "noise", "mV", 1e3, goes=4, decimals=2),
            _shown("area_ohm_cm2", "resistance", "ohm cm2", goes=3),
            _REMARK,
        ),
    ),
    Part.HYSTERESIS: (
        "Hysteresis over plated charge",
        (
            _CYCLE,
            _shown("plated_mah_cm2", "plated", "mAh/cm2"),
            _shown("plated_mah", "plated", "mAh", goes=1),
            _shown("overpotential_v", "overpotential", "mV", 1e3, decimals=2),
            _shown("asymmetry_v", "asymmetry", "mV", 1e3, goes=2, decimals=2),
        ),
    ),
    Part.FAILURES: (
        "Failures",
        (
            _shown("kind", "kind"),
            _shown("hours", "time", "h", decimals=2),
            _CYCLE,
            _shown("density_ma_cm2", "density", "mA/cm2", figures=4),
            _shown("charge_mah_cm2", "plated", "mAh/cm2"),
            _shown("charge_mah", "passed", "mAh", goes=1),
        ),
    ),
    Part.CRITICAL_CURRENT: (
        "Critical current density",
        (
            _shown("density_ma_cm2", "short at", "mA/cm2", figures=4),
            _shown("last_sound_ma_cm2", "sound to", "mA/cm2", figures=4),
            _shown("half_cycle_mah_cm2", "half-cycle", "mAh/cm2", figures=4),
            _shown("densities", "densities", goes=1),
            _REMARK,
        ),
    ),
    Part.SPECTRA: (
        "Spectra",
        (
            _CYCLE,
            _shown("electrolyte_ohm", "electrolyte", "ohm", figures=4),
            _shown("electrolyte_error_ohm", "error", "ohm", goes=2, uneven=True, figures=2),
            _shown("interface_ohm", "interface", "ohm", figures=4),
            _shown("interface_error_ohm", "error", "ohm", goes=2, uneven=True, figures=2),
            _Shown(Column("conductivity", "S/cm"), "conductivity_s_cm", is_scientific=True),
            _shown("steady", "steady", goes=1),
            _REMARK,
        ),
    ),
    Part.TRENDS: (
        "Trends of the resistances",
        (
            _shown("of", "resistance"),
            _shown("ohm_per_cycle", "slope", "ohm a cycle", uneven=True, figures=3),
            _shown("error_ohm_per_cycle", "error", "ohm a cycle", uneven=True, figures=2),
            _shown("spectra", "spectra"),
        ),
    ),
    Part.MEAN_EFFICIENCY: (
        "Mean efficiency of the cycles",
        (
            _shown("mean", "mean", "%", 100, decimals=3),
            _shown("deviation", "deviation", "%", 100, decimals=3),
            _shown("n", "cycles"),
            _shown("first", "first", "%", 100, decimals=3),
            _REMARK,
        ),
    ),
}


_OF_A_RUN = {"step_count": "run_step_count", "start_s": "run_time_s"}
"""Fields of a stored run that an export has under the same name and counts otherwise: in it a step that was cut is two,
and its time goes on by the clock (docs/analysis.md)."""


def print_analysis(found: RunAnalysis, chosen: str = "", last: int | None = None) -> None:
    """Print the tables of a run, of long ones the last rows, and what is to be known of them."""
    simulated = " (simulated)" if found.simulated else ""
    say(f"{found.run_id}, {found.label}, cell of kind {found.kind}{simulated}")
    for part, rows in found.tables.items():
        if part is Part.RESERVOIR:
            print_reservoirs([_plain_row(row) for row in rows], chosen)
            continue
        title, columns = _TABLES[part]
        kept = rows if last is None else rows[max(0, len(rows) - last) :]
        if len(kept) < len(rows):
            title += f", the last {len(kept)} of {len(rows)}; --last 0 for all"
        heads = [shown.column for shown in columns]
        texts, told = _remarks_below(heads, [[shown.of(row) for shown in columns] for row in kept])
        print_table(heads, texts, title, chosen)
        if told:
            say(told, 2)
        if not kept:
            say("nothing of it in this run", 2)
    if not found.tables and not found.left_out:
        say("  nothing to analyse yet: no half-cycle has run", 2)
    for remark in found.remarks:
        say(f"  {remark}", 2)


def text_tables(found: RunAnalysis, part: Part) -> list[TextTable]:
    """Return the tables of a part of an analysis for a page, long ones thinned, with titles and units."""
    if part is Part.RESERVOIR:
        tests = [_plain_row(row) for row in found.tables[part]]
        made = [reservoir_parts(test) for test in tests]
        remarks = ["; ".join(map(str, test["remarks"])) for test in tests]
        return [
            _text_table(RESERVOIR_PARTS, rows, title, told) for (title, rows), told in zip(made, remarks, strict=True)
        ]
    title, shown = _TABLES[part]
    kept, note = thinned(found.tables[part], "rows")
    return [_text_table([one.column for one in shown], [[one.of(row) for one in shown] for row in kept], title, note)]


def _remarks_below(
    columns: Sequence[Column], rows: Sequence[Sequence[object]]
) -> tuple[Sequence[Sequence[object]], str]:
    """Take a remark that most rows share out of them, if every row has one; it is said once, below the table."""
    at = next((n for n, column in enumerate(columns) if column.name == "remark"), None)
    told = Counter(row[at] for row in rows) if at is not None else Counter[object]()
    if at is None or not told or None in told or "" in told:
        return rows, ""
    ((said, count),) = told.most_common(1)
    if count < len(rows) and count <= len(rows) / 2:
        return rows, ""
    where = "In each row" if count == len(rows) else "In each row without another remark"
    return [[*row[:at], None if row[at] == said else row[at], *row[at + 1 :]] for row in rows], f"{where}: {said}."


def _text_table(columns: Sequence[Column], rows: Sequence[Sequence[object]], title: str, note: str) -> TextTable:
    rows, told = _remarks_below(columns, rows)
    note = f"{note} {told}".strip()
    texts = column_texts(columns, rows)
    numeric = [at for at, (n, _) in enumerate(texts) if any(isinstance(row[n], int | float) for row in rows)]
    heads = [f"{columns[n].name} / {columns[n].unit}" if columns[n].unit else columns[n].name for n, _ in texts]
    return table(heads, list(zip(*(column for _, column in texts), strict=True)), numeric, note, title)


def as_dict(found: RunAnalysis) -> dict[str, Any]:
    """Return an analysis for JSON: fields with their units in their names, null for what is not known."""
    return {
        "run": found.run_id,
        "label": found.label,
        "cell_kind": found.kind,
        "simulated": found.simulated,
        "tables": {part.value: [_plain_row(row) for row in rows] for part, rows in found.tables.items()},
        "remarks": list(found.remarks),
    }


def write_csv(path: Path, rows: Sequence[Any]) -> None:
    """Write rows as a file of commas: a line of names, then a line for each row; what is not known is empty."""
    names = list(_plain_row(rows[0]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_text(value) for value in _plain_row(row).values()] for row in rows)


def _plain_row(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a frozen value of any analysis
    return {_OF_A_RUN.get(name, name): _plain(value) for name, value in asdict(row).items()}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    return None if value != value or value in (float("inf"), float("-inf")) else value


def _text(value: object) -> object:
    """Return a value of one field: several are told in one text."""
    if isinstance(value, list):
        return "; ".join(str(one) for one in value)
    return "" if value is None else value
