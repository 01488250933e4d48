"""The audit log as people read it: each act with its outcome, newest first, by person, kind and time."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.people.audit_entry import COLUMNS, Entry
from orchestrator.people.people_file import PeopleFile

# Acts that are an outcome by themselves, written once.
DONE_AT_ONCE = frozenset({"sign_in", "sign_in_failed", "set_up", "anchor_missing"})
_TOLD = ", ".join(f"entry.{name}" for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts are wanted: of a person, of a kind, in a span of Unix time in ms, below a number; empty for all."""

    person: str = ""
    act: str = ""
    from_unix_ms: int = 0
    until_unix_ms: int = 0
    below: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, and the status of what came of it; None when that is not known."""

    entry: Entry
    status: int | None

    @property
    def outcome(self) -> str:
        """The outcome as a word: done, refused, failed, or not known."""
        if self.entry.act in DONE_AT_ONCE:
            return "failed" if self.entry.act == "sign_in_failed" else "done"
        if self.status is None:
            return "not known"
        return "done" if self.status < 400 else "refused" if self.status < 500 else "not confirmed"


def deeds(file: PeopleFile, wanted: Wanted) -> list[Deed]:
    """Return the acts that are wanted, newest first. Raises FileUnusable."""
    sql = f"SELECT {_TOLD}, told.status AS came_of_it FROM entry LEFT JOIN entry AS told ON told.outcome_of = "  # noqa: S608 names of ours
    sql += "entry.number WHERE entry.outcome_of IS NULL"
    values: list[object] = []
    for condition, value in (
        ("entry.person = ?", wanted.person),
        ("entry.act = ?", wanted.act),
        ("entry.at_unix_ms >= ?", wanted.from_unix_ms),
        ("entry.at_unix_ms < ?", wanted.until_unix_ms),
        ("entry.number < ?", wanted.below),
    ):
        if value:
            sql += f" AND {condition}"
            values.append(value)
    rows = file.rows(f"{sql} ORDER BY entry.number DESC LIMIT ?", *values, wanted.limit)
    return [Deed(Entry(**{name: row[name] for name in COLUMNS}), row["came_of_it"]) for row in rows]


def people_in(file: PeopleFile) -> list[str]:
    """Return everybody who has an entry, by name. Raises FileUnusable."""
    return [row["person"] for row in file.rows("SELECT DISTINCT person FROM entry WHERE person != '' ORDER BY person")]


def acts_in(file: PeopleFile) -> list[str]:
    """Return every kind of act that has an entry. Raises FileUnusable."""
    return [row["act"] for row in file.rows("SELECT DISTINCT act FROM entry ORDER BY act")]
