"""Stores where each run comes from: the files of its order, what was given beside them, who, where, what was found.

The text of a file is kept once, however many runs were ordered with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.store.errors import Damaged, explained
from orchestrator.store.store import Store
from protocols.document import Document

_FILES = ("recipe", "cell")
_COLUMNS = ("settings_json", "ordered_by", "host", "login", "version", "check_json")
_TEXTS = ", ".join(f"{file}_file, {file}_sha256, {file}_yaml" for file in _FILES)
_SELECT = f"SELECT {_TEXTS}, {', '.join(_COLUMNS)} FROM run_origin WHERE run_id = ?"  # noqa: S608 names of ours


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run comes from; None is what was not kept, as in the runs of older versions.

    ``recipe`` and ``cell`` are the files with which the run was ordered, whole, with ``settings`` as they were given
    beside them on the command line or by REST; in these are also the files that the recipe includes, and what was set
    of its parameters, here and in earlier runs like it. ``ordered_by`` is the person, ``host`` and ``login`` are the
    machine and the user of the process that took the order, ``version`` is that of its cellrig. ``check``: what was
    found before anything ran.
    """

    recipe: Document | None = None
    cell: Document | None = None
    settings: Mapping[str, Any] | None = None
    ordered_by: str | None = None
    host: str | None = None
    login: str | None = None
    version: str | None = None
    check: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON, under the names of the view ``run_origin``."""
        found: dict[str, Any] = {}
        for name, document in (("recipe", self.recipe), ("cell", self.cell)):
            found[f"{name}_file"] = document.file if document else None
            found[f"{name}_sha256"] = document.sha256 if document else None
            found[f"{name}_yaml"] = document.text if document else None
        head = {"ordered_by": self.ordered_by, "host": self.host, "login": self.login, "version": self.version}
        return {**head, **found, "settings": self.settings, "check": self.check}


class Origins:
    """The origins of the runs of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, run_id: str, origin: Origin) -> None:
        """Store where a new run comes from, once: it is never changed."""
        documents = (origin.recipe, origin.cell)
        files = [part for it in documents for part in ((it.file, it.sha256) if it else (None, None))]
        settings = _with_parts(origin.settings, origin.recipe)
        jsons = [None if value is None else json.dumps(value) for value in (settings, origin.check)]
        who = (origin.ordered_by, origin.host, origin.login, origin.version)
        with self._store.transaction() as connection:
            for document in filter(None, documents):
                connection.execute("INSERT OR IGNORE INTO document VALUES (?, ?)", (document.sha256, document.text))
            connection.execute(
                "INSERT INTO origin (run_id, recipe_file, recipe_sha256, cell_file, cell_sha256, settings_json, "
                "ordered_by, host, login, version, check_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, *files, jsons[0], *who, jsons[1]),
            )

    def of(self, run_id: str) -> Origin:
        """Return where a run comes from. Raises Refused for no run of this store, Damaged for a text that was changed.

        ``simulated`` is the run's own: ``Store.run``.
        """
        self._store.run(run_id)
        with explained(self._store.path):
            row = self._store.connection.execute(_SELECT, (run_id,)).fetchone()
        values = dict(zip(_COLUMNS, row[3 * len(_FILES) :], strict=True))
        settings, check = (json.loads(values.pop(name) or "null") for name in ("settings_json", "check_json"))
        recipe, cell = (self._file(run_id, name, *row[3 * n : 3 * n + 3]) for n, name in enumerate(_FILES))
        return Origin(recipe and _whole(recipe, settings or {}), cell, settings, check=check, **values)

    def _file(self, run_id: str, name: str, file: str, sha256: str, text: str | None) -> Document | None:
        if text is None:
            return None
        document = Document(file, text)
        if document.sha256 != sha256:
            raise Damaged(
                f"the {name} file of {run_id} in {self._store.path} is not the one with which it was ordered (its hash "
                "differs): somebody has changed it in the store; go back to the last backup"
            )
        return document


def _with_parts(settings: Mapping[str, Any] | None, recipe: Document | None) -> Mapping[str, Any] | None:
    """Return settings with the parts of a recipe's document besides its text, where it has any."""
    if recipe is None or not (recipe.included or recipe.values):
        return settings
    parts = {"recipe_values": dict(recipe.values), "recipe_included": dict(recipe.included)}
    return {**(settings or {}), **{name: part for name, part in parts.items() if part}}


def _whole(recipe: Document, settings: Mapping[str, Any]) -> Document:
    """Return a recipe's document with the parts of it that the settings keep."""
    included, values = (tuple(settings.get(name, {}).items()) for name in ("recipe_included", "recipe_values"))
    return replace(recipe, included=included, values=values)
