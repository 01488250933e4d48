"""Carries an order that is sent twice out once: whoever orders gives it a key, and the first answer is kept with it.

A program whose connection broke does not know whether its order was taken. It sends the same again, with the same key,
and is given the answer that it missed. The answer is an event of the run, written together with the run: neither is in
the store without the other, whatever dies in between.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from orchestrator.events import EventKind
from orchestrator.runs.run import Run
from orchestrator.store import Store
from orchestrator.store.errors import explained
from protocols.errors import InputError

_FIND = """
    SELECT run_id, data_json FROM event
    WHERE kind = ?1 AND (json_extract(data_json, '$.key') = ?2 OR json_extract(data_json, '$.list') = ?2)
    ORDER BY id LIMIT 1
"""


class KeyReused(InputError):
    """The key of an order was given before, with another order."""


@dataclass(frozen=True, slots=True)
class OrderKey:
    """The key of an order, and the digest of the order that it was given with.

    Of a list of orders each line has a key of its own, with the digest of the whole list; ``list_key`` is then the key
    that the list was given with, empty of a single order.
    """

    key: str
    body_sha256: str
    list_key: str = ""

    @classmethod
    def of(cls, key: str, order: dict[str, Any]) -> OrderKey:
        """Return the key of an order, which is told from others by its values, not by how its text is laid out."""
        text = json.dumps(order, sort_keys=True, separators=(",", ":"))
        return cls(key, hashlib.sha256(text.encode()).hexdigest())

    def of_line(self, line: int) -> OrderKey:
        """Return the key of one line of a list; no client can give such a key itself, which has no space."""
        return OrderKey(f"{self.key} {line}", self.body_sha256, self.key)


class OrderKeys:
    """The keys of the orders in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answered(self, key: OrderKey) -> dict[str, Any] | None:
        """Return the answer to an order that was carried out, None for a new one. Raises KeyReused and StoreError."""
        with explained(self._store.path):
            row = self._store.connection.execute(_FIND, (EventKind.ORDER_KEY, key.key)).fetchone()
        if row is None:
            return None
        run_id, kept = row[0], json.loads(row[1])
        if kept["body_sha256"] != key.body_sha256:
            raise KeyReused(
                f"the idempotency key {key.key!r} was given with another order, which is {run_id}: nothing is ordered. "
                "Send the very same order to have its answer, or give a new order a key of its own"
            )
        answer: dict[str, Any] = kept["answer"]
        return answer

    def keep(self, key: OrderKey, run: Run, answer: dict[str, Any]) -> None:
        """Store the answer to an order, inside the transaction that stores its run."""
        data = {"key": key.key, "body_sha256": key.body_sha256, "answer": answer}
        data |= {"list": key.list_key} if key.list_key else {}
        run.journal.note(EventKind.ORDER_KEY, f"ordered with the idempotency key {key.key}", data)
