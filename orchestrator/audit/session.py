"""One audit of a bench: a reader and a follower for each CT-4008, and the report at its end, whenever that comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.errors import SettingsError
from drivers.neware.reader import LinkOpening, NewareReader
from drivers.neware.settings import NewareSettings
from orchestrator.audit.following import Follower, Look
from orchestrator.audit.kept_findings import KeptFindings
from orchestrator.audit.rack_audit import RackAudit
from orchestrator.audit.report import AuditReport, gravest_first
from orchestrator.clock.durations import duration_words
from orchestrator.clock.virtual import wall_time

# Live values are so old at most (reference neware-ct4008, section 2.3).
_LAG_S = 5.0


@dataclass(frozen=True, slots=True)
class AuditOrder:
    """What is to be audited: the CT-4008s of a bench, some of their channels (none named: all), and for how long.

    ``schedules``: where step files are; else the folder of each tester's settings, where that is one. ``keep``: the
    file in which each finding is kept as it is found.
    """

    bench: str
    testers: Sequence[NewareSettings]
    channels: Sequence[str] = ()
    for_s: float = 8 * 3600.0
    schedules: Path | None = None
    is_simulated: bool = False
    keep: Path | None = None


class AuditSession:
    """An audit; ``report`` is what it has seen so far, also after it was ended early."""

    def __init__(
        self,
        order: AuditOrder,
        show: Callable[[Look], None] = lambda _: None,
        connect: LinkOpening | None = None,
    ) -> None:
        """Audit by this order; ``show`` is told each look, ``connect`` replaces TCP. Raises SettingsError."""
        self._order, self._show, self._connect = order, show, connect
        self._kept: KeptFindings | None = None
        known = [name for tester in order.testers for name in tester.channel_names()]
        if unknown := [name for name in order.channels if name not in known]:
            raise SettingsError(
                f"there is no channel {unknown[0]!r} on a CT-4008 of this bench; there are {', '.join(known)}"
            )
        self._readers: list[NewareReader] = []
        self._audits: list[RackAudit] = []
        self._notes: list[str] = []
        self._began_s = self._ended_s = 0.0
        self._looks = self._failed = 0
        self._trouble = ""

    async def run(self) -> None:
        """Follow every tester until the time is over. Raises ConnectionFailed where one does not answer at first."""
        self._began_s = self._ended_s = wall_time()
        if self._order.keep is not None:
            self._kept = KeptFindings(self._order.keep, self._order.bench, self._began_s)
        async with AsyncExitStack() as stack:
            if self._kept is not None:
                stack.callback(self._noted_end, self._kept)
            following = [await self._opened(stack, tester) for tester in self._order.testers]
            async with asyncio.TaskGroup() as group:
                for follower, tester in zip(following, self._order.testers, strict=True):
                    group.create_task(follower.follow(self._order.for_s, tester.poll_period_s, self._looked))

    def _noted_end(self, kept: KeptFindings) -> None:
        kept.looked(self._ended_s, is_last=True)

    async def _opened(self, stack: AsyncExitStack, tester: NewareSettings) -> Follower:
        reader = NewareReader(tester, self._connect)
        stack.push_async_callback(reader.close)
        there = await reader.open()
        self._readers.append(reader)
        described = set(tester.channel_names())
        if strangers := [name for name in there if name not in described]:
            self._notes.append(
                f"{tester.name}: not audited, as the bench file has no unit of theirs: {_few(strangers)}"
            )
        wanted = self._order.channels or described
        channels = [name for name in there if name in described and name in wanted]
        if missing := [name for name in wanted if name in described and name not in there]:
            self._notes.append(f"{tester.name}: in the bench file, but BTS does not list them: {_few(sorted(missing))}")
        audit = RackAudit({name: tester.envelope(name) for name in channels}, _LAG_S)
        self._audits.append(audit)
        schedules = self._order.schedules or tester.step_files
        if not schedules.is_dir():
            self._notes.append(f"{schedules} is no folder: no step file was compared with what ran")
        return Follower(reader, channels, audit, schedules if schedules.is_dir() else None)

    def _looked(self, look: Look) -> None:
        self._ended_s = max(self._ended_s, look.now_unix_s)
        self._looks += 1
        if self._kept is not None:
            # All that was found: a look that failed has not told all, nor has a full disk taken it.
            self._kept.keep([finding for audit in self._audits for finding in audit.findings])
            self._kept.looked(look.now_unix_s)
            # What an audit before this one has told is in the report alone.
            look = replace(look, new=tuple(it for it in look.new if self._kept.is_new(it)))
        if look.trouble:
            self._failed += 1
            self._trouble = look.trouble
        self._show(look)

    def report(self) -> AuditReport:
        """Return what has been seen so far."""
        sent: dict[str, int] = {}
        for reader in self._readers:
            for command, times in reader.sent.items():
                sent[command] = sent.get(command, 0) + times
        found = [finding for audit in self._audits for finding in audit.findings]
        notes = list(self._notes)
        began_s, looked_s = self._began_s, self._ended_s - self._began_s
        if self._kept is not None:
            found = self._kept.merged(found)
            if before := len(self._kept.earlier):
                notes.append(
                    f"{before} of the findings were in {self._order.keep} already, from audits before this one"
                )
            began_s, looked_s = self._kept.began_unix_s, looked_s + self._kept.earlier_looked_s
            if (gap_s := self._ended_s - began_s - looked_s) >= 1.0:
                notes.append(f"between the audits in {self._order.keep} nobody looked for {duration_words(gap_s)}")
            notes += [self._kept.trouble] if self._kept.trouble else []
        return AuditReport(
            self._order.bench,
            began_s,
            self._ended_s,
            looked_s,
            gravest_first(found),
            tuple(summary for audit in self._audits for summary in audit.summaries()),
            self._looks,
            self._failed,
            self._trouble,
            tuple(notes),
            tuple(sorted(sent.items())),
            self._order.is_simulated,
        )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
