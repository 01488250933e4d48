"""Makes the morning report of a rig from its store, and from what its service says if one answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from orchestrator.analysis.summary import ended_unix_s
from orchestrator.clock.local_time import local_time
from orchestrator.events import Event
from orchestrator.events.to_do import lost_its_cell
from orchestrator.report.morning import Morning, RunLine
from orchestrator.report.morning_live import LiveRack
from orchestrator.report.morning_rig import events_since, marks, rig_lines
from orchestrator.report.morning_runs import Window, is_last_on_channel, run_line, waits_for_a_person
from orchestrator.states import RunState
from orchestrator.store import RunRow, Store
from orchestrator.store.errors import explained
from orchestrator.store.place import real_path

USUAL_S = 86_400.0
"""The time of a report, unless it is said: a day, so that one a morning tells everything once."""
_NEWEST = """
SELECT max(coalesce((SELECT max(at_unix_s) FROM event), 0.0), (SELECT max(state_unix_s) FROM run),
    coalesce((SELECT max(started_unix_s + max(
        coalesce((SELECT time_s FROM sample WHERE test = test.id ORDER BY sequence DESC LIMIT 1), 0.0),
        coalesce((SELECT last_time_s FROM archived_test WHERE archived_test.test = test.id), 0.0))) FROM test), 0.0))
"""


class NothingYet(ValueError):
    """The report would begin after the newest moment of the rig; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a report comes from: ``live`` None has its reason in ``no_service``; ``machine_unix_s`` is people's time.

    ``since_unix_s`` None: a day before the newest moment. ``zone`` None is this machine's.
    """

    machine_unix_s: float
    live: LiveRack | None = None
    no_service: str = ""
    since_unix_s: float | None = None
    lasting_s: float = USUAL_S
    zone: tzinfo | None = None


def morning(store: Store, sources: Sources) -> Morning:
    """Read the report. Raises StoreError, and NothingYet."""
    runs, live = [run for run in store.runs() if run.imported_from is None], sources.live
    updates = dict(live.runs) if live else {}
    simulated = bool(runs) and all(run.simulated for run in runs)
    # A simulated rack has a clock of its own, which may be months away from people's.
    now_unix_s = (_newest_unix_s(store) if simulated else None) or sources.machine_unix_s
    since_unix_s = now_unix_s - sources.lasting_s if sources.since_unix_s is None else sources.since_unix_s
    if since_unix_s >= now_unix_s:
        raise NothingYet(f"the report goes from then to {local_time(now_unix_s)}: say a moment before")
    window = Window(since_unix_s, now_unix_s)
    events = events_since(store, since_unix_s)
    told = {run.run_id: run_line(store, run.run_id, window, updates) for run in runs if _counts(run, store, window)}
    going = [line for line in told.values() if not line.state.is_over]
    begun = {line.channel for line in going if line.state is not RunState.QUEUED}
    needs = [line for line in told.values() if waits_for_a_person(line) and not _waits_behind(line, begun)]
    running = [line for line in going if line not in needs and line.state is not RunState.QUEUED]
    stopped = [line for line in told.values() if line.state.is_over and line not in needs]
    records = sum(line.numbers.records for line in told.values())
    on = sum(line.state.is_live for line in going)
    rig = rig_lines(store, events, window, sources.machine_unix_s, live, sources.no_service, records, on, simulated)
    reasons = {line.run_id: line.reason for line in (*needs, *stopped)}
    return Morning(
        store=str(real_path(store.path)),
        since_unix_s=since_unix_s,
        now_unix_s=now_unix_s,
        by_service=live is not None,
        simulated=simulated,
        source=_source(sources, now_unix_s, events),
        needs=tuple(sorted(needs, key=lambda line: (line.state.urgency, _rack_order(line)))),
        elsewhere=live.working if live else (),
        stopped=tuple(sorted(stopped, key=lambda line: -line.since_unix_s)),
        ending=tuple(_ending(running, window, sources.zone)),
        running=tuple(sorted(running, key=_rack_order)),
        waiting=tuple(line for line in going if line.state is RunState.QUEUED and line not in needs),
        marks=marks(store, events, runs, reasons, window),
        rig=rig,
    )


def _waits_behind(line: RunLine, begun: set[str]) -> bool:
    """Return whether a queued run waits behind another one of its channel: nobody needs to bring its cell yet."""
    return line.state is RunState.QUEUED and line.channel in begun


def _newest_unix_s(store: Store) -> float | None:
    """Return the newest moment that a store tells of."""
    with explained(store.path):
        (newest,) = store.connection.execute(_NEWEST).fetchone()
    return None if newest is None else float(newest)


def _counts(run: RunRow, store: Store, window: Window) -> bool:
    """Return whether a run went on within the window: it is not over, or it ended since, or its cell is lost still."""
    if not run.state.is_over:
        return True
    if lost_its_cell(run.state, run.reason) and is_last_on_channel(store, run.run_id, run.channel):
        return True
    if run.state_unix_s < window.since_unix_s:
        return False
    ended = ended_unix_s(run, store)
    return ended is not None and ended >= window.since_unix_s


def _source(sources: Sources, now_unix_s: float, events: list[Event]) -> str:
    """Say who told the states, and how new that is."""
    if sources.live is not None:
        return f"States are those that the service told at {local_time(now_unix_s)}."
    newest = f", whose newest event is of {local_time(events[-1].at_unix_s)}" if events else ""
    return f"No service told anything: states are those of the store{newest}."


def _ending(running: list[RunLine], window: Window, zone: tzinfo | None) -> list[RunLine]:
    """Return the runs that are expected to end before midnight, the first one first."""
    now = datetime.fromtimestamp(window.now_unix_s, UTC).astimezone(zone)
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    # What should have ended before the report's time has stood still since: that is no end of today.
    due = [
        (line.expected_end_unix_s, line)
        for line in running
        if line.expected_end_unix_s is not None
        and window.since_unix_s <= line.expected_end_unix_s < tomorrow.timestamp()
    ]
    return [line for _, line in sorted(due, key=lambda pair: pair[0])]


def _rack_order(line: RunLine) -> tuple[object, ...]:
    """Return the key by which channels stand as on the rack: 21-1-10 behind 21-1-9."""
    parts = line.channel.split("-")
    return (tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts), line.run_id)
