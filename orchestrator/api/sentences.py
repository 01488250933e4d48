"""Describes runs, channels and events in sentences for technicians."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from drivers.interfaces import BatteryTester
from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.events import EventKind, RunUpdate
from orchestrator.events.run_words import over_words, run_words
from orchestrator.events.to_do import lost_its_cell, what_to_do
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.rack.service import Service
from orchestrator.runs.recovery import Verdict
from orchestrator.states import RunState
from orchestrator.store import DeviationCategory, EndedRun, EventRow, MountingKind, Mountings, RunOnChannel, Store

logger = logging.getLogger(__name__)

_TOLD = frozenset(
    {
        EventKind.SERVICE_AWAY,
        EventKind.STORE_DOUBTED,
        EventKind.RECOVERED,
        EventKind.LINK_LOST,
        EventKind.LINK_BACK,
        EventKind.ENDED,
        EventKind.COMMAND,
        EventKind.CELL_MOUNTED,
        EventKind.CHANNEL_EMPTY,
        EventKind.EXTERNAL_ACTION,
        EventKind.LATE_START,
        EventKind.TESTER_PROTECTED,
        EventKind.STOP_NOT_CONFIRMED,
        EventKind.NOTICES_FAILED,
        EventKind.NOTICES_WORK,
        EventKind.BROKER_LOST,
        EventKind.BROKER_BACK,
    }
)
# Their sentences need no kind in front.
# A message on a soft short begins with what it is: suspected, probable, or a verdict of the spectra.
_PLAIN = frozenset(
    {
        EventKind.SERVICE_AWAY,
        EventKind.COMMAND,
        EventKind.CELL_MOUNTED,
        EventKind.CHANNEL_EMPTY,
        EventKind.SOFT_SHORT,
    }
)
_RECOVERED = {
    Verdict.QUEUE: "was waiting in its queue, and still does",
    Verdict.ADOPT: "went on in the tester by itself; its records are fetched and it is watched again",
    Verdict.HOLD: "could not go on and is held",
    Verdict.STOP: "was to be stopped and still worked; it is stopped now",
    Verdict.FAIL: "had not been started and is not started again",
}


def needs_person(update: RunUpdate | None, mounted: RunOnChannel | None = None, ended: EndedRun | None = None) -> bool:
    """Return whether a person must act on a run, or on the cell that an ended run has lost, as ``channel_words``."""
    return (update is not None and update.state.needs_person) or bool(_about_lost_cell(update, mounted, ended, ""))


def _about_lost_cell(
    update: RunUpdate | None, mounted: RunOnChannel | None, ended: EndedRun | None, channel: str
) -> str:
    """Say what a person does where a run ended without contact to its cell, until it is said what is there now."""
    over = update if update is not None and mounted is not None and update.run_id == mounted.run_id else ended
    if mounted is None or over is None or not lost_its_cell(over.state, over.reason):
        return ""
    return what_to_do(over.state, over.run_id, channel, over.reason)


def channel_words(
    update: RunUpdate | None,
    queued: Sequence[str],
    channel: str = "",
    works: str = "",
    stop: str = "",
    mounted: RunOnChannel | None = None,
    begins: Mapping[str, float] = MappingProxyType({}),
    ended: EndedRun | None = None,
) -> str:
    """Describe the present activity of a channel in a sentence; ``works``: what it does without a run of ours.

    ``mounted``: the run whose cell is on it. An empty channel is free. ``begins``: when waiting runs begin, by run id.
    ``ended``: what the store has of the mounted run, or of the last run of an empty channel, where that is over.
    """
    goes_on = update is not None and not update.state.is_over
    said = run_words(update) if update is not None and goes_on else _idle_words(update, mounted, queued, ended)
    if not goes_on and (to_do := _about_lost_cell(update, mounted, ended, channel)):
        said += f". {to_do}"
    if works:
        before = f" (its run before: {run_words(update)})" if update is not None else ""
        said = f"{works}. If it must be off: cellrig stop --channel {channel}{before}"
    said += f"; {stop}" if stop else ""
    rows = [f"{run}, from about {local_time(begins[run])}" if run in begins else run for run in queued]
    return f"{said}; {len(queued)} waiting ({'; '.join(rows) if begins else ', '.join(rows)})" if queued else said


def _idle_words(
    last: RunUpdate | None, mounted: RunOnChannel | None, queued: Sequence[str], over: EndedRun | None
) -> str:
    """Describe a channel without a run that goes on: free when it is empty, else with the cell that is still on it."""
    if mounted is None:
        empty = "empty" if queued else "free"
        before = run_words(last) if last is not None else over_words(over) if over is not None else ""
        return f"{empty}; {before}" if before else empty
    ended = f"{mounted.run_id} {mounted.state.value}"
    if not mounted.state.is_over:
        return f"{ended} ({mounted.label}) when the service ended; what became of it is being asked"
    if last is not None and last.run_id == mounted.run_id:
        ended = run_words(last)
    elif over is not None:
        ended = over_words(over)
    return f"idle, cell {mounted.label} still mounted; {ended}; since {local_time(mounted.state_unix_s)}"


def channel_use(
    update: RunUpdate | None, queued: Sequence[str], mounted: RunOnChannel | None, works: str
) -> ChannelUse:
    """Return whether a channel is empty, has the cell of an ended run on it, or is busy: a run of it is not over."""
    goes_on = (update is not None and not update.state.is_over) or (mounted is not None and not mounted.state.is_over)
    if works or queued or goes_on:
        return ChannelUse.BUSY
    return ChannelUse.FREE if mounted is None else ChannelUse.IDLE


def waiting(service: Service, channel: str) -> list[str]:
    """Describe the queued runs of a channel that do not start before a person says so."""
    runs = [run for run in service.runs if run.request.channel == channel and run.status.waits_for_a_word]
    return [f"{run.run_id} {run.reason}" for run in runs]


def stop_words(service: Service, channel: str) -> str:
    """Say that a stop is ordered on a channel and not confirmed; empty when none is."""
    watch = service.supervisor_of(channel).watch
    runs = [run for run in service.runs if run.request.channel == channel]
    pending = [run for run in runs if run.status.stop_is_pending and not run.stopping.is_confirmed]
    if channel in watch.ordered or pending or any(run.is_called_off for run in runs):
        return "a stop is ordered and not confirmed yet"
    return ""


def since_start(store: Store, most: int = 50) -> list[tuple[float, str | None, str]]:
    """Return the events since the service was last started: time, run and sentence, the oldest first."""
    sql = "SELECT max(id) FROM event WHERE kind = ? AND run_id IS NULL"
    (start,) = store.connection.execute(sql, (EventKind.SERVICE_STARTED,)).fetchone()
    rows = _newest_told(store, start or 0, most)
    return [(row.at_unix_s, row.run_id, _event_words(row)) for row in rows]


def _newest_told(store: Store, start: int, most: int) -> list[EventRow]:
    """Return the newest events that are told, since event ``start``, the oldest first."""
    columns = "id, run_id, kind, message, at_unix_s, data_json"
    kinds = ", ".join("?" * len(_TOLD))
    # That the store went back, and how the service before ended, is written just before the start of this one.
    before = store.connection.execute(
        "SELECT id, kind FROM event WHERE id < ? ORDER BY id DESC LIMIT 2", (start,)
    ).fetchall()
    first = start
    for kind in (EventKind.SERVICE_AWAY, EventKind.STORE_DOUBTED):
        if before and before[0][1] == kind:
            first = before.pop(0)[0]
    sql = f"SELECT {columns} FROM event WHERE id >= ? AND kind IN ({kinds}) ORDER BY id DESC LIMIT ?"  # noqa: S608 - names of ours and marks
    found = store.connection.execute(sql, (first, *sorted(_TOLD), most))
    return [EventRow(*row) for row in reversed(found.fetchall())]


def _event_words(row: EventRow) -> str:
    if row.kind != EventKind.RECOVERED:
        return row.message if row.kind in _PLAIN else f"{row.kind}: {row.message}"
    verdict, _, reason = row.message.partition(": ")
    known = {member.value: words for member, words in _RECOVERED.items()}
    return f"{known.get(verdict, verdict)} ({reason})"


def meanwhile(testers: Iterable[BatteryTester]) -> str:
    """Say of each tester, by its own word, what its channels do while no service runs."""
    return "; ".join(tester.host_loss.sentence(tester.name) for tester in testers)


def note_start(
    store: Store,
    testers: Iterable[BatteryTester],
    last_alive_unix_s: float | None,
    now_unix_s: float,
    missing: str = "",
) -> None:
    """Store, at a start, an event on how the earlier service ended, and one on what is ``missing`` of its commits."""
    if missing:
        logger.error("%s", missing)
        with store.transaction():
            store.add_event(None, EventKind.STORE_DOUBTED, missing, now_unix_s)
            for row in store.runs():
                if row.state is RunState.QUEUED:
                    # What was said of its cell may be undone by what is missing: it waits for a new word.
                    Mountings(store).add(row.channel, MountingKind.QUEUED, row.run_id, "", now_unix_s)
                if not row.state.is_over:
                    store.add_deviation(row.run_id, DeviationCategory.SOFTWARE_ERROR, now_unix_s, now_unix_s, missing)
    if last_alive_unix_s is not None:
        away = duration_words(now_unix_s - last_alive_unix_s)
        what = f"the service died without a word and was away for {away}; {meanwhile(testers)}"
        store.add_event(None, EventKind.SERVICE_AWAY, what, now_unix_s)


def current(service: Service, channel: str) -> tuple[RunUpdate | None, list[str]]:
    """Return a channel's run, the newest that has begun, and the waiting runs."""
    runs = [run for run in service.runs if run.request.channel == channel]
    begun = [run for run in runs if run.state is not RunState.QUEUED]
    held = [run for run in begun if not run.state.has_ended or run.state.needs_person]
    chosen = (held or begun)[-1:]
    return chosen[0].update() if chosen else None, [run.run_id for run in runs if run.state is RunState.QUEUED]


def undecided(service: Service) -> list[str]:
    """Describe the runs of an earlier process that are not recovered yet, because their tester has not answered."""
    over = [state.value for state in RunState if state.is_over]
    marks = ", ".join("?" * len(over))
    sql = f"SELECT run_id, channel, state FROM run WHERE state NOT IN ({marks}) ORDER BY number"  # noqa: S608 - marks only
    known = {run.run_id for run in service.runs}
    return [
        f"{run_id} on {channel} was {state} when the service ended; what became of it is being asked of the tester"
        for run_id, channel, state in service.store.connection.execute(sql, over).fetchall()
        if run_id not in known
    ]
