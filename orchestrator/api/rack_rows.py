"""The rows of the rack: each is made anew when its channel has changed, and has the revision at which it did.

One look at a rack costs little where nothing has changed, and lets others go on after each channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor

from orchestrator.api.channel_facts import ChannelFacts, FactsReader, since_of
from orchestrator.api.models.rack import Priority, RackRow
from orchestrator.api.rack_needs import RackNeeds
from orchestrator.api.rack_row import make_row
from orchestrator.clock.scaled import others_unix_s
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.service import Service

# So often a row is made anew where only time passes: an unseen run turns into one that a person looks at.
_ANEW_S = 10.0
# An expected end that moved by less is the same: it is an estimate.
_SAME_END_S = 2.0
# The tester confirms a stop within so long; after it somebody has to look at the channel.
STOP_LATE_S = 30.0
# What changes with every look, and is no change.
_NO_CHANGE = {"rev", "seen_at", "left_s"}


@dataclass(slots=True)
class _Kept:
    """A row with what it was made of."""

    row: RackRow
    key: tuple[object, ...]
    flags: tuple[object, ...]
    made_unix_s: float
    # The revision at which its run, its state or what may be done there changed last.
    acts_rev: int = 0
    told: dict[str, object] = field(default_factory=dict)


class RackRows:
    """The rows of one service, the latest of each channel; ``rev`` grows with every change of any."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reader = FactsReader(service)
        self._kept: dict[str, _Kept] = {}
        # Of channels with a run: its status, and since when it is in that state.
        self._since: dict[str, tuple[object, float]] = {}
        # Of channels without a run: the state, and since when it was seen.
        self._states: dict[str, tuple[str, float | None]] = {}
        # Since when a stop is ordered and not confirmed, by channel.
        self._stop_since: dict[str, float] = {}
        self._looking = asyncio.Lock()
        self.needs = RackNeeds(service)
        self.rev = 0
        self.life = ""

    @property
    def channels(self) -> list[str]:
        """All channels, in rack order."""
        return list(self._kept)

    def rows(self, since: int = 0) -> list[RackRow]:
        """Return the rows that have changed after a revision, as they were at the last look."""
        return [kept.row for kept in self._kept.values() if kept.row.rev > since]

    def row(self, channel: str) -> RackRow | None:
        """Return the row of a channel as it was at the last look; None for none."""
        kept = self._kept.get(channel)
        return kept.row if kept is not None else None

    async def look(self) -> None:
        """Bring all rows up to now. Raises StoreError."""
        async with self._looking:
            self._begin()
            channels = self._service.channels()
            for channel in channels:
                self._update(channel)
                await asyncio.sleep(0)
            if list(self._kept) != channels:
                self._kept = {channel: self._kept[channel] for channel in channels}
                self.rev += 1
            self.needs.look(self.rows())

    def look_at(self, channel: str) -> RackRow:
        """Return the row of one channel as it is now. Raises NoSuchThing and StoreError."""
        self._begin()
        self._update(channel)
        return self._kept[channel].row

    def _begin(self) -> None:
        if not self.rev:
            # A later life of control begins with a later one.
            self.rev = round(others_unix_s() * 1000)
            self.life = f"{self.rev:x}"
        self._reader.begin()

    def _update(self, channel: str) -> None:
        facts, now, kept = self._reader.of(channel), wall_time(), self._kept.get(channel)
        key, flags = facts.key(), facts.flags()
        seen = facts.supervisor.watch.seen_unix_s.get(channel)
        # Rather older than younger.
        seen_at = None if seen is None else floor(seen * 10) / 10
        if kept is None or flags != kept.flags or not _same(key, kept.key) or now - kept.made_unix_s >= _ANEW_S:
            kept = self._made(facts, key, flags, kept)
        kept.row.seen_at = seen_at
        if kept.row.ends_at is not None:
            kept.row.left_s = max(0.0, kept.row.ends_at - now)

    def _made(
        self, facts: ChannelFacts, key: tuple[object, ...], flags: tuple[object, ...], before: _Kept | None
    ) -> _Kept:
        now = wall_time()
        row = make_row(facts, self._since_of(facts), now)
        if not facts.stop_is_pending:
            self._stop_since.pop(row.channel, None)
        elif now - self._stop_since.setdefault(row.channel, now) >= STOP_LATE_S:
            row.priority = Priority.A
        if row.run_id is None:
            known, since = self._states.get(row.channel, ("", None))
            if known != row.state:
                since = now if known else None
                self._states[row.channel] = row.state, since
            row.since = since
        if before is not None and row.ends_at is not None and before.row.ends_at is not None:
            is_same = before.row.run_id == row.run_id and abs(before.row.ends_at - row.ends_at) < _SAME_END_S
            row.ends_at = before.row.ends_at if is_same else row.ends_at
        told = row.model_dump(exclude=_NO_CHANGE if row.ends_at is not None else _NO_CHANGE - {"left_s"})
        if before is None or told != before.told:
            self.rev += 1
            row.rev = self.rev
        else:
            row.rev = before.row.rev
        acts = self.rev
        if before is not None and _acts(before.row) == _acts(row):
            acts = before.acts_rev
        kept = self._kept[facts.channel] = _Kept(row, key, flags, now, acts, told)
        return kept

    def check_seen(self, channel: str, run_id: str | None, rev: int | None) -> None:
        """Raise CommandRefused where a channel is not as somebody saw it: another run, or it changed after ``rev``."""
        if run_id is None and rev is None:
            return
        row = self.look_at(channel)
        now = f"{row.run_id} ({row.label}) is there, {row.state}" if row.run_id else f"it is {row.state}"
        if run_id is not None and row.run_id != run_id:
            raise CommandRefused(f"{channel} is not as you saw it: {run_id} was there, and now {now}. Look again")
        if rev is not None and rev < self._kept[channel].acts_rev:
            raise CommandRefused(f"{channel} has changed since you looked: now {now}. Look again")

    def _since_of(self, facts: ChannelFacts) -> float | None:
        """Return since when the run of a channel is in its state, read anew when its status has changed."""
        run = facts.run
        if run is None:
            return facts.mounted.state_unix_s if facts.mounted is not None else None
        # A run may have left its state and come back to it between two looks: its status is another one then.
        known, since = self._since.get(facts.channel, (None, 0.0))
        if known is not run.status:
            since = since_of(self._service, [run.run_id]).get(run.run_id, wall_time())
            self._since[facts.channel] = run.status, since
        return since


def _acts(row: RackRow) -> tuple[object, ...]:
    """Return what somebody who orders something must have seen."""
    return row.run_id, row.state, row.since, row.actions


def _same(one: Sequence[object], other: Sequence[object]) -> bool:
    """Return whether two lists are of the very same objects."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
