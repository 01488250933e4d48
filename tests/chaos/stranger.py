"""A stranger at the broker: what came to him of the feed, and in the morning whether that is what is stored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.clock.virtual import wall_time
from tests.feed_checks import CYCLES, EVENTS, missing_cycles, missing_events, wrong_cycles, wrong_events
from tests.kill.checks import read
from tests.memory_broker import Health, MemoryBroker

# What leaves so long after it has happened is marked: as stored before the connection, or as sent again.
LATE_S = 60.0
_NEW_EVENTS = "SELECT id FROM event WHERE id >= ? ORDER BY id"
_SPECTRA = "SELECT run_id, test FROM measurement JOIN test ON test.id = measurement.test"
# What is compared of each kind of message; samples and states are no promise.
_KEPT = {
    "event": ("sequence", "previous", "channel", "sentence", "repeat", "backfill", "at_unix_s"),
    "cycle": ("sequence", "run_id", "charge_capacity_ah", "discharge_capacity_ah", "repeat", "revised", "backfill"),
    "spectrum": ("sequence", "run_id", "repeat", "revised", "backfill"),
}


class Stranger(MemoryBroker):
    """The broker, and what its one subscriber got: nothing is promised of messages that the broker throws away."""

    def __init__(self, seed: int, stored_unix_s: Callable[[int], float | None]) -> None:
        """Take what says when an event was stored, by its number: some happened long before."""
        super().__init__(seed)
        self.health = Health.WELL
        self.came: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in _KEPT}
        self.unmarked: list[str] = []
        self._thrown: dict[str, set[tuple[Any, int]]] = {kind: set() for kind in _KEPT}
        self._stored_unix_s = stored_unix_s
        self._epoch_unix_s = wall_time()

    def deliver(self, topic: str, payload: bytes, sent_s: float) -> None:
        """Note what came, and whether it should have said that it is late."""
        kind = topic.rpartition("/")[2]
        if kind not in _KEPT:
            return
        body = json.loads(payload)
        self.came[kind].append({name: body.get(name) for name in _KEPT[kind]})
        if kind != "event":
            return
        stored_unix_s: float = self._stored_unix_s(body["sequence"]) or body["at_unix_s"]
        late_s = self._epoch_unix_s + sent_s - stored_unix_s
        if late_s > LATE_S and not (body["backfill"] or body["repeat"]):
            self.unmarked.append(f"event {body['sequence']} was sent {late_s:.0f} s late and does not say so")

    def throw_away(self, topic: str, payload: bytes) -> None:
        """Note of what nobody may say that it was lost by the feed."""
        super().throw_away(topic, payload)
        kind = topic.rpartition("/")[2]
        if kind in _KEPT:
            body = json.loads(payload)
            self._thrown[kind].add((None if kind == "event" else body["run_id"], body["sequence"]))

    def missing(self, store: Path, after: int = 0) -> list[str]:
        """Return what is stored and never came, but for what was thrown away; of events those after a number."""
        came = [body for body in self.came["event"] if body["sequence"] >= after]
        events = {(None, number) for number in missing_events(read(store, _NEW_EVENTS, after), came)}
        cycles = set(missing_cycles(read(store, CYCLES), self.came["cycle"]))
        measured = {(row["run_id"], row["test"]) for row in read(store, _SPECTRA)}
        spectra = measured - {(body["run_id"], body["sequence"]) for body in self.came["spectrum"]}
        found: dict[str, set[Any]] = {"event": events, "cycle": cycles, "spectrum": spectra}
        return [f"{kind} {it}" for kind, lost in found.items() for it in sorted(lost - self._thrown[kind], key=repr)]

    def check(self, store: Path) -> None:
        """Check that nothing is lost, all is in order and as stored, and what is late or comes twice says so."""
        wrong = [*self.unmarked, *self.missing(store)]
        wrong += wrong_events(read(store, EVENTS), self.came["event"])
        # One that was stored anew, and then thrown away, stands as it was before.
        kept = [row for row in read(store, CYCLES) if (row["run_id"], row["cycle"]) not in self._thrown["cycle"]]
        wrong += wrong_cycles(kept, self.came["cycle"])
        for kind in ("cycle", "spectrum"):
            seen: set[tuple[str, int]] = set()
            for body in self.came[kind]:
                key = body["run_id"], body["sequence"]
                if key in seen and not (body["repeat"] or body["revised"]):
                    wrong.append(f"{kind} {key} came twice and does not say so")
                seen.add(key)
        assert not wrong, f"{len(wrong)} faults of the feed, such as {wrong[:5]}"

    def figures(self) -> str:
        """Say what came."""
        came = self.came
        marks = Counter(mark for it in came.values() for body in it for mark in ("repeat", "backfill") if body[mark])
        thrown = sum(len(it) for it in self._thrown.values())
        return (
            f"{len({body['sequence'] for body in came['event']})} events, "
            f"{len({(body['run_id'], body['sequence']) for body in came['cycle']})} cycles and "
            f"{len({body['sequence'] for body in came['spectrum']})} spectra came, 0 lost; {marks['repeat']} came "
            f"again and {marks['backfill']} late, all marked; the broker has answered {thrown} and thrown them away"
        )
