"""The rig in the morning report: sentences on its service, link, disk and backups, and what was marked of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from shlex import quote

from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.events import Event, EventKind, Severity, stored_event
from orchestrator.report.morning import Mark, RigLine
from orchestrator.report.morning_live import LiveRack
from orchestrator.report.morning_runs import Window
from orchestrator.states import ALSO
from orchestrator.store import RunRow, Store
from orchestrator.store.backup import backups
from orchestrator.store.companion_files import reserve_path
from orchestrator.store.disk_space import ROW_BYTES, SpaceVerdict, free_bytes, megabytes, space_verdict
from orchestrator.store.errors import explained
from orchestrator.store.health import BACKUP_AGE_S, CLOCKS_DIFFER_S
from orchestrator.store.place import real_path
from orchestrator.store.wal import WAL_CAP_BYTES, wal_size_bytes

# The same kind of mark on more runs than these is one line with their channels: one cause has many effects.
MOST_LINES = 5
# How long the disk lasts is told below this; beyond it nobody plans.
_TOLD_DAYS = 90
# The rig's own states, which have lines of their own.
_OWN_LINES = frozenset({EventKind.SERVICE_STARTED, EventKind.SERVICE_STOPPED, EventKind.SERVICE_AWAY, EventKind.BACKUP})
# Of kinds that follow one another the newest counts: there may be room again, a backup, or somebody who is reached.
_LATEST_COUNTS = (
    frozenset(kind for kind in EventKind if kind.name.startswith("SPACE_")),
    frozenset({EventKind.BACKUP_FAILED, EventKind.BACKUP}),
    frozenset({EventKind.NOTICES_FAILED, EventKind.NOTICES_WORK}),
    frozenset({EventKind.BROKER_LOST, EventKind.BROKER_BACK}),
)
# Why a run was not started is its reason.
_SAID_BY_STATE = frozenset({EventKind.STATE, EventKind.PREFLIGHT})
_EVENTS = """
SELECT event.id, run.channel, event.run_id, event.kind, event.message, event.at_unix_s, event.data_json
FROM event LEFT JOIN run ON run.run_id = event.run_id WHERE event.at_unix_s >= ? ORDER BY event.id
"""
_DEVIATIONS = """
SELECT deviation.run_id, run.channel, category, started_unix_s, ended_unix_s, effect
FROM deviation JOIN run ON run.run_id = deviation.run_id
WHERE started_unix_s >= ?1 OR ended_unix_s >= ?1 OR ended_unix_s IS NULL ORDER BY deviation.id
"""


def events_since(store: Store, since_unix_s: float) -> list[Event]:
    """Return the events of runs and of the rig since a moment, the oldest first."""
    with explained(store.path):
        rows = store.connection.execute(_EVENTS, (since_unix_s,)).fetchall()
    return [stored_event(*row) for row in rows]


def marks(
    store: Store, events: Sequence[Event], runs: Sequence[RunRow], reasons: Mapping[str, str], window: Window
) -> tuple[Mark, ...]:
    """Return what was marked of runs: warnings, alarms and deviations, the gravest first, then the newest.

    What the runs' own lines say is not among them: events of kind ``state``, and what stands in ``reasons``, why runs
    need hands or have stopped, by their ids.
    """
    told = [
        (event.severity, str(event.kind), event.run_id, event.channel or "", event.at_unix_s, event.sentence)
        for event in events
        if event.run_id and event.kind not in _SAID_BY_STATE and event.severity.is_at_least(Severity.WARNING)
    ]
    told = [row for row in told if not _is_reason(row, reasons.get(row[2], ""))]
    said = {(run_id, sentence) for _, _, run_id, _, _, sentence in told}
    told += [row for row in _deviations(store, window) if (row[2], row[5].partition(" (")[0]) not in said]
    names = {run.run_id: run.label or run.cell for run in runs}
    found = list(_grouped(told, names))
    order = tuple(Severity)
    return tuple(sorted(found, key=lambda mark: (-order.index(mark.severity), -mark.last_unix_s)))


_Told = tuple[Severity, str, str, str, float, str]


def _is_reason(row: _Told, reason: str) -> bool:
    """Return whether an event says what its run's reason says: its kind with a colon, or its whole sentence."""
    return any(part.startswith(f"{row[1]}: ") or part == row[5] for part in reason.split(ALSO))


def _deviations(store: Store, window: Window) -> Iterator[_Told]:
    with explained(store.path):
        rows = store.connection.execute(_DEVIATIONS, (window.since_unix_s,)).fetchall()
    for run_id, channel, category, started, ended, effect in rows:
        lasted = "still so" if ended is None else f"for {duration_words(ended - started)}"
        yield Severity.WARNING, category.replace("_", " "), run_id, channel, started, f"{effect} ({lasted})"


def _grouped(told: Sequence[_Told], names: dict[str, str]) -> Iterator[Mark]:
    """Yield a mark for each kind of a run; where a kind concerns many runs, one for all of them."""
    by_kind = sorted(told, key=lambda row: row[1])
    for kind, of_kind in groupby(by_kind, key=lambda row: row[1]):
        rows = list(of_kind)
        channels = dict.fromkeys(row[3] for row in rows)
        if len(channels) > MOST_LINES:
            yield _mark(kind, f"{len(channels)} channels: {', '.join(channels)}", rows)
            continue
        for run_id, of_run in groupby(sorted(rows, key=lambda row: row[2]), key=lambda row: row[2]):
            mine = list(of_run)
            yield _mark(kind, f"{mine[0][3]} {names.get(run_id, '')} ({run_id})", mine)


