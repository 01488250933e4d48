"""Stores the recipes and cells that people write on the rig, in versions: each is added, none is ever changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.clock.iso_time import iso_utc
from orchestrator.store.errors import Damaged, explained
from orchestrator.store.store import Store
from protocols.document import Document

_NEWEST = """
    SELECT name, version, sha256, written_by, at_unix_s FROM written_version AS one
    WHERE kind = ? AND version = (
        SELECT max(version) FROM written_version WHERE kind = one.kind AND name = one.name
    ) ORDER BY at_unix_s DESC, name
"""
_ALL = """
    SELECT name, version, sha256, written_by, at_unix_s FROM written_version
    WHERE kind = ? AND name = ? ORDER BY version
"""
_TEXT = """
    SELECT document.text, document.sha256 FROM written_version JOIN document USING (sha256)
    WHERE kind = ? AND name = ? AND version = ?
"""
# Which version a run was ordered with stands in its settings, under the name of the file.
_RUNS = """
    SELECT run.run_id, json_extract(origin.settings_json, '$.{kind}_version') FROM origin JOIN run USING (run_id)
    WHERE origin.{kind}_file = ? AND json_extract(origin.settings_json, '$.{kind}_version') IS NOT NULL
    ORDER BY run.number DESC
"""


class FileKind(StrEnum):
    """What is written: recipes, or cells."""

    RECIPE = "recipe"
    CELL = "cell"

    @property
    def setting(self) -> str:
        """The key of a run's settings in which its version stands."""
        return f"{self.value}_version"


class VersionSaved(Exception):
    """Somebody has saved a version meanwhile, or the name is taken; the message says which. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a recipe or cell: its number from 1, the hash of its text, who wrote it and when."""

    name: str
    version: int
    sha256: str
    written_by: str
    at_unix_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return the version for JSON, its time in both forms."""
        return {
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "by": self.written_by,
            "at_unix_s": self.at_unix_s,
            "at_utc": iso_utc(self.at_unix_s),
        }


class Versions:
    """The versions of one store, of recipes or of cells."""

    def __init__(self, store: Store, kind: FileKind) -> None:
        self._store = store
        self._kind = kind

    def add(self, name: str, text: str, base: int, by: str, at_unix_s: float) -> Version:
        """Store the version that follows ``base`` (0: the first), which its writer has seen as the newest.

        Raises VersionSaved where another one was saved meanwhile or a name differs by the size of letters only, and
        StoreError.
        """
        document = Document(name, text)
        with self._store.transaction() as connection:
            # Read in the transaction that writes: of two who save at once the second sees the first.
            sql = (
                "SELECT name, version, sha256, written_by, at_unix_s FROM written_version WHERE kind = ? AND name = ? "
            )
            sql += "COLLATE NOCASE ORDER BY version DESC LIMIT 1"
            last = connection.execute(sql, (self._kind.value, name)).fetchone()
            newest = None if last is None else Version(*last)
            if newest == Version(name, base + 1, document.sha256, by, newest.at_unix_s if newest else 0.0):
                # The answer to the same order was lost.
                return newest
            self._check(name, base, newest, document.sha256)
            connection.execute("INSERT OR IGNORE INTO document VALUES (?, ?)", (document.sha256, text))
            row = (name, base + 1, document.sha256, by, at_unix_s)
            connection.execute("INSERT INTO written_version VALUES (?, ?, ?, ?, ?, ?)", (self._kind.value, *row))
        return Version(*row)

    def _check(self, name: str, base: int, newest: Version | None, sha256: str) -> None:
        what = self._kind.value
        if newest is None:
            if base:
                raise VersionSaved(f"there is no {what} {name} yet, so that it has no version {base}")
            return
        if newest.name != name:
            raise VersionSaved(f"there is {newest.name} already, which differs in the size of letters only: use that")
        if base == 0:
            raise VersionSaved(f"there is a {what} {name} already: choose another name, or write its next version")
        if newest.version != base:
            raise VersionSaved(
                f"{newest.written_by} has saved version {newest.version} of {name} meanwhile, and you have seen "
                f"version {base}. Nothing was saved: compare both, and save yours on top of it"
            )
        if newest.sha256 == sha256:
            raise VersionSaved(f"this is version {base} of {name} to the letter: there is nothing to save")

    def newest(self) -> list[Version]:
        """Return the newest version of each name, last written first."""
        with explained(self._store.path):
            rows = self._store.connection.execute(_NEWEST, (self._kind.value,)).fetchall()
        return [Version(*row) for row in rows]

    def of(self, name: str) -> list[Version]:
        """Return the versions of a name, oldest first; none for a name that nobody wrote."""
        with explained(self._store.path):
            rows = self._store.connection.execute(_ALL, (self._kind.value, name)).fetchall()
        return [Version(*row) for row in rows]

    def version_of(self, name: str, version: int | None = None) -> Version | None:
        """Return a version of a name, the newest unless one is said; None where there is none."""
        found = [one for one in self.of(name) if version in (None, one.version)]
        return found[-1] if found else None

    def document(self, one: Version) -> Document:
        """Return the file of a version, under its name. Raises Damaged for a text that was changed in the store."""
        with explained(self._store.path):
            row = self._store.connection.execute(_TEXT, (self._kind.value, one.name, one.version)).fetchone()
        document = Document(one.name, row[0] if row is not None else "")
        if document.sha256 != one.sha256:
            raise Damaged(
                f"version {one.version} of the {self._kind.value} {one.name} in {self._store.path} is not the one that "
                f"{one.written_by} wrote (its hash differs): somebody has changed it in the store; go back to the "
                "last backup"
            )
        return document

    def runs(self, name: str) -> dict[int, list[str]]:
        """Return the ids of the runs that were ordered with each version of a name, newest first."""
        sql = _RUNS.format(kind=self._kind.value)
        with explained(self._store.path):
            rows = self._store.connection.execute(sql, (name,)).fetchall()
        found: dict[int, list[str]] = {}
        for run_id, version in rows:
            found.setdefault(int(version), []).append(str(run_id))
        return found
