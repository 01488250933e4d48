"""What needs a person, one thing at a time: of a channel, out of its row, or of the rig as a whole."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.api.models.rack import Priority, RackRow, Values
from orchestrator.clock.scaled import others_unix_s
from orchestrator.events.told_codes import head_of
from orchestrator.rack.service import Service
from orchestrator.states import RunState

# A backup is made every day.
_BACKUP_LATE_S = 2 * 86400.0
# Channel states that are as urgent as an unknown run; others are those of runs. A stop that is not confirmed is, too.
STOP_SENT = "stop.sent"
_AS_UNKNOWN = frozenset({"other"})
_NUMBERS = re.compile(r"\d+([.,]\d+)*")


@dataclass(frozen=True, slots=True)
class RawNeed:
    """One thing that needs a person. ``since`` None: it is not known, and counts from when it is first seen.

    ``urgency`` orders those of one priority, 0 first. ``family`` is what it has in common with others of its kind.
    """

    id: str
    priority: Priority
    code: str
    text: str
    family: str
    since: float | None = None
    values: Values = field(default_factory=dict)
    urgency: int = 0
    instrument: str = ""
    unit: str = ""
    channel: str | None = None
    run_id: str | None = None
    label: str | None = None
    actions: tuple[str, ...] = ()


def needs_of_row(row: RackRow) -> RawNeed | None:
    """Return what a channel needs; None where nobody is wanted there.

    What is over and done is only to be known: it stands in the row, and nowhere else. A channel out of sight is told at
    once, also before anybody has to look.
    """
    if row.priority is None or (row.priority is Priority.C and row.state not in {"unseen", "no_answer"}):
        return None
    head = head_of(RunState(row.state)) if row.state in set(RunState) else row.state
    code = row.reason.code if row.reason is not None else f"{head}.other"
    began = "" if row.since is None else f"-{row.since:.0f}"
    return RawNeed(
        id=f"{row.channel}-{row.run_id or row.state}-{row.state}{began}",
        priority=row.priority,
        code=code,
        text=row.reason.text if row.reason is not None else "",
        family="stop" if code == STOP_SENT else row.state,
        since=row.since,
        values=dict(row.reason.values) if row.reason is not None else {},
        urgency=0 if row.state in _AS_UNKNOWN or code == STOP_SENT else _urgency(row.state),
        instrument=row.instrument,
        unit=row.unit,
        channel=row.channel,
        run_id=row.run_id,
        label=row.label,
        actions=tuple(action for action in row.actions if action not in {"note", "repeat", "start"}),
    )


def _urgency(state: str) -> int:
    return RunState(state).urgency if state in set(RunState) else RunState.UNSEEN.urgency


def needs_of_rig(service: Service, notices_failed: str) -> Iterator[RawNeed]:
    """Yield what the rig as a whole needs; ``notices_failed`` says that people are not reached, or is empty."""
    if service.observes_until_unix_s is not None:
        until = service.observes_until_unix_s
        text = "the service has died again and again: it only observes, and starts nothing"
        yield _of_rig("rig.observes", text, {"until_at": until})
    for sentence in service.troubles:
        yield _of_rig("rig.trouble", sentence, {"text": sentence}, _told_apart(sentence))
    for supervisor in service.supervisors:
        if found := supervisor.clock.finding:
            yield _of_rig("rig.clock", found, {"instrument": supervisor.tester.name}, supervisor.tester.name)
    for oven in service.ovens.reports():
        if oven.needs_person:
            yield _of_rig("rig.oven", f"{oven.name}: {oven.words}", {"oven": oven.name}, oven.name)
    made = service.newest_backup_unix_s
    # Backups go by this machine's clock, also beside a fast simulated rack.
    if made is not None and made > 0 and others_unix_s() - made > _BACKUP_LATE_S:
        yield _of_rig("rig.backup", "no backup of the store was made for two days", {"made_at": made})
    if notices_failed:
        yield _of_rig("rig.notices", notices_failed, {"text": notices_failed})


def _of_rig(code: str, text: str, values: Values, which: str = "") -> RawNeed:
    return RawNeed(f"{code}-{which}" if which else code, Priority.B, code, text, code, values=values, urgency=9)


def _told_apart(sentence: str) -> str:
    """Return a short name of a sentence that is the same when only its numbers are others."""
    return f"{zlib.crc32(_NUMBERS.sub('', sentence).encode()):08x}"
