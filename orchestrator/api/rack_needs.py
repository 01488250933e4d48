"""What needs a person on a rack, in lines, most urgent first; what is put off stands behind, with who said so."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.api.how_long import HowLong
from orchestrator.api.models.rack import Need, Priority, PutOff, RackRow
from orchestrator.api.need_lines import NeedLines
from orchestrator.api.put_offs import PutOffs, Word, until_unix_s
from orchestrator.api.raw_needs import needs_of_rig, needs_of_row
from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.claims import CommandRefused, NoSuchThing
from orchestrator.rack.service import Service
from orchestrator.store.errors import explained

# So often is looked at what is no row: it changes seldom, and asks the store.
_RIG_EVERY_S = 5.0
_NEWEST = """
    SELECT id, kind, message FROM event WHERE run_id IS NULL AND kind IN (?, ?) AND id > ? ORDER BY id DESC LIMIT 1
"""
_RECENT = 20_000


class RackNeeds:
    """The lines of one service; ``rev`` grows with each change of any."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lines = NeedLines()
        self._put_offs = PutOffs(service.store)
        self._looked_unix_s = float("-inf")
        self._event = -1
        self._notices_failed = ""
        self.now: list[Need] = []
        self.rev = 0

    def look(self, rows: Sequence[RackRow]) -> None:
        """Bring the lines up to now. Raises StoreError."""
        now = wall_time()
        if now - self._looked_unix_s >= _RIG_EVERY_S:
            self._looked_unix_s = now
            self._hear_of_notices()
        raw = [*needs_of_rig(self._service, self._notices_failed)]
        raw += [one for row in rows if (one := needs_of_row(row)) is not None]
        found = self._lines.lines(raw, now)
        words = self._put_offs.now(now)
        for need in found:
            off = [words.get(name) for name in need.members]
            if need.priority is Priority.B and (later := [it for it in off if it is not None]) and None not in off:
                first = min(later, key=lambda it: it.until_unix_s)
                need.put_off = PutOff(by=first.by, reason=first.reason, until_at=first.until_unix_s)
        found.sort(key=lambda need: need.put_off is not None)
        if found != self.now:
            self.now, self.rev = found, self.rev + 1

    def put_off(self, name: str, how_long: HowLong, by: str, reason: str) -> Need:
        """Put a line off. Raises NoSuchThing, CommandRefused for what is to be done now, and StoreError."""
        need = next((it for it in self.now if it.id == name), None)
        if need is None:
            raise NoSuchThing(f"{name} is no longer there: nothing has to be put off")
        if need.priority is not Priority.B:
            why = "it needs a person now" if need.priority is Priority.A else "nothing has to be done yet"
            raise CommandRefused(f"this cannot be put off: {why}")
        now = wall_time()
        until = until_unix_s(how_long, now)
        of = ", ".join(need.channels) or "the rig"
        # By a simulated rack's clock no date means anything to people.
        when = f"for {duration_words(until - now)}" if self._service.simulated else f"until {local_time(until)}"
        said = f"put off {when} by {by}: {reason} ({of}: {need.text or need.code})"
        self._put_offs.add(need.members, Word(by, reason, until), said, now)
        need.put_off = PutOff(by=by, reason=reason, until_at=until)
        self.rev += 1
        return need

    def _hear_of_notices(self) -> None:
        """Read whether people are reached, as the newest word of the notices has it."""
        store = self._service.store
        with explained(store.path):
            (newest,) = store.connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()
            kinds = EventKind.NOTICES_FAILED.value, EventKind.NOTICES_WORK.value
            since = max(self._event, newest - _RECENT)
            row = store.connection.execute(_NEWEST, (*kinds, since)).fetchone()
        self._event = newest
        if row is not None:
            self._notices_failed = row[2] if row[1] == EventKind.NOTICES_FAILED.value else ""
