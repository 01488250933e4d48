"""Checks the chain of the audit log, and names the first entry that is not as it was written.

It finds every change, cut and swap by somebody who does not make all hashes behind it anew, and a tail cut off by
somebody who leaves the anchor as it is. Whoever has the rights of the rig's owner and changes both is not found, unless
an earlier ``hash`` was kept elsewhere: give it as ``known``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from orchestrator.people.audit_entry import GENESIS, Entry
from orchestrator.people.audit_log import Anchor, chained, read_anchor
from orchestrator.people.errors import FileUnusable
from orchestrator.people.private_file import anchor_path, people_path


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What a check has found. ``broken``: the number of the first entry that is wrong or missing, None if all hold."""

    entries: int
    last_unix_ms: int | None
    hash: str
    broken: int | None
    words: str

    @property
    def holds(self) -> bool:
        """Whether no entry is broken."""
        return self.broken is None


NOTHING = ChainCheck(0, None, GENESIS, None, "there are no entries yet")


def check_chain(
    entries: Iterable[Entry], anchor: Anchor | None, known: str = "", since: ChainCheck = NOTHING
) -> ChainCheck:
    """Check entries in their order against each other and the anchor, all that follow those of an earlier check."""
    before, number, last_unix_ms, is_known = since.hash, since.entries, since.last_unix_ms, not known
    at_anchor = before if anchor is not None and anchor.number == number else ""
    for entry in entries:
        if entry.number != number + 1:
            return ChainCheck(number, last_unix_ms, before, number + 1, f"entry {number + 1} is missing")
        if entry.hash != entry.expected_hash(before):
            return ChainCheck(number, last_unix_ms, before, entry.number, f"entry {entry.number} was changed")
        number, before, last_unix_ms = entry.number, entry.hash, entry.at_unix_ms
        at_anchor = entry.hash if anchor is not None and anchor.number == number else at_anchor
        is_known = is_known or entry.hash == known
    held = f"all {number} entries hold; the last hash is {before}"
    if anchor is None and number:
        words = f"{held}; there is no anchor beside the log, so it is not known whether later ones were cut off"
        return ChainCheck(number, last_unix_ms, before, number + 1, words)
    if anchor is not None and anchor.number > number:
        words = f"entries {number + 1} to {anchor.number} are missing: the anchor knows them"
        return ChainCheck(number, last_unix_ms, before, number + 1, words)
    if anchor is not None and anchor.hash != at_anchor:
        words = f"entry {anchor.number} is not the one that the anchor knows: the log was written anew"
        return ChainCheck(number, last_unix_ms, before, anchor.number, words)
    if not is_known:
        words = f"no entry has the hash {known[:64]}: the log was written anew"
        return ChainCheck(number, last_unix_ms, before, 1, words)
    return ChainCheck(number, last_unix_ms, before, None, held if number else "there are no entries yet")


def check_file(store: Path, known: str = "", since: ChainCheck = NOTHING) -> ChainCheck:
    """Check the audit log of a store, all of it or what follows an earlier check; on any thread. Raises FileUnusable.

    What follows is checked from the last entry of the earlier check on, which must be the one that it was.
    """
    path = people_path(store)
    if not path.exists():
        raise FileUnusable(f"there is no {path}: nobody has signed in or ordered anything by a service of this store")
    # The anchor first: what is written meanwhile only makes the log longer.
    anchor = read_anchor(anchor_path(store))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)) as connection:
            if since.entries and not _stands(connection, since):
                since = NOTHING
            return check_chain(chained(connection, since.entries), anchor, known, since)
    except sqlite3.Error as err:
        raise FileUnusable(f"the audit log in {path} cannot be read: {err}") from err


def _stands(connection: sqlite3.Connection, since: ChainCheck) -> bool:
    sql = "SELECT 1 FROM entry WHERE number = ? AND hash = ?"
    return connection.execute(sql, (since.entries, since.hash)).fetchone() is not None
