"""What a page says of stored runs, by short statements on the store: lists, first and last cycles, what is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.api.filters import Conditions, of_runs
from orchestrator.api.models import RunQuery
from orchestrator.dashboard import numbers
from orchestrator.store import Notes, Store
from orchestrator.store.errors import explained

PAGE_ROWS = 60
_ROWS = (
    "SELECT number, run.run_id, recipe, cell.name, channel, label, state, reason, created_unix_s, state_unix_s, "
    "simulated, json_extract(program_json, '$.cell.kind'), "
    "(SELECT max(cycle) FROM cycle JOIN test ON test.id = cycle.test WHERE test.run_id = run.run_id), "
    "(SELECT sum((SELECT time_s FROM sample WHERE test = test.id ORDER BY sequence DESC LIMIT 1)) "
    "FROM test WHERE test.run_id = run.run_id) "
    "FROM run JOIN cell ON cell.id = run.cell_id"
)
_CYCLES = (
    "SELECT cycle.cycle, discharge_capacity_ah, charge_capacity_ah, discharge_capacity_mah_g, "
    "discharge_capacity_mah_cm2, discharge_mean_voltage_v, charge_end_reason, discharge_end_reason FROM cycle "
    "JOIN test ON test.id = cycle.test WHERE test.run_id = ? ORDER BY cycle.cycle"
)
_WHOLE = frozenset({"voltage", "current"})


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list; ``hours`` is run time, None before the first record."""

    number: int
    run_id: str
    recipe: str
    cell: str
    channel: str
    label: str
    state: str
    reason: str
    created_unix_s: float
    state_unix_s: float
    simulated: bool | None
    kind: str | None
    cycles: int | None
    hours: float | None
    notes: int = 0

    @property
    def name(self) -> str:
        """The label of the run, else the name of its cell."""
        return self.label or self.cell


@dataclass(frozen=True, slots=True)
class CycleFacts:
    """First, last and best cycle of a run, each as cycle and value in ``unit``, and what is left of the first, in %."""

    unit: str
    first: tuple[int, float]
    last: tuple[int, float]
    best: tuple[int, float]
    retention_percent: float | None


def run_lines(
    store: Store, query: RunQuery, words: str = "", cells: Sequence[str] = (), before: int | None = None
) -> tuple[list[RunLine], bool]:
    """Return the newest runs that pass, and whether there are more; ``words`` are looked for in all that names a run.

    ``cells`` are names of cells or labels; ``before`` is the number of a run.
    """
    passes = of_runs(query)
    if cells:
        marks = ", ".join("?" * len(cells))
        passes.add(f"cell.name IN ({marks}) OR run.label IN ({marks})", *cells, *cells)
    for word in words.split():
        _add_word(passes, word)
    if before is not None:
        passes.add("number < ?", before)
    sql = f"{_ROWS} WHERE {passes} ORDER BY number DESC LIMIT {PAGE_ROWS + 1}"
    with explained(store.path):
        rows = store.connection.execute(sql, passes.values).fetchall()
    notes = Notes(store).counts()
    lines = [_line(row, notes) for row in rows[:PAGE_ROWS]]
    return lines, len(rows) > PAGE_ROWS


def _add_word(passes: Conditions, word: str) -> None:
    like = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    names = ("run.run_id", "run.label", "cell.name", "run.recipe", "run.channel", "run.reason")
    passes.add(" OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in names), *[like] * len(names))


def run_line(store: Store, run_id: str) -> RunLine:
    """Return one run, which is there."""
    with explained(store.path):
        row = store.connection.execute(f"{_ROWS} WHERE run.run_id = ?", (run_id,)).fetchone()
    return _line(row, Notes(store).counts())


def _line(row: Sequence[Any], notes: Mapping[str, int]) -> RunLine:
    *values, simulated, kind, cycles, time_s = row
    hours = None if time_s is None else time_s / 3600
    known = None if simulated is None else bool(simulated)
    number, run_id, recipe, cell, channel, label, state, reason, created, since = values
    names = (number, run_id, recipe, cell, channel, label, state, reason, created, since)
    return RunLine(*names, known, kind, cycles, hours, notes.get(run_id, 0))


def cycle_facts(store: Store, line: RunLine) -> CycleFacts | None:
    """Return the first, last and best cycle of a run: of capacity, or of overpotential (mV) for Li/Li; None without."""
    with explained(store.path):
        rows = store.connection.execute(_CYCLES, (line.run_id,)).fetchall()
    symmetric = line.kind == "li-li"
    unit, at, factor = next(
        ((unit, at, factor) for unit, at, factor in _UNITS if any(row[at] is not None for row in rows)), ("", 0, 1.0)
    )
    if symmetric:
        unit, at, factor = "mV", 5, 1e3
    there = [(row[0], abs(row[at]) * factor) for row in rows if row[at] is not None and row[7] != "external"]
    if not there or not unit:
        return None
    best = (min if symmetric else max)(there, key=lambda pair: pair[1])
    whole = [(row[0], row[1]) for row in rows if row[1] and row[7] in _WHOLE]
    kept = 100 * whole[-1][1] / whole[0][1] if whole and not symmetric else None
    return CycleFacts(unit, there[0], there[-1], best, kept)


_UNITS = (("mAh/g", 3, 1.0), ("mAh/cm²", 4, 1.0), ("mAh", 1, 1e3))


def kinds_of_picture(store: Store, line: RunLine) -> list[str]:
    """Return which pictures a run has."""
    with explained(store.path):
        sql = "SELECT 1 FROM spectrum JOIN test ON test.id = spectrum.test WHERE run_id = ? LIMIT 1"
        has_spectra = store.connection.execute(sql, (line.run_id,)).fetchone() is not None
    found = ["time", "cycle", "capacity"]
    if line.kind == "li-li":
        found.append("half-cycles")
    return [*found, "impedance"] if has_spectra else found


def filters_there(store: Store) -> dict[str, list[str]]:
    """Return the recipes and states that the runs of a store have."""
    with explained(store.path):
        return {
            name: [one for (one,) in store.connection.execute(f"SELECT DISTINCT {name} FROM run ORDER BY {name}")]  # noqa: S608 names of ours
            for name in ("recipe", "state")
        }


def cycles_planned(program_json: str) -> int | None:
    """Return how many cycles a program has in all; None where that is not fixed."""
    from protocols.half_cycles import CycleNumbers
    from protocols.program import Program

    try:
        program = Program.from_json(program_json)
        return CycleNumbers.of(program).cycles if program.segments else None
    except (ValueError, AttributeError, TypeError):
        return None


def fact_rows(facts: Mapping[str, Any], lang: str) -> list[tuple[str, str]]:
    """Return facts that are known, by name, with their units: those at the ends of their names."""
    found = []
    for name, value in facts.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        found.append((name, " ... ".join(_with_unit(name, one, lang) for one in values)))
    return found


def _with_unit(name: str, value: Any, lang: str) -> str:  # noqa: ANN401 - a value of JSON
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    for ending, unit in _UNITS_OF:
        if name.endswith(ending):
            return f"{value:g}\N{NO-BREAK SPACE}{unit}"
    if name.endswith("_s"):
        return numbers.left(value, lang)
    if name.endswith("_ah"):
        return numbers.capacity(1e3 * value)
    if name.endswith("_a"):
        return numbers.current(value)
    return numbers.voltage(value) if name.endswith("_v") else f"{value:g}"


_UNITS_OF = (("_cm2", "cm²"), ("_mg", "mg"), ("_um", "µm"), ("_mm", "mm"), ("_degc", "°C"))