def _mark(kind: str, where: str, rows: Sequence[_Told]) -> Mark:
    last = max(rows, key=lambda row: row[4])
    gravest = max((row[0] for row in rows), key=tuple(Severity).index)
    return Mark(gravest, kind, where, len(rows), last[4], last[5])


def rig_lines(
    store: Store,
    events: Sequence[Event],
    window: Window,
    machine_unix_s: float,
    live: LiveRack | None,
    no_service: str,
    records: int,
    live_runs: int,
    simulated: bool,
) -> tuple[RigLine, ...]:
    """Return sentences on the rig, those that need a person first.

    ``no_service`` says why no service told anything, ``records`` how many were made within the window, ``live_runs``
    how many runs go on by the store. ``simulated`` runs can be made again: they need no backup. Disk and backups go by
    this machine's clock.
    """
    lines = [_service(live, no_service, live_runs)]
    lines += [RigLine("rack", note, needs=True) for note in (live.notes if live else ())]
    lines += _own_events(events)
    lines.append(_disk(store.path, records, window))
    lines += [replace(line, needs=line.needs and not simulated) for line in _backup(store, events, machine_unix_s)]
    if (log := wal_size_bytes(store.path)) > WAL_CAP_BYTES:
        told = f"the store's log has {megabytes(log)}; close what has the store open for reading"
        lines.append(RigLine("log", told, needs=True))
    return tuple(sorted(lines, key=lambda line: not line.needs))


def _service(live: LiveRack | None, no_service: str, live_runs: int) -> RigLine:
    if live is not None:
        return RigLine("service", f"answers at {live.url} and watches {live.channels} channels")
    if live_runs:
        runs = "1 run goes on" if live_runs == 1 else f"{live_runs} runs go on"
        what = "cellrig watches and stops nothing now, each tester goes on as it does when this machine dies"
        return RigLine("service", f"{no_service}. By the store {runs}: {what}. Start it: cellrig serve", needs=True)
    return RigLine("service", f"{no_service}. By the store no run goes on")


def _own_events(events: Sequence[Event]) -> Iterator[RigLine]:
    """Yield what happened to the rig as a whole: ends of the service, and each kind of warning with its last one."""
    own = [event for event in events if event.run_id is None]
    for kinds in _LATEST_COUNTS:
        newest = [event for event in own if event.kind in kinds][-1:]
        own = [event for event in own if event.kind not in kinds] + newest
    for event in own:
        if event.kind in (EventKind.SERVICE_AWAY, EventKind.SERVICE_STOPPED):
            yield RigLine("service", f"{local_time(event.at_unix_s)}: {event.sentence}")
    starts = [event for event in own if event.kind == EventKind.SERVICE_STARTED]
    if len(starts) > 1:
        last = local_time(starts[-1].at_unix_s)
        yield RigLine("service", f"was started {len(starts)} times, last at {last}")
    grave = [event for event in own if event.severity.is_at_least(Severity.WARNING) and event.kind not in _OWN_LINES]
    for kind, of_kind in groupby(sorted(grave, key=lambda event: str(event.kind)), key=lambda event: str(event.kind)):
        rows = list(of_kind)
        often = f" ({len(rows)} times)" if len(rows) > 1 else ""
        needs = rows[-1].severity is Severity.ALARM
        yield RigLine(kind, f"{local_time(rows[-1].at_unix_s)}{often}: {rows[-1].sentence}", needs)


def _disk(path: Path, records: int, window: Window) -> RigLine:
    """Say how much room there is, and for how many days at the rate of the report's time."""
    free = free_bytes(path.parent)
    verdict = space_verdict(free, 0, int(reserve_path(path).exists()))
    days = (window.now_unix_s - window.since_unix_s) / 86_400
    bytes_a_day = records * ROW_BYTES / days if days > 0 else 0.0
    lasts = free / bytes_a_day if bytes_a_day else None
    told = f"{megabytes(free)} free"
    if lasts is not None and lasts < _TOLD_DAYS:
        told += f", for {f'about {lasts:.0f} days' if lasts >= 2 else f'about {24 * lasts:.0f} h'} at this rate"
    if verdict is SpaceVerdict.OK:
        return RigLine("disk", told)
    return RigLine("disk", f"{told}; free space now", needs=True)


def _backup(store: Store, events: Sequence[Event], machine_unix_s: float) -> Iterator[RigLine]:
    """Yield how old the newest backup is that lies beside the store; one made elsewhere is known by its event."""
    found = [made for made, _ in backups(store.path) if made <= machine_unix_s + CLOCKS_DIFFER_S]
    told = [event for event in events if event.kind == EventKind.BACKUP]
    # Whoever reads it stands elsewhere, at a mail or another machine.
    make = f"make one: cellrig store backup --store {quote(str(real_path(store.path)))}"
    if found:
        age_s = machine_unix_s - found[0]
        old = f"the newest beside the store is {duration_words(age_s)} old"
        yield RigLine("backup", old if age_s <= BACKUP_AGE_S else f"{old}; {make}", needs=age_s > BACKUP_AGE_S)
    elif told:
        yield RigLine("backup", f"made at {local_time(told[-1].at_unix_s)}: {told[-1].sentence}")
    elif store.runs():
        yield RigLine("backup", f"there is none beside the store; {make}", needs=True)
