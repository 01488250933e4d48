"""The recipes and cells that runs of a store were ordered with, by name, last used first, each with its newest run.

The files of a run are kept with it (``orchestrator.store.origins``): a recipe or a cell that was used once can be used
again by its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.store.errors import explained
from orchestrator.store.store import Store

MOST = 500
"""So many names are told at most, the last used ones."""

# Of a group SQLite gives the columns of the row that has the maximum.
_RECIPES = """
    SELECT run.recipe, run.run_id, run.created_unix_s, count(*), max(run.number), ''
    FROM run JOIN origin USING (run_id) WHERE origin.recipe_sha256 IS NOT NULL
    GROUP BY run.recipe ORDER BY max(run.number) DESC LIMIT ?
"""
_CELLS = """
    SELECT {name}, run.run_id, run.created_unix_s, count(*), max(run.number), cell.facts_json
    FROM run JOIN origin USING (run_id) JOIN cell ON cell.id = run.cell_id
    WHERE origin.cell_sha256 IS NOT NULL AND {name} <> '' GROUP BY {name} ORDER BY max(run.number) DESC LIMIT ?
"""
_NEWEST_RECIPE = """
    SELECT run_id FROM run JOIN origin USING (run_id)
    WHERE recipe = ? AND origin.recipe_sha256 IS NOT NULL ORDER BY number DESC LIMIT 1
"""
_NEWEST_CELL = """
    SELECT run_id FROM run JOIN origin USING (run_id) JOIN cell ON cell.id = run.cell_id
    WHERE {name} = ? AND origin.cell_sha256 IS NOT NULL ORDER BY number DESC LIMIT 1
"""
# A cell is known by what its run called it, or by the name in its file.
_CELL_NAMES = ("run.label", "cell.name")


@dataclass(frozen=True, slots=True)
class UsedName:
    """A name that runs were ordered with: the newest of them, when that was ordered, how many there are.

    ``facts``: those of a cell, by the names that they have in a program; empty of a recipe.
    """

    name: str
    run_id: str
    used_unix_s: float
    runs: int
    facts: Mapping[str, Any]


class UsedNames:
    """The names in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def recipes(self) -> list[UsedName]:
        """Return the recipes, last used first."""
        return self._names(_RECIPES)

    def cells(self) -> list[UsedName]:
        """Return the cells by the names that runs gave them and those of their files, last used first."""
        found = [one for name in _CELL_NAMES for one in self._names(_CELLS.format(name=name))]
        newest: dict[str, UsedName] = {}
        for one in sorted(found, key=lambda it: it.used_unix_s, reverse=True):
            newest.setdefault(one.name, one)
        return list(newest.values())

    def run_with_recipe(self, name: str) -> str | None:
        """Return the id of the newest run of a recipe whose file was kept; None for a name that no run has."""
        return self._newest(_NEWEST_RECIPE, name)

    def run_with_cell(self, name: str) -> str | None:
        """Return the id of the newest run of a cell whose file was kept; None for a name that no run has."""
        for column in _CELL_NAMES:
            if (run_id := self._newest(_NEWEST_CELL.format(name=column), name)) is not None:
                return run_id
        return None

    def _names(self, sql: str) -> list[UsedName]:
        with explained(self._store.path):
            rows = self._store.connection.execute(sql, (MOST,)).fetchall()
        return [
            UsedName(name, run_id, used_s, runs, json.loads(facts or "{}"))
            for name, run_id, used_s, runs, _, facts in rows
        ]

    def _newest(self, sql: str, name: str) -> str | None:
        with explained(self._store.path):
            row = self._store.connection.execute(sql, (name,)).fetchone()
        return None if row is None else str(row[0])
