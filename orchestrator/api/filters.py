"""The filters of a question as conditions in SQL: every value of a client is a parameter, never a part of the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.api.models import EventQuery, RackEventQuery, RunQuery
from orchestrator.events import SEVERITY_KEY, EventKind, Severity
from orchestrator.store import Store
from orchestrator.store.errors import explained


@dataclass(slots=True)
class Conditions:
    """Conditions that all hold, with their values in order."""

    sql: list[str] = field(default_factory=lambda: ["1"])
    values: list[object] = field(default_factory=list)

    def add(self, sql: str, *values: object) -> None:
        """Add a condition with its values."""
        self.sql.append(f"({sql})")
        self.values += values

    def one_of(self, expression: str, values: Sequence[str]) -> None:
        """Add that an expression is one of some values; none of them: whatever it is."""
        if values:
            self.add(f"{expression} IN ({_marks(values)})", *values)

    def between(self, column: str, since: float | None, before: float | None) -> None:
        """Add that a time is not before ``since``, and before ``before``."""
        if since is not None:
            self.add(f"{column} >= ?", since)
        if before is not None:
            self.add(f"{column} < ?", before)

    def __str__(self) -> str:
        return " AND ".join(self.sql)


def of_runs(query: RunQuery) -> Conditions:
    """Return the conditions on the tables ``run`` and ``cell``."""
    found = Conditions()
    found.one_of("run.state", query.state)
    found.one_of("cell.name", query.cell)
    found.one_of("coalesce(nullif(run.label, ''), cell.name)", query.label)
    found.one_of("run.channel", query.channel)
    found.one_of("run.recipe", query.recipe)
    if query.simulated is not None:
        found.add("coalesce(run.simulated, 0) = ?", int(query.simulated))
    found.between("run.created_unix_s", query.since, query.before)
    return found


def run_ids(store: Store, query: RunQuery, *, either_name: Sequence[str] = ()) -> list[str]:
    """Return the ids of all runs that pass every filter of a question, the oldest first; its page does not count.

    ``either_name`` are names of cells, that of the file or the label: a run with one of them passes.
    """
    passes = of_runs(query)
    if either_name:
        marks = _marks(either_name)
        passes.add(f"cell.name IN ({marks}) OR run.label IN ({marks})", *either_name, *either_name)
    sql = f"SELECT run_id FROM run JOIN cell ON cell.id = run.cell_id WHERE {passes} ORDER BY number"  # noqa: S608 as above
    with explained(store.path):
        return [run_id for (run_id,) in store.connection.execute(sql, passes.values)]


def of_events(query: EventQuery) -> Conditions:
    """Return the conditions on the table ``event``."""
    found = Conditions()
    found.one_of("kind", query.kind)
    found.between("at_unix_s", query.since, query.before)
    if query.severity is not None:
        _add_severity(found, query.severity)
    if isinstance(query, RackEventQuery):
        found.one_of("run_id", query.run)
        if query.channel:
            marks = _marks(query.channel)
            found.add(f"run_id IN (SELECT run_id FROM run WHERE channel IN ({marks}))", *query.channel)  # noqa: S608 - marks only
    return found


def _add_severity(found: Conditions, least: Severity) -> None:
    """Add that an event is at least so severe: by its own data, else by its kind (``orchestrator.events.values``)."""
    wanted = [severity.value for severity in Severity if severity.is_at_least(least)]
    kinds = [kind.value for kind in EventKind if kind.severity.is_at_least(least)]
    unknown = f" OR kind NOT IN ({_marks(EventKind)})" if Severity.NOTICE.is_at_least(least) else ""
    by_kind = f"kind IN ({_marks(kinds)}){unknown}"
    own = f"coalesce(json_extract(data_json, '$.{SEVERITY_KEY}'), '')"
    sql = f"CASE WHEN {own} IN ({_marks(Severity)}) THEN {own} IN ({_marks(wanted)}) ELSE {by_kind} END"
    others = [kind.value for kind in EventKind] if unknown else []
    found.add(sql, *(severity.value for severity in Severity), *wanted, *kinds, *others)


def _marks(values: Sequence[object] | type[Severity] | type[EventKind]) -> str:
    return ", ".join("?" * len(values))
